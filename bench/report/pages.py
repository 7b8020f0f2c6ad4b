"""Writes a book down: JSON, Markdown and charts in the results' folder, and the figures of the docs between their markers."""

from __future__ import annotations

import re
from pathlib import Path

from bench.book import Book, read_book
from bench.report.charts import charts
from bench.report.steps import steps_table
from bench.report.tables import facts_table, figures_table, goals_table, machine_words, single_table

BOOKS = ("bench", "growth", "live", "soak", "steps")


class NoMarker(Exception):
    """A page of the docs lacks the markers between which a run writes."""


def write_book(folder: Path, book: Book) -> None:
    """Writes `<name>.json`, `<name>.md` and `<name>-<chart>.svg`; charts of an earlier run of that name are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{book.name}.json").write_text(book.as_json(), encoding="utf-8")
    for old in folder.glob(f"{book.name}-*.svg"):
        old.unlink()
    drawn = charts(book)
    for name, text in drawn.items():
        (folder / f"{book.name}-{name}.svg").write_text(text, encoding="utf-8")
    (folder / f"{book.name}.md").write_text(page(book, known_books(folder), sorted(drawn)), encoding="utf-8")


def known_books(folder: Path) -> dict[str, Book]:
    """What the runs so far have left, by name."""
    found = {name: read_book(folder / f"{name}.json") for name in BOOKS}
    return {name: book for name, book in found.items() if book is not None}


def page(book: Book, books: dict[str, Book], drawn: list[str]) -> str:
    """A book as a page. After a full run the goals that other runs measure are taken from `books`."""
    goals = run_goals(book, books)
    images = "".join(f"![{name}]({book.name}-{name}.svg)\n\n" for name in drawn)
    return f"# {book.name}\n\n{machine_words(book)}{goals}\n{figures_table(book)}\n{single_table(book)}\n{facts_table(book)}\n{images}"


def run_goals(book: Book, books: dict[str, Book]) -> str:
    """The goals' table after a run: all of them after a full one, else only what it measures itself; the steps' own table after those, which have no goals."""
    if book.name == "steps":
        return steps_table(book)
    if book.name == "bench":
        return goals_table({**books, "bench": book})
    part = "bench" if book.name == "quick" else book.name
    return goals_table({part: book}, only=part)


def update_docs(path: Path, books: dict[str, Book]) -> None:
    """Puts what the runs say between the markers `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` of a page. Raises `NoMarker`."""
    text = path.read_text(encoding="utf-8")
    text = between(text, "goals", goals_table(books))
    for name in BOOKS:
        book = books.get(name)
        if book is not None:
            tables = (steps_table(book),) if name == "steps" else (figures_table(book), single_table(book), facts_table(book))
            text = between(text, name, machine_words(book) + "\n".join(tables))
    path.write_text(text, encoding="utf-8")


def between(text: str, name: str, figures: str) -> str:
    """The text with `figures` between the markers of that name. Raises `NoMarker` when it has none."""
    marked = re.compile(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)", re.DOTALL)
    if marked.search(text) is None:
        raise NoMarker(f"{(NoMarker.__doc__ or '').strip()} ({name})")
    return marked.sub(lambda found: f"{found[1]}\n{figures.strip()}\n\n{found[2]}", text)
