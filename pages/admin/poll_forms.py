"""A poll as the admin's form: facts as fields, fields as the body of a command, faults back at their fields."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms

from commands.definitions import QUESTIONS
from core.errors import FieldError
from core.events import PollFacts
from core.shapes import KINDS, RESULTS, VOTERS
from core.times import rfc3339

if TYPE_CHECKING:
    _QuestionFormSet = forms.BaseFormSet["QuestionForm"]
else:
    _QuestionFormSet = forms.BaseFormSet

_TEXTS, _CHOSEN, _FLAGS, _TIMES = ("title", "description"), ("voters", "results"), ("changeable", "listed", "draft"), ("opens_at", "closes_at")
FIELDS = (*_TEXTS, *_CHOSEN, *_FLAGS, *_TIMES)
BLANK_QUESTIONS = 2
_IN_A_QUESTION = re.compile(r"#/questions/(\d+)(?:/(\w+)(?:/(\d+))?)?")


class _Moment(forms.DateTimeField):
    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S")


class PollForm(forms.Form):
    """Only shapes are checked here; what a poll may be is the write side's to say."""

    title = forms.CharField(required=False, widget=forms.TextInput(attrs={"class": "vTextField", "maxlength": 200}))
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 4}))
    opens_at = _Moment(required=False, label="Opens at (UTC)", help_text="Empty: at once.")
    closes_at = _Moment(required=False, label="Closes at (UTC)", help_text="Empty: when somebody closes it.")
    voters = forms.ChoiceField(choices=[(kind, kind) for kind in VOTERS], initial="session", help_text="Who counts as one voter.")
    results = forms.ChoiceField(choices=[(rule, rule.replace("_", " ")) for rule in RESULTS], initial="always", help_text="Who may see results, when.")
    changeable = forms.BooleanField(required=False, help_text="A vote may be changed or withdrawn while the poll is open.")
    listed = forms.BooleanField(required=False, initial=True, help_text="The poll is found in lists.")
    draft = forms.BooleanField(required=False, help_text="Seen by you and other staff only, until it is published.")


class QuestionForm(forms.Form):
    text = forms.CharField(required=False, widget=forms.TextInput(attrs={"class": "vTextField", "maxlength": 200}))
    kind = forms.ChoiceField(choices=[(kind, kind) for kind in KINDS], initial="single")
    min_choices = forms.IntegerField(required=False, initial=1, label="At least", min_value=0, max_value=100)
    max_choices = forms.IntegerField(required=False, initial=1, label="At most", min_value=1, max_value=100)
    choices = forms.CharField(required=False, widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 5}), help_text="One a line.")


def question_form_set(*, blank: int) -> type[_QuestionFormSet]:
    return forms.formset_factory(QuestionForm, extra=blank, max_num=QUESTIONS[1], absolute_max=QUESTIONS[1], can_delete=True, can_order=True)


def initial_poll(poll: PollFacts) -> dict[str, Any]:
    return {name: getattr(poll, name) for name in FIELDS}


def initial_questions(poll: PollFacts) -> list[dict[str, Any]]:
    return [
        {
            "text": question.text,
            "kind": question.kind,
            "min_choices": question.min_choices,
            "max_choices": question.max_choices,
            "choices": "\n".join(choice.text for choice in question.choices),
        }
        for question in poll.questions
    ]


def poll_body(form: PollForm, names: Iterable[str]) -> dict[str, Any]:
    """These fields of a valid form as the JSON of `POST polls` and `PATCH polls/{id}`."""
    values = form.cleaned_data
    return {name: rfc3339(values[name]) if isinstance(values[name], datetime) else values[name] for name in names}


def questions_body(forms_in_order: Iterable[forms.Form]) -> list[dict[str, Any]]:
    return [question_body(form.cleaned_data) for form in forms_in_order]


def question_body(fields: dict[str, Any]) -> dict[str, Any]:
    """A question's fields as JSON; a number left out is left out."""
    lines = [line.strip() for line in fields["choices"].splitlines()]
    numbers = {name: fields[name] for name in ("min_choices", "max_choices") if fields[name] is not None}
    return {"text": fields["text"], "kind": fields["kind"], **numbers, "choices": [{"text": line} for line in lines if line]}


def place_faults(faults: Iterable[FieldError], form: PollForm, sent: list[forms.Form]) -> None:
    """Puts each fault at the field that its pointer names; `sent` are the forms of the questions in the order in which they were sent."""
    for fault in faults:
        of_question = _IN_A_QUESTION.match(fault.pointer)
        name = fault.pointer.removeprefix("#/")
        if of_question is not None and int(of_question[1]) < len(sent):
            _place_in_question(fault, sent[int(of_question[1])], of_question[2], of_question[3])
        elif name in form.fields:
            form.add_error(name, fault.detail)
        else:
            form.add_error(None, f"{name}: {fault.detail}")


def _place_in_question(fault: FieldError, form: forms.Form, name: str | None, choice: str | None) -> None:
    where = name if name in form.fields else None
    form.add_error(where, fault.detail if choice is None else f"Choice {int(choice) + 1}: {fault.detail}")
