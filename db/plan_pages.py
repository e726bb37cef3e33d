"""What a compiled plan makes of a page: one row of its lists, its ends and its total."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from db.pages import Page
from db.plan import Several, Sql, Texts, joined, json_object, sql, write
from db.relation import Many, Statement

CURSORS = '"#cursor"'
CURSOR = f"{CURSORS}.cursor"
"""The text of the cursor of a connection's row."""

MOST_SHAPES = 4
"""Of the pages of one connection, whose text is kept: without and with a cursor, or a filter."""


@dataclass(frozen=True)
class Items:
    """What a list shows of each row: ``cells``, which may name objects that are made ``beside``
    them, each of cells of its own."""

    cells: Sql
    beside: Mapping[str, Sql] = field(default_factory=lambda: {})


@dataclass(frozen=True)
class Connection:
    """An object of cells ``shown`` over ``page``, the one row of what a page has.

    It has a list ``l0``, ``l1``… for each of ``lists``, whose cells speak of ``alias`` and, if
    ``cursors``, of ``CURSOR``. If ``ends``, it has ``next`` and ``previous`` (are there more?),
    ``start`` and ``end`` (cursors); if ``total``, ``total``.
    """

    relation: Many[Any]
    select: Sql
    alias: str
    page_of: Page | Callable[[Any], Page]
    shown: Sql
    lists: Sequence[Items]
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
        if self.lists or self.ends:
            table = self._read(page, source, where, count, statement)
        else:
            table = f"SELECT {f'{count} AS total' if self.total else 'TRUE'}"
        return json_object(self.shown, sql("(", table, ") page"))

    def _read(self, page: Page, source: str, where: str, count: str, statement: Statement) -> Sql:
        """The page's row, from its rows and, where it must be known whether there are more, the
        one after them."""
        more = self.ends or (self.total and page.cursor is None)
        rows = page.rows(self.relation, source, where, statement, extra=int(more), numbered=more)
        only = f" FILTER (WHERE {self.alias}.n <= {page.size})" if more else ""
        columns: list[Sql] = []
        if more and page.cursor is None:  # where the page is all there is, it is counted already
            count = f"CASE WHEN count(*) <= {page.size} THEN count(*) ELSE {count} END"
        if self.total:
            columns.append(f"{count} AS total")
        if self.ends:
            columns += self._ends(page, only)
        columns += [
            f"""coalesce(json_agg("#{number}"){only}, '[]') AS l{number}"""
            for number in range(len(self.lists))
        ]
        source_rows = f" FROM ({rows}) {self.alias}"
        return sql("SELECT ", joined(", ", columns), source_rows, *self._beside(page))

    def _beside(self, page: Page) -> list[Sql]:
        found: list[Sql] = []
        if self.cursors:
            cursor = page.cursor_of(self.relation, lambda column: f'{self.alias}."{column}"')
            found.append(lateral(f"{cursor} AS cursor", CURSORS))
        for number, items in enumerate(self.lists):
            found += [lateral(cells, name) for name, cells in items.beside.items()]
            found.append(lateral(items.cells, f'"#{number}"'))
        return found

    def _ends(self, page: Page, only: str) -> list[str]:
        more, beyond = f"count(*) > {page.size}", str(page.cursor is not None).upper()
        last = f"least(count(*), {page.size})"

        def cursor(place: str) -> str:
            """That of the row in this place: its keys are gathered, and written once."""
            text = page.cursor_of(
                self.relation,
                lambda column: f'(array_agg({self.alias}."{column}"){only})[{place}]',
            )
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


def lateral(cells: Sql, name: str) -> Sql:
    """Cells of each row, under a name. PostgreSQL puts them where they are used, which costs less
    than a sub-select for each row."""
    return sql(" CROSS JOIN LATERAL (SELECT ", cells, f") {name}")
