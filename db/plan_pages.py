"""What a compiled plan makes of a page: one row of its lists, its ends and its total."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from db.pages import Page, total
from db.plan import Several, Sql, Text, Texts, joined, json_list, json_object, sql, subselect, write
from db.relation import Many, Statement

CURSORS = '"#cursor"'
CURSOR = f"{CURSORS}.cursor"
"""The text of the cursor of a connection's row."""

MOST_SHAPES = 4
"""Of the pages of one connection, whose text is kept: without and with a cursor, or a filter."""


@dataclass(frozen=True)
class EachRow:
    """A list: this text of each row, which may speak of ``CURSOR``."""

    text: Text


@dataclass(frozen=True)
class Connection:
    """An object of what is ``shown`` of a page: lists of its rows, which are ``alias`` and have
    ``columns``, and what is told of ``page``. If ``ends``, that has ``next`` and ``previous`` (are
    there more?), ``start`` and ``end`` (cursors); if ``total``, ``total``.
    """

    relation: Many[Any]
    select: Sql
    alias: str
    page_of: Page | Callable[[Any], Page]
    shown: Mapping[str, Sql | Text | EachRow]
    columns: frozenset[str]
    cursors: bool
    ends: bool
    total: bool

    @property
    def sql(self) -> Sql:
        page_of, select = self.page_of, self.select
        if isinstance(page_of, Page) and not page_of.values and isinstance(select, str):
            return self._of(page_of, select, Statement())
        known: dict[Hashable, Template] = {}

        def written(statement: Statement) -> Texts:
            page = page_of if isinstance(page_of, Page) else page_of(statement)
            template = known.get(page.shape)
            if template is None:
                if len(known) >= MOST_SHAPES:
                    known.clear()
                template = known[page.shape] = Template(self._of(page, SOURCE, Marks()))
            return template.write(write(select, statement), page.values, statement)

        return written

    def _of(self, page: Page, source: str, statement: Statement) -> Sql:
        where = statement.write(page.where)
        count = f"(SELECT count(*) FROM ({source}) r WHERE {where})"
        if not (self._lists or self.ends):
            table = f"SELECT {f'{count} AS total' if self.total else 'TRUE'}"
            return subselect(self._object({}), f"({table}) page")
        more = self.ends or (self.total and page.cursor is None)
        only = f"{self.alias}.n <= {page.size}" if more else ""  # not the one after them
        lists = {key: json_list(text, only=only) for key, text in self._lists.items()}
        rows = self._rows(page, source, where, statement, more)
        if not (self.ends or self.total):
            return subselect(self._object(lists), rows)
        columns: list[Sql] = [
            sql(text.sql, f" AS l{number}") for number, text in enumerate(lists.values())
        ]
        if self.total:
            if more and page.cursor is None:  # where the page is all there is, it is counted
                count = f"CASE WHEN count(*) <= {page.size} THEN count(*) ELSE {count} END"
            columns.append(f"{count} AS total")
        if self.ends:
            columns += self._ends(page, only)
        named = {key: f"page.l{number}" for number, key in enumerate(lists)}
        return subselect(self._object(named), sql(subselect(joined(", ", columns), rows), " page"))

    @cached_property
    def _lists(self) -> Mapping[str, Text]:
        return {key: each.text for key, each in self.shown.items() if isinstance(each, EachRow)}

    def _object(self, lists: Mapping[str, Sql | Text]) -> Sql:
        shown = {
            key: lists[key] if isinstance(each, EachRow) else each
            for key, each in self.shown.items()
        }
        return json_object(shown).sql

    def _rows(
        self, page: Page, source: str, where: str, statement: Statement, more: bool
    ) -> Sql:
        """The page's rows and, where it must be known whether there are ``more``, the one after."""
        columns = self.columns
        if self.cursors or self.ends:
            columns |= {term.column for term in total(page.order, self.relation.tie)}
        rows = page.rows(
            self.relation, source, where, statement,
            extra=int(more), numbered=more, only=tuple(sorted(columns)),
        )  # fmt: skip
        rows = f"({rows}) {self.alias}"
        if not self.cursors:
            return rows
        cursor = page.cursor_of(self.relation, lambda column: f'{self.alias}."{column}"')
        return f"{rows} CROSS JOIN LATERAL (SELECT {cursor} AS cursor) {CURSORS}"

    def _ends(self, page: Page, only: str) -> list[str]:
        more, beyond = f"count(*) > {page.size}", str(page.cursor is not None).upper()
        last = f"least(count(*), {page.size})"

        def cursor(place: str) -> str:
            """That of the row in this place: its keys are gathered, and written once."""

            def key(column: str) -> str:
                return f'(array_agg({self.alias}."{column}") FILTER (WHERE {only}))[{place}]'

            text = page.cursor_of(self.relation, key)
            return f"CASE WHEN {last} > 0 THEN {text} END"

        return [
            f"{beyond if page.backward else more} AS next",
            f"{more if page.backward else beyond} AS previous",
            f"{cursor('1')} AS start",
            f'{cursor(last)} AS "end"',
        ]


class Marks(Statement):
    """Leaves a mark where a value would be bound, so that the text serves other values, too."""

    def bind(self, value: object) -> str:
        return mark(int(super().bind(value)[1:]))


def mark(place: int) -> str:
    """No text of a statement has the character."""
    return f"\0{place}\0"


SOURCE = mark(0)


class Template:
    """A piece with marks: of the source, which is 0, and of values, which count from 1."""

    def __init__(self, piece: Sql) -> None:
        pieces = piece.pieces if isinstance(piece, Several) else [piece]
        self._pieces: list[Sql | int] = []
        for each in pieces:
            if isinstance(each, str):
                parts = each.split("\0")
                self._pieces += [int(part) if n % 2 else part for n, part in enumerate(parts)]
            else:
                self._pieces.append(each)
        self._most = max((each for each in self._pieces if isinstance(each, int)), default=0)

    def write(self, source: Texts, values: Sequence[object], statement: Statement) -> Texts:
        named = [source, *([statement.bind(value)] for value in values[: self._most])]
        texts: Texts = []
        for piece in self._pieces:
            texts += named[piece] if isinstance(piece, int) else write(piece, statement)
        return texts
