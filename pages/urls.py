"""The pages' paths; poll pages are found by slug."""

from __future__ import annotations

from django.urls import path

from pages.views.account import enter, leave, register
from pages.views.embed import embed, embed_results
from pages.views.home import home
from pages.views.password import ask_for_link, choose_password
from pages.views.results import results
from pages.views.vote import vote

urlpatterns = [
    path("", home, name="home"),
    path("account/sign-in", enter, name="sign-in"),
    path("account/register", register, name="register"),
    path("account/sign-out", leave, name="sign-out"),
    path("account/reset", ask_for_link, name="admin_password_reset"),  # by this name the admin's sign-in page links to it
    path("account/reset/<uuid:uid>/<str:token>", choose_password, name="reset-password"),
    path("polls/<slug:slug>", vote, name="vote"),
    path("polls/<slug:slug>/results", results, name="results"),
    path("polls/<slug:slug>/embed", embed, name="embed"),
    path("polls/<slug:slug>/embed/results", embed_results, name="embed-results"),
]
