"""Orders, cursors and pages of a relation.

A page is found by keyset: a cursor holds the values that its row is ordered by, and the page
starts beyond them, so that reading page after page neither skips nor repeats a row that stays.
"""

import base64
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

import msgspec

from db.relation import (
    Columns,
    Fragment,
    InvalidArgument,
    Key,
    Many,
    Statement,
    columns_of,
    nullable,
)


class Term(NamedTuple):
    column: str
    descending: bool


class Order(Enum):
    """Orderings, as ``"column ASC, column DESC"``; nulls come last."""

    @property
    def terms(self) -> tuple[Term, ...]:
        return _terms(str(self.value))


@cache
def _terms(order: str) -> tuple[Term, ...]:
    return tuple(
        Term(column, direction == "DESC")
        for column, direction in (term.split() for term in order.split(","))
    )


def total(order: Order, tie: str) -> tuple[Term, ...]:
    """The order's terms, made total by ``tie``."""
    terms = order.terms
    if any(term.column == tie for term in terms):
        return terms
    return (*terms, Term(tie, terms[-1].descending))


def write_cursor(text: str) -> str:
    """A cursor as clients see it."""
    return base64.b64encode(text.encode()).decode()


def read_cursor(relation: Many[Any], order: Order, cursor: str) -> Key:
    """The values that a cursor holds. Raises InvalidArgument where it is not one of this order."""
    try:
        name, *values = _cursor_decoder(relation, order).decode(
            base64.b64decode(cursor, validate=True)
        )
    except (ValueError, msgspec.DecodeError):
        raise InvalidArgument("the cursor is not one of this list in this order") from None
    if name != order.name:
        raise InvalidArgument(f"the cursor is one of the order {name}, not of {order.name}")
    return tuple(values)


@cache
def _cursor_decoder(relation: Many[Any], order: Order) -> msgspec.json.Decoder[Any]:
    columns = columns_of(relation.row)
    values = [columns[term.column] for term in total(order, relation.tie)]
    return msgspec.json.Decoder(tuple[(str, *values)])


@dataclass(frozen=True)
class Page:
    """Which part of a relation is wanted: ``size`` rows beyond ``cursor``, or those at the start.

    ``backward`` counts from the end, and the page still comes in the order asked for.
    ``cursor`` holds the values of the order's terms and of the tie.
    """

    where: Fragment
    order: Order
    size: int
    cursor: Key | None = None
    backward: bool = False

    @property
    def values(self) -> Key:
        """Its values, which are parameters of the statement, in the order of their binding."""
        return *self.where.values, *(value for value in self.cursor or () if value is not None)

    @property
    def shape(self) -> Hashable:
        """What pages have in common whose SQL is the same but for the values."""
        nulls = None if self.cursor is None else tuple(value is None for value in self.cursor)
        return self.where.text, self.order, self.size, nulls, self.backward

    def rows(
        self,
        relation: Many[Any],
        select: str,
        where: str,
        statement: Statement,
        *,
        extra: int,
        numbered: bool = True,
        only: Columns = None,
    ) -> str:
        """The page and ``extra`` rows more, in the order asked for, of ``only`` some columns.

        If ``numbered``, ``n`` counts from 1 in the direction of reading, so that the extra row has
        the highest.
        """
        terms = total(self.order, relation.tie)
        beyond = ""
        if self.cursor is not None:
            beyond = f" AND {self._beyond(relation, terms, self.cursor, statement)}"
        columns = ", ".join(relation.columns("r", only))
        rows = (
            f"SELECT {columns} FROM ({select}) r WHERE {where}{beyond}"
            f" ORDER BY {', '.join(self._ordered(relation, term) for term in terms)}"
            f" LIMIT {self.size + extra}"
        )
        if not (numbered or self.backward):
            return rows
        rows = f"SELECT row_number() OVER () AS n, r.* FROM ({rows}) r"
        return f"SELECT r.* FROM ({rows}) r ORDER BY r.n DESC" if self.backward else rows

    def cursor_of(self, relation: Many[Any], column: Callable[[str], str]) -> str:
        """The text of a row's cursor; ``column`` tells where each column of the row is."""
        keys = [column(term.column) for term in total(self.order, relation.tie)]
        return f"json_build_array('{self.order.name}', {', '.join(keys)})::text"

    def _ordered(self, relation: Many[Any], term: Term) -> str:
        direction = "DESC" if term.descending != self.backward else "ASC"
        nulls = ""
        if nullable(relation.row, term.column):
            nulls = " NULLS FIRST" if self.backward else " NULLS LAST"
        return f'r."{term.column}" {direction}{nulls}'

    def _beyond(
        self, relation: Many[Any], terms: Sequence[Term], cursor: Key, statement: Statement
    ) -> str:
        """The test for rows on the far side of the cursor."""
        if len({term.descending for term in terms}) == 1 and not any(
            nullable(relation.row, term.column) for term in terms
        ):
            columns = ", ".join(f'r."{term.column}"' for term in terms)
            bound = ", ".join(map(statement.bind, cursor))
            return f"({columns}) {self._sign(terms[0])} ({bound})"
        same: list[str] = []
        ways: list[str] = []
        for term, value in zip(terms, cursor, strict=True):
            column = f'r."{term.column}"'
            bound = "NULL" if value is None else statement.bind(value)
            if further := self._further(term, column, bound, nullable(relation.row, term.column)):
                ways.append(" AND ".join([*same, further]))
            same.append(f"{column} IS NULL" if value is None else f"{column} = {bound}")
        return f"({' OR '.join(ways)})"

    def _further(self, term: Term, column: str, bound: str, nullable: bool) -> str:
        if bound == "NULL":
            return f"{column} IS NOT NULL" if self.backward else ""
        beyond = f"{column} {self._sign(term)} {bound}"
        return f"({beyond} OR {column} IS NULL)" if nullable and not self.backward else beyond

    def _sign(self, term: Term) -> str:
        return "<" if term.descending != self.backward else ">"
