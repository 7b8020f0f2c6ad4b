"""What may happen to a poll: one function per command, each one transaction, each telling the others through the port."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.text import slugify

from commands.definitions import FIELDS, PollDefinition, QuestionDefinition, check_definition, check_edit
from commands.facts import facts_of
from commands.models import Choice, Poll, Question
from commands.poll_locks import database_clock, has_votes, locked_poll, seal
from core.accounts.models import User
from core.errors import NotFound, PermissionDenied, PollClosed, PollHasVotes, PollNotOpen
from core.events import CLOSED, PollDeleted, PollFacts, PollSaved, poll_state
from core.ports import ports

EDITABLE_WITH_VOTES = frozenset({"title", "description", "results", "listed", "closes_at"})
EDITABLE_WHEN_CLOSED = frozenset({"results", "listed"})
JUDGED_BY = ("voters", "changeable", "draft", "opens_at", "closes_at")
LAST_MOMENT = timedelta(seconds=1)
_SLUG_LENGTH = 60
_TAIL = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that reads like something else


def create_poll(*, owner: User, body: Mapping[str, Any]) -> PollFacts:
    """A new poll as `body` defines it (the JSON of `POST polls`).

    Raises `ValidationError` with a pointer for every fault.
    """
    with transaction.atomic():
        definition = check_definition(body, now=database_clock())
        poll = Poll(owner=owner, slug=_new_slug(definition.title))
        _apply(poll, definition)
        poll.save(force_insert=True)
        _write_questions(poll, definition.questions)
        return _saved(poll)


def edit_poll(*, poll_id: UUID, actor: User, body: Mapping[str, Any]) -> PollFacts:
    """The poll with the fields in `body` in place of its own; `questions` replaces the list.

    Judged in this order: who may, closed or not, the values, votes or not. Whatever stands in `body` counts as an edit, even where it says what
    is so already. Raises `NotFound`, `PermissionDenied`, `PollClosed`, `ValidationError`, `PollHasVotes`; see `locked_poll` for the rest.
    """
    with locked_poll(poll_id) as poll:
        require_control(poll, actor)
        named = FIELDS & body.keys()
        now = database_clock()
        if state_of(poll, now) == CLOSED and not named <= EDITABLE_WHEN_CLOSED:
            raise PollClosed
        present = _definition_of(poll)
        definition = check_edit(body, present, now=now)
        if "closes_at" in named and not poll.draft and poll.closes_at is not None and poll.closes_at - now < LAST_MOMENT:
            raise PollClosed("The poll is about to close; its end can no longer be moved.")
        if present.draft and not definition.draft:
            _require_time_left(definition, now)
        if not named <= EDITABLE_WHEN_CLOSED and has_votes(poll):
            _check_edit_with_votes(named, present, definition)
        if not named:
            return facts_of(poll)
        rules_changed = "questions" in named or any(getattr(present, name) != getattr(definition, name) for name in JUDGED_BY)
        poll.rules_version += rules_changed
        _apply(poll, definition)
        poll.save(force_update=True)
        if "questions" in named:
            poll.questions.all().delete()
            _write_questions(poll, definition.questions)
        return _saved(poll)


def publish_poll(*, poll_id: UUID, actor: User) -> PollFacts:
    """The poll, no longer a draft; one that was published before is left as it is. Raises `PollClosed` for one whose time is over."""
    with locked_poll(poll_id) as poll:
        require_control(poll, actor)
        now = database_clock()
        _require_time_left(_definition_of(poll), now)
        if poll.sealed_at is not None:
            raise PollClosed
        if not poll.draft:
            return facts_of(poll)
        poll.draft = False
        poll.rules_version += 1
        poll.save(force_update=True, update_fields=["draft", "rules_version"])
        return _saved(poll)


def close_poll(*, poll_id: UUID, actor: User) -> PollFacts:
    """The poll, closed for good: no vote of it commits after this has. One that is closed already is left as it is; one whose time is over is sealed.

    Raises `PollNotOpen` for a draft, and as `locked_poll` and `seal` do.
    """
    with locked_poll(poll_id) as poll:
        require_control(poll, actor)
        if poll.draft:
            raise PollNotOpen("A draft is not open, so it cannot be closed.")
        if poll.sealed_at is not None:
            return facts_of(poll)
        seal(poll)
        return _saved(poll)


def seal_poll(*, poll_id: UUID) -> bool:
    """Seals a poll whose `closes_at` has passed by the database's clock; False when there is nothing (more) to seal.

    For the relay, any number of times. Raises `Unavailable` when the poll's locks are not to be had or the server is not the one whose log was kept.
    """
    try:
        with locked_poll(poll_id) as poll:
            if poll.draft or poll.sealed_at is not None or poll.closes_at is None or database_clock() < poll.closes_at:
                return False
            seal(poll)
            _saved(poll)
            return True
    except NotFound:
        return False


def delete_poll(*, poll_id: UUID, actor: User) -> None:
    """Deletes a poll in which nobody ever voted; raises `PollHasVotes` for any other."""
    with locked_poll(poll_id) as poll:
        require_control(poll, actor)
        if has_votes(poll):
            raise PollHasVotes("A poll with votes cannot be deleted.")
        poll.delete()
        ports.publish(PollDeleted(poll_id=poll_id))


def require_control(poll: Poll, actor: User) -> None:
    """Returns for the poll's owner and staff. Raises `PermissionDenied` for others, `NotFound` where the poll is a draft."""
    if poll.owner_id != actor.pk and not actor.is_staff:
        raise NotFound("There is no such poll.") if poll.draft else PermissionDenied("Only its owner and staff may do this with a poll.")


def _require_time_left(definition: PollDefinition, now: datetime) -> None:
    if definition.closes_at is not None and definition.closes_at <= now:
        raise PollClosed("The time of this poll is over.")


def _check_edit_with_votes(named: frozenset[str], present: PollDefinition, wanted: PollDefinition) -> None:
    if not named <= EDITABLE_WITH_VOTES:
        raise PollHasVotes(f"The poll has votes, so this can no longer be changed: {', '.join(sorted(named - EDITABLE_WITH_VOTES))}.")
    if "closes_at" in named and (present.closes_at is None or wanted.closes_at is None or wanted.closes_at <= present.closes_at):
        raise PollHasVotes("The poll has votes, so its end can only be moved to a later time.")


def _saved(poll: Poll) -> PollFacts:
    facts = facts_of(poll)
    ports.publish(PollSaved(poll=facts))
    return facts


def state_of(poll: Poll, now: datetime) -> str:
    """The poll's state at that moment of the database's clock."""
    return poll_state(draft=poll.draft, opens_at=poll.opens_at, closes_at=poll.closes_at, sealed_at=poll.sealed_at, now=now)


def _apply(poll: Poll, definition: PollDefinition) -> None:
    for name in FIELDS - {"questions"}:
        setattr(poll, name, getattr(definition, name))


def _definition_of(poll: Poll) -> PollDefinition:
    """The poll's row as a definition, without its questions: an edit keeps or replaces them as a whole."""
    return PollDefinition(**{name: getattr(poll, name) for name in FIELDS - {"questions"}})


def _write_questions(poll: Poll, definitions: tuple[QuestionDefinition, ...]) -> None:
    questions = [
        Question(poll=poll, position=place, text=each.text, kind=each.kind, min_choices=each.min_choices, max_choices=each.max_choices)
        for place, each in enumerate(definitions)
    ]
    Question.objects.bulk_create(questions)
    Choice.objects.bulk_create(
        Choice(question=question, position=place, text=text)
        for question, each in zip(questions, definitions, strict=True)
        for place, text in enumerate(each.choices)
    )


def _new_slug(title: str) -> str:
    readable = slugify(title)[:_SLUG_LENGTH].strip("-_") or "poll"
    return f"{readable}-{''.join(secrets.choice(_TAIL) for _ in range(10))}"
