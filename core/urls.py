"""Which path goes to which part; the lean handlers are routed before this, in `core/asgi.py`."""

from __future__ import annotations

from django.urls import include, path, re_path

from commands.apis import ClosePollApi, CreatePollApi, DeletePollApi, EditPollApi, IssueCodesApi, PublishPollApi
from core import error_views
from core.accounts.apis import LogoutApi, MeApi, RegisterApi, TokenApi, TokenRefreshApi
from core.accounts.password_apis import ChangePasswordApi, ConfirmResetApi, ResetPasswordApi
from core.doc_views import DocsView, RedocView, SchemaView, redoc_script
from core.health import livez, readyz
from core.metrics import metrics_view
from pages.admin.site import site
from projections.apis import ListPollsApi, ReadPollApi


class Polls(ListPollsApi, CreatePollApi):
    """One path, both sides: reading polls, making one."""


class Poll(ReadPollApi, EditPollApi, DeletePollApi):
    """One path, both sides: reading a poll, changing it."""


_accounts = [
    path("register", RegisterApi.as_view()),
    path("token", TokenApi.as_view()),
    path("token/refresh", TokenRefreshApi.as_view()),
    path("logout", LogoutApi.as_view()),
    path("me", MeApi.as_view()),
    path("password/change", ChangePasswordApi.as_view()),
    path("password/reset", ResetPasswordApi.as_view()),
    path("password/reset/confirm", ConfirmResetApi.as_view()),
]

_polls = [
    path("polls", Polls.as_view()),
    path("polls/<uuid:poll_id>", Poll.as_view()),
    path("polls/<uuid:poll_id>/publish", PublishPollApi.as_view()),
    path("polls/<uuid:poll_id>/close", ClosePollApi.as_view()),
    path("polls/<uuid:poll_id>/codes", IssueCodesApi.as_view()),
]

_documentation = [
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    path("redoc/", RedocView.as_view(), name="redoc"),
    path("redoc/redoc.js", redoc_script, name="redoc-script"),
]

urlpatterns = [
    path("api/v1/auth/", include(_accounts)),
    path("api/v1/", include(_polls)),
    path("api/", include(_documentation)),
    re_path(r"^api/", error_views.unknown_api_path),
    path("problems/<slug:problem_type>", error_views.explain_problem, name="problem"),
    path("livez", livez),
    path("readyz", readyz),
    path("metrics", metrics_view),
    path("admin/", site.urls),
    path("", include("pages.urls")),
]

handler400 = error_views.bad_request
handler403 = error_views.permission_denied
handler404 = error_views.not_found
handler500 = error_views.server_error
