"""What keeps the web process from starting, and what does not."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from commands.tokens import secret_fingerprint
from core.start_checks import CannotStart, run_start_checks
from tests.integration.core.test_run_web import answers, eventually, free_port, run_web
from tests.processes import database_dsn
from tests.vote_rows import run, select


@pytest.mark.parametrize("workers", ["1", "2"])
def test_another_voter_key_secret_is_one_clear_line_and_a_failure(committed_db: None, tmp_path: Path, workers: str) -> None:
    run("UPDATE log_epoch SET voter_key_fingerprint = %s", secret_fingerprint())
    with run_web(tmp_path, free_port(), DATABASE_URL=database_dsn(), DATABASE_DIRECT_URL="", VOTER_KEY_SECRET="another" * 8, WEB_WORKERS=workers) as web:
        output, _ = web.communicate(timeout=30)
    assert web.returncode not in {0, None}
    assert len(output.strip().splitlines()) == 1
    assert output.startswith("CommandError: VOTER_KEY_SECRET is not the one")
    assert secret_fingerprint() not in output


def test_a_postgresql_that_is_away_keeps_nobody_from_starting(tmp_path: Path) -> None:
    port, nowhere = free_port(), free_port()
    with run_web(tmp_path, port, DATABASE_URL=f"postgresql://nexus@127.0.0.1:{nowhere}/nexus", DATABASE_DIRECT_URL=""):
        eventually(lambda: answers(port))
        answer = answers(port)
        assert isinstance(answer, httpx.Response)
        assert answer.status_code == 200


def test_the_secret_of_the_first_vote_is_the_one(committed_db: None) -> None:
    run_start_checks()
    assert select("SELECT voter_key_fingerprint FROM log_epoch") == [(None,)]  # looking claims nothing
    run("UPDATE log_epoch SET voter_key_fingerprint = %s", secret_fingerprint())
    run_start_checks()
    run("UPDATE log_epoch SET voter_key_fingerprint = %s", "f" * 64)
    with pytest.raises(CannotStart, match="STATE_DIR/voter_key_secret"):
        run_start_checks()
