"""The admin site: who may in, what its pages may load, what it shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse

from commands.models import Poll
from core.accounts.models import User
from core.accounts.sign_in import sign_in
from core.clients import address_of
from core.errors import RateLimited, Unavailable
from core.limits import auth_limit
from pages.admin.polls import PollAdmin
from pages.admin.users import AccountAdmin

# Django's own pages get by with this: no script and no style stands in their markup.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class SignInForm(AdminAuthenticationForm):
    """Signs in under the same limits as the API."""

    def clean(self) -> dict[str, Any]:
        if self.request is None:
            raise self.get_invalid_login_error()
        address = address_of(self.request)
        try:
            auth_limit().take_now(address)
            user = sign_in(self.request, username=self.cleaned_data.get("username", ""), password=self.cleaned_data.get("password", ""), address=address)
        except (RateLimited, Unavailable) as refusal:
            raise forms.ValidationError(refusal.detail, code=refusal.type) from refusal
        if user is None:
            raise self.get_invalid_login_error()
        self.confirm_login_allowed(user)
        self.user_cache = user
        return self.cleaned_data


def only_from_here(view: Callable[..., Any]) -> Callable[..., HttpResponse]:
    """The view, its answers telling browsers to load nothing from elsewhere."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = view(*args, **kwargs)
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    return guarded


class NexusAdminSite(AdminSite):
    site_header = site_title = "Nexus"
    index_title = "What would you like to look after?"
    login_form = SignInForm
    enable_nav_sidebar = False  # three lists need none, and the table needs the room

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002  (Django's signature)
        return only_from_here(super().admin_view(view, cacheable))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return only_from_here(super().login)(request, extra_context)


site = NexusAdminSite(name="admin")
site.disable_action("delete_selected")  # one by one, and as the write side allows
site.register(Poll, PollAdmin)
site.register(User, AccountAdmin)
site.register(Group, GroupAdmin)
