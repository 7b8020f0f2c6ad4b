"""What a deliberate break is: some text of the source replaced by another, and the tests that must then fail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """In `file`, `old` stands exactly once and becomes `new`."""

    file: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Raises `ValueError` when the source is no longer the one that the edit was made for."""
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} has {text.count(self.old)} times: {self.old}")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


@dataclass(frozen=True)
class Break:
    """`name` says what is done to the source, `promise` what is then no longer true; each of `caught_by` must fail by itself."""

    name: str
    promise: str
    edits: tuple[Edit, ...]
    caught_by: tuple[str, ...]


COUNTED_ONCE = "counted exactly once"
DURABLE = "durable"
NO_LATE_VOTE = "no vote after the close"
FINAL_NOT_EARLY = "`final` never early"
FINAL_IN_THE_END = "`final` in the end"
ONE_BALLOT = "one voter, one ballot"
RETRIES = "a retry gets the first answer"
NO_READ_OF_VOTES = "no read touches votes"
NEVER_BACK = "readers never go back"
RIGHT_RESULTS = "results are what was voted"
GOES_ON = "it goes on by itself"
BOUNDED = "nobody makes it work at will"
KEPT_OUT = "nobody gets in who does not belong"

MODEL = "tests/model/test_model.py::test_whatever_happens_in_whatever_order_every_ballot_is_counted_once_and_final_is_true"
