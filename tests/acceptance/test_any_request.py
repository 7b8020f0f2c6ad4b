"""Whatever the document allows, and much that it does not, is answered as it says: schemathesis over every operation of a real server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.db import connections
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from commands.models import Poll
from core.accounts.models import User
from core.accounts.tokens import issue_pair
from core.shapes import RESULTS, VOTERS
from tests.conftest import empty_all_tables
from tests.factories import ballot, make_poll, make_user
from tests.stack import Stack, running_stack
from tests.waiting import wait_until

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
CONFIG = {
    "generation": {"with-security-parameters": False},  # made-up tokens would only ever be a 401
    "max-stream-events": 1,
    "phases": {"stateful": {"max-steps": 8, "generation": {"mode": "positive"}, "inference": {"algorithms": []}}},  # the document's own links are enough
}
FEW, MANY = 8, 100
WALKS, MOST_ROUNDS = 20, 10
WALKED = ["create_poll", "cast_vote", "read_my_vote", "replace_my_vote", "withdraw_my_vote", "read_results", "issue_ticket", "follow_results", "close_poll"]
ENDS_AN_ACCOUNT = {"close_account", "change_password"}
schema = schemathesis.openapi.from_path(DOCUMENT, config=SchemathesisConfig.from_dict(CONFIG))
quietly = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck), max_examples=FEW)


@dataclass
class World:
    """A server, and polls of every kind for the requests to meet."""

    stack: Stack
    owner: User

    def __post_init__(self) -> None:
        states: list[dict[str, Any]] = [
            {},
            {"draft": True},
            {"closes_at": datetime.now(UTC) - timedelta(days=1)},
            {"opens_at": datetime.now(UTC) + timedelta(days=1)},
        ]
        self._kinds = cycle(product((True, False), states, VOTERS, RESULTS))
        self._turns = cycle(range(4))
        question = {"text": "Which?", "choices": [{"text": "Tea"}, {"text": "Coffee"}]}
        plain = {"title": "Tea or coffee?", "questions": [question], "voters": "account"}
        self.definitions = cycle([{**plain, "changeable": True}, {**plain, "results": "after_vote"}, {**plain, "voters": "session"}])

    def poll(self) -> Poll:
        changeable, state, voters, results = next(self._kinds)
        return make_poll(owner=self.owner, changeable=changeable, voters=voters, results=results, **state)

    def prepare(self, case: schemathesis.Case) -> dict[str, str]:
        """Lets three of four requests meet a poll, two a ballot that fits it; returns who sends them."""
        turn, operation = next(self._turns), case.operation.definition.raw
        path = case.meta.components.get(ParameterLocation.PATH)
        if turn and path is not None and path.mode.is_positive and "poll_id" in case.path_parameters:
            poll = self.poll()
            case.path_parameters["poll_id"] = str(poll.id)
            if turn > 1 and case.meta.generation.mode.is_positive and operation["operationId"] in {"cast_vote", "replace_my_vote"}:
                case.body = ballot(poll)
        if {} in operation["security"] and turn % 2:
            return {}
        sender = make_user() if operation["operationId"] in ENDS_AN_ACCOUNT else self.owner
        return {"Authorization": f"Bearer {issue_pair(sender).access}"}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with django_db_blocker.unblock(), running_stack(tmp_path_factory.mktemp("state")) as stack:
        empty_all_tables()
        wait_until(stack.is_ready, seconds=40)
        yield World(stack, make_user())
        connections.close_all()
    with django_db_blocker.unblock():
        empty_all_tables()


def unfit(case: schemathesis.Case) -> list[Any]:
    """OpenAPI 3.0 has no words for single events, so there is no schema to check them with."""
    return [response_schema_conformance] if case.operation.definition.raw["operationId"] == "follow_results" else []


def ask(world: World, case: schemathesis.Case) -> None:
    case.call_and_validate(base_url=world.stack.url, headers=world.prepare(case), checks=CHECKS, excluded_checks=unfit(case), timeout=20)


@schema.parametrize()
@quietly
def test_is_answered_as_documented(case: schemathesis.Case, world: World) -> None:
    ask(world, case)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@schema.parametrize()
@settings(quietly, max_examples=MANY)
def test_many_more_are_answered_as_documented(case: schemathesis.Case, world: World) -> None:
    ask(world, case)


def walk(world: World, *, walks: int) -> Counter[tuple[str, int]]:
    """Goes along the document's links, as one organiser, and returns what was asked and how it was answered."""
    seen: Counter[tuple[str, int]] = Counter()
    access = f"Bearer {issue_pair(world.owner).access}"

    class Walk(schema.include(operation_id=WALKED).as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:  # noqa: ARG002  (its signature)
            return {"base_url": world.stack.url, "headers": {"Authorization": access}, "timeout": 20}

        def before_call(self, case: schemathesis.Case) -> None:
            if case.operation.definition.raw["operationId"] == "create_poll":
                case.body = next(world.definitions)

        def validate_response(self, response: Any, case: schemathesis.Case, **_: Any) -> None:
            seen[case.operation.definition.raw["operationId"], response.status_code] += 1
            case.validate_response(response, checks=CHECKS, excluded_checks=unfit(case))

    Walk.run(settings=settings(quietly, derandomize=False, max_examples=walks, stateful_step_count=8))
    return seen


def test_the_links_lead_from_a_poll_over_votes_to_its_results(world: World) -> None:
    wanted = {("create_poll", 201), ("cast_vote", 201), ("read_results", 200), ("issue_ticket", 201), ("close_poll", 200)}
    seen: Counter[tuple[str, int]] = Counter()
    for _ in range(MOST_ROUNDS):  # chance leads the way; one round is nearly always enough
        seen += walk(world, walks=WALKS)
        if wanted <= seen.keys():
            return
    pytest.fail(f"never seen: {wanted - seen.keys()}; seen: {seen}")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_links_lead_everywhere(world: World) -> None:
    seen = walk(world, walks=WALKS * 20)
    assert {"read_my_vote", "replace_my_vote", "withdraw_my_vote", "follow_results"} <= {operation for operation, status in seen if status < 300}
