"""Filters of the admin's list of polls: by the clock, by votes, by owner."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from core.accounts.models import User
from core.shapes import STATES
from projections.poll_lists import in_state

_OWNERS_SHOWN = 20


class StateFilter(SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:  # noqa: ARG002  (Django's signature)
        return [(state, state) for state in STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        state = self.value()
        return queryset.filter(in_state(state, timezone.now())) if state in STATES else queryset


class VotesFilter(SimpleListFilter):
    """By `ballots`, which the list annotates from the tallies."""

    title = "votes"
    parameter_name = "votes"
    _RANGES = {"none": (0, 0), "1-99": (1, 99), "100-9999": (100, 9_999), "10000-": (10_000, None)}  # noqa: RUF012  (never changed)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:  # noqa: ARG002
        return [("none", "none"), ("1-99", "1 to 99"), ("100-9999", "100 to 9,999"), ("10000-", "10,000 or more")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() not in self._RANGES:
            return queryset
        least, most = self._RANGES[str(self.value())]
        queryset = queryset.filter(ballots__gte=least)
        return queryset if most is None else queryset.filter(ballots__lte=most)


class OwnerFilter(SimpleListFilter):
    """Oneself, and those who made polls most recently; others are found by search."""

    title = "owner"
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:  # noqa: ARG002
        recent = User.objects.filter(polls__isnull=False).annotate(newest=Max("polls__created_at")).order_by("-newest")[:_OWNERS_SHOWN]
        return [("me", "me"), *((owner.username, owner.username) for owner in recent)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        name = self.value()
        if name is None:
            return queryset
        return queryset.filter(owner=request.user.pk) if name == "me" else queryset.filter(owner__username=name)
