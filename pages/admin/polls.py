"""Polls in the admin: the list with their votes, and what may be done to them, through the write side's commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from commands.handlers import close_poll, delete_poll, publish_poll
from commands.models import Poll
from core.accounts.models import User
from core.errors import NexusError
from core.events import PollFacts, poll_state
from pages.admin.poll_editor import edit_page
from pages.admin.poll_filters import OwnerFilter, StateFilter, VotesFilter
from pages.admin.results_csv import MOST_POLLS, polls_csv
from projections.standings import standing_ballots

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Poll]
else:
    _ModelAdmin = admin.ModelAdmin

_Change = Callable[..., PollFacts]
_VERBS: dict[str, tuple[_Change, str]] = {"_publish": (publish_poll, "published"), "_close": (close_poll, "closed")}


class PollAdmin(_ModelAdmin):
    """`ballots` of the list comes from the tallies; nothing here reads votes, and no page shows one."""

    list_display = ("title", "state", "ballots", "owner", "who_votes", "listed", "made", "ends")
    list_filter = (StateFilter, VotesFilter, "voters", "results", OwnerFilter)
    list_select_related = ("owner",)
    search_fields = ("title", "description", "slug", "owner__username")
    search_help_text = "title, description, address or owner"
    ordering = ("-created_at",)
    date_hierarchy = None
    list_per_page = 50
    show_full_result_count = False
    actions = ("publish", "close", "export_csv")

    class Media:
        css = {"all": ("pages/admin.css",)}  # noqa: RUF012  (Django's form)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Poll]:
        return super().get_queryset(request).annotate(ballots=standing_ballots())

    @admin.display(description="votes", ordering="ballots")
    def ballots(self, poll: Any) -> str:
        return f"{poll.ballots:,}"

    @admin.display(description="state")
    def state(self, poll: Poll) -> str:
        return state_of(poll)

    @admin.display(description="voters", ordering="voters")
    def who_votes(self, poll: Poll) -> str:
        return poll.voters

    @admin.display(description="made (UTC)", ordering="created_at")
    def made(self, poll: Poll) -> str:
        return f"{poll.created_at:%Y-%m-%d %H:%M}"

    @admin.display(description="closes (UTC)", ordering="closes_at")
    def ends(self, poll: Poll) -> str:
        return "-" if poll.closes_at is None else f"{poll.closes_at:%Y-%m-%d %H:%M}"

    @admin.action(description="Publish selected polls", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Poll]) -> None:
        self._change_each(request, queryset, "_publish")

    @admin.action(description="Close selected polls for good", permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[Poll]) -> None:
        self._change_each(request, queryset, "_close")

    @admin.action(description="Export results of selected polls (CSV)", permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Poll]) -> HttpResponse | None:
        ids = list(queryset.values_list("pk", flat=True)[: MOST_POLLS + 1])
        if len(ids) > MOST_POLLS:
            self.message_user(request, f"Please select {MOST_POLLS:,} polls at most.", messages.ERROR)
            return None
        named = f"results-{timezone.now():%Y-%m-%dT%H%M%SZ}.csv"
        return HttpResponse(polls_csv(ids), content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{named}"'})

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """Not Django's own, which would open a transaction around the write side's."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return edit_page(self, request, None)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        poll = self._found(request, object_id)
        if isinstance(poll, HttpResponse):
            return poll
        if not self.has_view_or_change_permission(request, poll):
            raise PermissionDenied
        verb = next((verb for verb in _VERBS if verb in request.POST), None)
        if request.method == "POST" and verb is not None:
            if not self.has_change_permission(request, poll):
                raise PermissionDenied
            self._change_each(request, [poll], verb)
            return HttpResponseRedirect(request.path)
        return edit_page(self, request, poll)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method != "POST":
            return super().delete_view(request, object_id, extra_context)
        poll = self._found(request, object_id)
        if isinstance(poll, HttpResponse):
            return poll
        if not self.has_delete_permission(request, poll):
            raise PermissionDenied
        try:
            delete_poll(poll_id=poll.pk, actor=actor_of(request))
        except NexusError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:commands_poll_change", args=[poll.pk]))
        self.log_deletions(request, [poll])  # type: ignore[arg-type]  # any iterable does
        return self.response_delete(request, str(poll), poll.pk)  # type: ignore[arg-type]  # it takes any key

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[str], dict[str, int], set[str], list[str]]:  # noqa: ARG002
        """The polls alone: a list of their choices and codes helps nobody decide."""
        told = [str(poll) for poll in objs]
        return told, {"polls": len(told)}, set(), []

    def _found(self, request: HttpRequest, object_id: str) -> Poll | HttpResponse:
        poll = self.get_object(request, unquote(object_id))
        if poll is None:
            self.message_user(request, "There is no such poll any more.", messages.WARNING)
            return HttpResponseRedirect(reverse("admin:index"))
        return poll

    def _change_each(self, request: HttpRequest, polls: Any, verb: str) -> None:
        change, done = _VERBS[verb]
        changed = 0
        for poll in polls:
            try:
                change(poll_id=poll.pk, actor=actor_of(request))
            except NexusError as refusal:
                self.message_user(request, f"{poll}: {refusal.detail}", messages.ERROR)
            else:
                changed += 1
                self.log_change(request, poll, done.capitalize())
        if changed:
            self.message_user(request, f"{changed} {'poll is' if changed == 1 else 'polls are'} {done}.", messages.SUCCESS)


def state_of(poll: Poll) -> str:
    return poll_state(draft=poll.draft, opens_at=poll.opens_at, closes_at=poll.closes_at, sealed_at=poll.sealed_at, now=timezone.now())


def actor_of(request: HttpRequest) -> User:
    """Who is signed in; the admin lets nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
