"""The two paths that are compared, and whether it is up."""

from __future__ import annotations

from django.urls import path

from bench.peers.drf.polls.views import HealthView, ResultsView, VotesView

urlpatterns = [
    path("api/v1/polls/<uuid:poll_id>/votes", VotesView.as_view()),
    path("api/v1/polls/<uuid:poll_id>/results", ResultsView.as_view()),
    path("healthz", HealthView.as_view()),
]
