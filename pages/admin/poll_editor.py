"""The admin's page of one poll: its form, its results, and saving through the write side's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from commands.facts import facts_of
from commands.handlers import EDITABLE_WHEN_CLOSED, EDITABLE_WITH_VOTES, create_poll, edit_poll
from commands.models import Poll
from core.accounts.models import User
from core.errors import NexusError, ValidationError
from core.events import CLOSED, DRAFT, PollFacts
from pages.admin.poll_forms import (
    BLANK_QUESTIONS,
    FIELDS,
    PollForm,
    initial_poll,
    initial_questions,
    place_faults,
    poll_body,
    question_body,
    question_form_set,
    questions_body,
)
from pages.presenting import POLL_ORDER, results_view
from projections.selectors import results_document

if TYPE_CHECKING:
    from pages.admin.polls import PollAdmin

_MORE = "_more"
_TOTAL = "questions-TOTAL_FORMS"


def edit_page(poll_admin: PollAdmin, request: HttpRequest, poll: Poll | None) -> HttpResponse:
    """Shows the form of a poll, or of a new one, and saves what was sent; the caller has checked that they may look."""
    return _Editor(poll_admin, request, poll).answer()


class _Editor:
    def __init__(self, poll_admin: PollAdmin, request: HttpRequest, poll: Poll | None) -> None:
        self.admin, self.request, self.poll = poll_admin, request, poll
        self.facts = None if poll is None else facts_of(poll)
        self.document = None if poll is None else results_document(poll_id=poll.pk)
        self.state = DRAFT if self.facts is None else self.facts.state(timezone.now())
        self.may_change = poll is None or poll_admin.has_change_permission(request, poll)
        self.editable = self._editable()
        data = request.POST.copy() if request.method == "POST" else None
        if data is not None and _MORE in data:
            total = str(data.get(_TOTAL, ""))
            data[_TOTAL] = str(int(total) + BLANK_QUESTIONS) if total.isdecimal() and len(total) < 4 else "1"
        self.form = PollForm(data, initial={} if self.facts is None else initial_poll(self.facts))
        for name, field in self.form.fields.items():
            field.disabled = name not in self.editable
        if self.facts is not None:
            del self.form.fields["draft"]  # the button publishes
        initial = [] if self.facts is None else initial_questions(self.facts)
        self.questions = question_form_set(blank=BLANK_QUESTIONS if self.facts is None else 0)(
            data if "questions" in self.editable else None, initial=initial, prefix="questions"
        )

    def _editable(self) -> frozenset[str]:
        """Which fields may be changed, as far as can be said beforehand; the write side decides."""
        if not self.may_change:
            return frozenset()
        if self.state == CLOSED:
            return EDITABLE_WHEN_CLOSED
        if self.document is not None and self.document.ballots:
            return EDITABLE_WITH_VOTES
        return frozenset({*FIELDS, "questions"})

    def answer(self) -> HttpResponse:
        if self.request.method == "POST" and self.may_change and _MORE not in self.request.POST and self._shapes_are_right():
            try:
                saved = self._save()
            except ValidationError as error:
                place_faults(error.errors, self.form, self._sent())
            except NexusError as refusal:
                self.form.add_error(None, refusal.detail)
            else:
                messages.success(self.request, f"“{saved.title}” is saved.")
                page = "changelist" if "_save" in self.request.POST else "change"
                return HttpResponseRedirect(reverse(f"admin:commands_poll_{page}", args=[] if page == "changelist" else [saved.id]))
        return TemplateResponse(self.request, "pages/admin/poll.html", self._context())

    def _shapes_are_right(self) -> bool:
        valid = self.form.is_valid()
        return (not self.questions.is_bound or self.questions.is_valid()) and valid

    def _sent(self) -> list[forms.Form]:
        """The forms of questions that say something and are not to be deleted, in their order."""
        return [form for form in self.questions.ordered_forms if form.cleaned_data.get("text") or form.cleaned_data.get("choices")]

    def _save(self) -> PollFacts:
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101  (the admin lets nobody else in)
        if self.poll is None or self.facts is None:
            saved = create_poll(owner=user, body={**poll_body(self.form, FIELDS), "questions": questions_body(self._sent())})
            self.admin.log_addition(self.request, Poll(pk=saved.id, title=saved.title), "Made")
            return saved
        named = [name for name in self.form.changed_data if name in self.editable]
        body: dict[str, Any] = poll_body(self.form, named)
        if self.questions.is_bound:
            questions = questions_body(self._sent())
            if questions != [question_body(each) for each in initial_questions(self.facts)]:
                body["questions"] = questions
        saved = edit_poll(poll_id=self.poll.pk, actor=user, body=body)
        self.admin.log_change(self.request, self.poll, f"Changed: {', '.join(body) or 'nothing'}")
        return saved

    def _context(self) -> dict[str, Any]:
        poll = self.poll
        return {
            **self.admin.admin_site.each_context(self.request),
            "title": "Add poll" if poll is None else "Poll" if self.may_change else "View poll",
            "subtitle": None if poll is None else str(poll),
            "opts": self.admin.opts,
            "original": poll,
            "form": self.form,
            "questions": self.questions,
            "questions_editable": "questions" in self.editable,
            "errors": bool(self.form.errors or (self.questions.is_bound and any(self.questions.errors))) and _MORE not in self.request.POST,
            "state": self.state,
            "results": None if self.document is None else results_view(self.document, state=self.state, order=POLL_ORDER),
            "may_change": self.may_change,
            "may_publish": poll is not None and self.may_change and self.state == DRAFT,
            "may_close": poll is not None and self.may_change and self.state not in {DRAFT, CLOSED},
            "may_delete": poll is not None and self.admin.has_delete_permission(self.request, poll),
            "may_save": self.may_change and bool(self.editable),
        }
