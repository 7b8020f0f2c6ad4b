"""What attachments are called."""

from __future__ import annotations

import re
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from projections.exports.attachments import content_disposition, file_name


def test_the_title_is_the_name_and_the_slug_the_plain_one() -> None:
    header = content_disposition(title="Где поесть?", slug="gde-x1", extension="pdf")
    assert header == b"attachment; filename=\"gde-x1.pdf\"; filename*=UTF-8''%D0%93%D0%B4%D0%B5%20%D0%BF%D0%BE%D0%B5%D1%81%D1%82%D1%8C.pdf"


@given(st.text(max_size=200))
def test_no_title_breaks_the_header_or_the_file_system(title: str) -> None:
    header = content_disposition(title=title, slug="poll-1", extension="csv").decode("ascii")
    found = re.fullmatch(r"attachment; filename=\"poll-1\.csv\"; filename\*=UTF-8''([A-Za-z0-9._~%-]+)\.csv", header)
    assert found
    name = unquote(found[1], errors="strict")
    assert len(name.encode()) <= 150
    assert not re.search(r'[\x00-\x1f/\\:*?"<>|]', name)
    assert not name.startswith(".")


def test_a_title_of_nothing_but_separators_falls_back_to_the_slug() -> None:
    assert file_name("../..//") == ""
    assert b"filename*=UTF-8''poll-1.csv" in content_disposition(title="///", slug="poll-1", extension="csv")
