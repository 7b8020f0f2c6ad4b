"""The pages' paths; poll pages are found by slug."""

from __future__ import annotations

from django.urls import path

from pages.views.home import home
from pages.views.results import results
from pages.views.vote import vote

urlpatterns = [
    path("", home, name="home"),
    path("polls/<slug:slug>", vote, name="vote"),
    path("polls/<slug:slug>/results", results, name="results"),
]
