"""Whether this is the server whose log was kept."""

from __future__ import annotations

import pytest

from core.log_identity import LogIdentityError, check_log_identity
from tests.vote_rows import connected, run


def check(*, with_relay_cursor: bool = True) -> None:
    with connected() as connection, connection.cursor() as cursor:
        check_log_identity(cursor, with_relay_cursor=with_relay_cursor)


def test_the_server_that_was_migrated_is_the_one(committed_db: None) -> None:
    check()


def test_a_server_with_another_identity_is_refused_with_the_remedy(committed_db: None) -> None:
    run("UPDATE log_epoch SET system_identifier = system_identifier + 1")
    for with_relay_cursor in (True, False):
        with pytest.raises(LogIdentityError, match=r"manage\.py new_epoch"):
            check(with_relay_cursor=with_relay_cursor)


@pytest.mark.parametrize("column", ["xid", "drained_xid"])
def test_a_server_whose_counter_lies_behind_the_cursor_is_refused(committed_db: None, column: str) -> None:
    run(f"UPDATE relay_cursor SET {column} = '9000000000'")
    with pytest.raises(LogIdentityError, match=r"manage\.py new_epoch"):
        check()
    check(with_relay_cursor=False)


def test_in_a_new_epoch_the_counter_may_begin_anew(committed_db: None) -> None:
    run("UPDATE relay_cursor SET xid = '9000000000', drained_xid = '9000000000'")
    run("UPDATE log_epoch SET epoch = 2")
    check()


def test_a_cursor_from_a_later_epoch_is_refused(committed_db: None) -> None:
    run("UPDATE relay_cursor SET epoch = 2, drained_epoch = 2")
    with pytest.raises(LogIdentityError, match="later epoch"):
        check()


def test_an_empty_table_is_refused_in_words(committed_db: None) -> None:
    with connected() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("DELETE FROM log_epoch")
        with pytest.raises(LogIdentityError, match="log_epoch is empty"):
            check_log_identity(cursor)
        cursor.execute("ROLLBACK")
