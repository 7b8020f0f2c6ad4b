"""Every query of the product that has a name finds its rows by index, however much there is of everything."""

from __future__ import annotations

import pytest

from tests.integration.plans.checking import check
from tests.integration.plans.explaining import Explainer, all_statements, statement
from tests.integration.plans.statements import CASES, PREPARED, READING, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_finds_its_rows_by_index(case: Case, explainer: Explainer) -> None:
    check(explainer.plan(statement(case.name), case.given), case.reads, rows=case.rows)


@pytest.mark.parametrize("case", READING, ids=lambda case: case.name)
def test_no_read_of_results_has_a_plan_that_touches_votes(case: Case, explainer: Explainer) -> None:
    assert "votes" not in explainer.plan(statement(case.name), case.given).tables


def test_no_statement_is_left_out() -> None:
    assert {case.name for case in CASES} | PREPARED == all_statements()
