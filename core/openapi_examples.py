"""One poll told through every body of the OpenAPI document: the examples, by the name of the schema they are of."""

from __future__ import annotations

from typing import Any

from core.errors import NexusError, ValidationError

_POLL_ID = "5f0c3a52-8c0e-4f6b-9d43-1f2a6f3c7b10"
POLL_PATH = f"/api/v1/polls/{_POLL_ID}"
_QUESTION = "0b8e7a34-61c2-4a9d-8f55-2c9d1e7f4a21"
_CANTEEN, _NOODLES = "9a4d2c10-3e5f-4b7a-a1c8-6d0f2b9e8c32", "c7e1f5b8-2d94-4e06-b3a7-8f5c0d6a1e43"
_ACCOUNT = "e2b6d9f4-7a13-4c58-9e0b-5d8a3f1c6b54"
_PASSWORD, _NEW_PASSWORD = "correct horse battery staple", "seven quiet ferries at dawn"
_ACCESS, _REFRESH = "eyJhbGciOiJIUzI1NiJ9.access.sig", "eyJhbGciOiJIUzI1NiJ9.refresh.sig"
_POSITION = "AX3kq0W8bZr1uQ"
_VERSION, _AS_OF = 812, "2030-05-06T11:58:03.214000Z"
_BALLOTS = 41

_RULES: dict[str, Any] = {
    "title": "Where shall we have lunch?",
    "description": "For the whole team, on Friday.",
    "opens_at": None,
    "closes_at": "2100-01-01T12:00:00Z",
    "draft": False,
    "listed": True,
    "voters": "session",
    "results": "always",
    "changeable": True,
}
_ASKED: dict[str, Any] = {"text": "Where?", "kind": "single", "min_choices": 1, "max_choices": 1}
_ANSWERS: list[dict[str, Any]] = [{"question": _QUESTION, "choices": [_NOODLES]}]
_POLL: dict[str, Any] = {
    "id": _POLL_ID,
    "slug": "where-shall-we-have-lunch-x7k2m9qx",
    **_RULES,
    "state": "open",
    "owner": {"username": "ada"},
    "created_at": "2030-05-06T09:00:00Z",
    "questions": [{"id": _QUESTION, **_ASKED, "choices": [{"id": _CANTEEN, "text": "Canteen"}, {"id": _NOODLES, "text": "Noodle bar"}]}],
}
_CAST: dict[str, Any] = {"id": "1d7f4b92-5c3e-4a80-b6d1-9e2c8a0f7365", "poll": _POLL_ID, "cast_at": "2030-05-06T11:58:01.007000Z", "position": _POSITION}

EXAMPLES: dict[str, dict[str, Any]] = {
    "RegistrationRequest": {"username": "ada", "email": "ada@example.org", "password": _PASSWORD},
    "SignInRequest": {"username": "ada", "password": _PASSWORD},
    "RefreshRequest": {"refresh": _REFRESH},
    "TokenPairAnswer": {"access": _ACCESS, "refresh": _REFRESH},
    "Me": {"id": _ACCOUNT, "username": "ada", "email": "ada@example.org", "roles": ["user"]},
    "PasswordChangeRequest": {"old_password": _PASSWORD, "new_password": _NEW_PASSWORD},
    "PasswordResetRequest": {"email": "ada@example.org"},
    "PasswordResetConfirmationRequest": {"uid": _ACCOUNT, "token": "c8k2q1-5b3f0e9a7d", "new_password": _NEW_PASSWORD},
    "PollDefinitionRequest": {**_RULES, "questions": [{**_ASKED, "choices": [{"text": "Canteen"}, {"text": "Noodle bar"}]}]},
    "PatchedPollEditRequest": {"title": "Where shall we have lunch on Friday?", "results": "after_vote"},
    "Poll": _POLL,
    "PollPage": {"next": "https://polls.example.org/api/v1/polls?cursor=AZ8xq2", "previous": None, "results": [_POLL]},
    "CodesRequestRequest": {"count": 2},
    "Codes": {"codes": ["7K2M-9QXD-04TZ-HN8C", "M3WQ-70VB-KZ5E-1RXA"]},
    "Vote": {"answers": _ANSWERS},
    "Receipt": {**_CAST, "results": f"{POLL_PATH}/results"},
    "Ballot": {**_CAST, "answers": _ANSWERS},
    "Results": {
        "poll": _POLL_ID,
        "title": _RULES["title"],
        "state": "open",
        "version": _VERSION,
        "as_of": _AS_OF,
        "final": False,
        "ballots": _BALLOTS,
        "questions": [
            {
                "id": _QUESTION,
                "text": "Where?",
                "ballots": _BALLOTS,
                "choices": [
                    {"id": _CANTEEN, "text": "Canteen", "votes": 12, "share": 0.2927},
                    {"id": _NOODLES, "text": "Noodle bar", "votes": 29, "share": 0.7073},
                ],
            }
        ],
    },
    "Timeline": {
        "bucket": "minute",
        "poll": _POLL_ID,
        "version": _VERSION,
        "as_of": _AS_OF,
        "ballots": _BALLOTS,
        "buckets": [{"start": "2030-05-06T11:57:00Z", "ballots": 30}, {"start": "2030-05-06T11:58:00Z", "ballots": 11}],
    },
    "Ticket": {"ticket": "kq3nT8vZ0yXw5bR2", "expires_in": 30},
}


def refusal(kind: type[NexusError]) -> NexusError:
    """One such refusal."""
    return ValidationError.at("#/title", "This text may not be empty.", "empty") if kind is ValidationError else kind()
