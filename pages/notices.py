"""What a voter is told instead of, or above, the ballot: in plain words, with where to go next."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext, ngettext

from commands.voters import CodeRefused
from core.errors import DuplicateVote, IdempotencyKeyReused, NexusError, NotAuthenticated, PollNotOpen, RateLimited, Unavailable, ValidationError
from core.events import CLOSED, DRAFT, SCHEDULED

PLAIN, GOOD, PROBLEM = "plain", "good", "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """`keeps_form`: the voter may try again right here, with the same key, so that it stays one vote."""

    title: str
    text: str
    tone: str = PLAIN
    results_link: bool = False
    sign_in_link: bool = False
    keeps_form: bool = False


def has_voted() -> Notice:
    return Notice(title=gettext("You have voted"), text=gettext("Thank you! Your vote is in safe hands."), tone=GOOD, results_link=True)


def needs_account() -> Notice:
    return Notice(title=gettext("Please sign in to vote"), text=gettext("In this poll every account has one vote."), sign_in_link=True)


def not_open(state: str) -> Notice:
    """Why a poll in this state takes no votes."""
    if state == CLOSED:
        return Notice(title=gettext("This poll has closed"), text=gettext("No more votes are taken. Have a look at how it went!"), results_link=True)
    if state == SCHEDULED:
        return Notice(title=gettext("Not open yet"), text=gettext("This poll has not begun. Please come back when it opens."))
    if state == DRAFT:
        return Notice(title=gettext("This is a draft"), text=gettext("Only you can see it. Votes are taken once it is published."))
    return Notice(title=gettext("Not open just now"), text=gettext("Please reload the page and try again."))


def refused(refusal: NexusError, state: str) -> Notice:
    """What a refusal of a vote means to the person who sent it; `state` is the poll's as of now."""
    if isinstance(refusal, PollNotOpen):
        return not_open(state)
    for kind, notice in _REFUSALS.items():
        if isinstance(refusal, kind):
            return notice(refusal)
    return Notice(title=gettext("Your vote was not taken"), text=refusal.detail, tone=PROBLEM)


def _look_again(_: NexusError) -> Notice:
    return Notice(title=gettext("Almost there"), text=gettext("Please look at the questions marked below."), tone=PROBLEM, keeps_form=True)


def _already(_: NexusError) -> Notice:
    return Notice(title=gettext("You have already voted"), text=gettext("One vote each: the first one counts."), results_link=True)


def _already_from_here(_: NexusError) -> Notice:
    text = gettext("This page has sent a vote before, with other answers. That first one counts.")
    return Notice(title=gettext("You have already voted"), text=text, results_link=True)


def _press_again(_: NexusError) -> Notice:
    text = gettext("Please press the button again in a moment. However often you press, it is one vote.")
    return Notice(title=gettext("That did not get through"), text=text, tone=PROBLEM, keeps_form=True)


def _wait(refusal: NexusError) -> Notice:
    seconds = max(1, math.ceil(refusal.retry_after or 1))
    text = ngettext(
        "Very many votes come from your network just now. Please wait %(n)d second, then press the button again.",
        "Very many votes come from your network just now. Please wait %(n)d seconds, then press the button again.",
        seconds,
    )
    return Notice(title=gettext("One moment, please"), text=text % {"n": seconds}, tone=PROBLEM, keeps_form=True)


def _other_code(_: NexusError) -> Notice:
    text = gettext("Please check the code you were given and type it again. Your answers are still here.")
    return Notice(title=gettext("This code is not known"), text=text, tone=PROBLEM, keeps_form=True)


_REFUSALS: dict[type[NexusError], Callable[[NexusError], Notice]] = {
    ValidationError: _look_again,
    DuplicateVote: _already,
    IdempotencyKeyReused: _already_from_here,
    NotAuthenticated: lambda _: needs_account(),
    CodeRefused: _other_code,
    RateLimited: _wait,
    Unavailable: _press_again,
}
