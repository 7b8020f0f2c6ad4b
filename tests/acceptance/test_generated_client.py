"""A client that openapi-python-client makes from the committed document registers, signs in, makes a poll, votes and reads the results."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.stack import Stack, running_stack
from tests.waiting import wait_until

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
PACKAGE = "nexus_client"
# Nothing is run over what was generated, and a file is bytes.
CONFIG = "post_hooks: []\ncontent_type_overrides:\n  application/pdf: application/octet-stream\n"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The generated package, importable for as long as the module's tests run."""
    folder = tmp_path_factory.mktemp("generated")
    config = folder / "config.yaml"
    config.write_text(CONFIG)
    generator = Path(sys.executable).parent / "openapi-python-client"
    command = [generator, "generate", "--path", DOCUMENT, "--meta", "none", "--output-path", folder / PACKAGE, "--config", config, "--fail-on-warning"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def stack(committed_db: None, tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path) as running:
        wait_until(running.is_ready, seconds=40)
        yield running


def operation(tag: str, name: str) -> Any:
    """The module of one operation."""
    return importlib.import_module(f"{PACKAGE}.api.{tag}.{name}")


def client_of(url: str, access: str | None = None) -> Any:
    package = importlib.import_module(PACKAGE)
    return package.Client(base_url=url) if access is None else package.AuthenticatedClient(base_url=url, token=access)


def test_an_election_with_nothing_but_the_generated_client(generated: None, stack: Stack) -> None:
    models = importlib.import_module(f"{PACKAGE}.models")
    anybody = client_of(stack.url)

    me = operation("accounts", "register").sync(client=anybody, body=models.RegistrationRequest(username="ada", email="ada@example.org", password=PASSWORD))
    assert (me.username, [str(role) for role in me.roles]) == ("ada", ["user"])
    pair = operation("accounts", "obtain_tokens").sync(client=anybody, body=models.SignInRequest(username="ada", password=PASSWORD))
    ada = client_of(stack.url, pair.access)
    assert operation("accounts", "who_am_i").sync(client=ada) == me

    definition = models.PollDefinitionRequest(
        title="Tea or coffee?",
        changeable=True,
        questions=[models.QuestionBodyRequest(text="Which?", choices=[models.ChoiceBodyRequest(text="Tea"), models.ChoiceBodyRequest(text="Coffee")])],
    )
    poll = operation("polls", "create_poll").sync(client=ada, body=definition)
    assert poll.state == models.PollState.OPEN
    assert [found.title for found in operation("polls", "list_polls").sync(client=anybody).results] == ["Tea or coffee?"]

    question = poll.questions[0]
    tea, coffee = question.choices
    vote = operation("votes", "cast_vote")

    def ballot(choice: Any) -> Any:
        return models.Vote(answers=[models.VoteAnswersItem(question=question.id, choices=[choice.id])])

    first = vote.sync_detailed(poll.id, client=anybody, body=ballot(tea))
    assert first.status_code == 201
    again = client_of(stack.url).with_headers({"X-Voter-Token": first.headers["X-Voter-Token"]})
    refused = vote.sync(poll.id, client=again, body=ballot(coffee))
    assert (refused.status, refused.type_.value) == (409, "/problems/duplicate-vote")
    changed = operation("votes", "replace_my_vote").sync(poll.id, client=again, body=ballot(coffee))
    assert operation("votes", "read_my_vote").sync(poll.id, client=again).answers[0].choices == [coffee.id]

    read = operation("results", "read_results")
    results = wait_until(lambda: found if (found := read.sync(poll.id, client=anybody, after=changed.position)).includes_after else None, seconds=40)
    assert (results.poll, results.ballots) == (UUID(str(poll.id)), 1)
    assert [(choice.text, choice.votes, choice.share) for choice in results.questions[0].choices] == [("Tea", 0, 0), ("Coffee", 1, 1.0)]
    assert operation("results", "download_results_csv").sync(poll.id, client=anybody).splitlines()[0] == "question,choice,votes,share"
    assert operation("results", "download_results_pdf").sync(poll.id, client=anybody).payload.read(4) == b"%PDF"
    assert operation("polls", "close_poll").sync(poll.id, client=ada).state == models.PollState.CLOSED
