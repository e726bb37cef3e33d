"""What a compiled plan is made of: expressions of PostgreSQL whose values are texts of JSON.

Texts, because PostgreSQL looks up the types of columns anew for every row that it makes an object
of. docs/adr/0029

A piece is text, or a function that writes itself into the statement of one request, because what a
client puts into variables may change the text (a filter has another shape) and not only values.
What it writes are texts that other requests share, so that a statement that was put together once
is found by them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from db.relation import Key, One, Statement

Texts = list[str]
Sql = str | Callable[[Any], Texts]

MOST_ARGUMENTS = 100
"""That a function of PostgreSQL takes."""

BROKEN_PROMISE = '\r"\\u0000"'
"""Stands where the schema promises a value and there is none; no text of PostgreSQL can hold it.
The carriage return, which JSON of PostgreSQL's own making never has, is found in no time."""


def sql(*parts: Sql) -> Sql:
    """One piece of several. What no request changes is put together here, once for all of them."""
    merged: list[Sql] = [""]
    for part in _flat(parts):
        if isinstance(part, str) and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return merged[0] if len(merged) == 1 else Several(merged)


class Several:
    """Pieces one after the other."""

    def __init__(self, pieces: Sequence[Sql]) -> None:
        self.pieces = pieces

    def __call__(self, statement: Any) -> Texts:
        texts: Texts = []
        for piece in self.pieces:
            if isinstance(piece, str):
                texts.append(piece)
            else:
                texts += piece(statement)
        return texts


def _flat(pieces: Iterable[Sql]) -> Iterator[Sql]:
    for piece in pieces:
        if isinstance(piece, Several):
            yield from piece.pieces
        else:
            yield piece


def write(piece: Sql, statement: Statement) -> Texts:
    return [piece] if isinstance(piece, str) else piece(statement)


def joined(separator: str, pieces: Iterable[Sql]) -> Sql:
    parts: list[Sql] = []
    for piece in pieces:
        parts += [separator, piece] if parts else [piece]
    return sql(*parts)


@dataclass(frozen=True)
class Text:
    """A text of JSON: values, each an expression of such a text, and what stands as it is before,
    between and behind them. PostgreSQL puts it together at once, so it is copied once."""

    literals: tuple[str, ...]
    values: tuple[Sql, ...] = ()

    @property
    def sql(self) -> Sql:
        parts: list[Sql] = []
        for literal, value in zip_longest(self.literals, self.values):
            parts += [f"'{literal}'"] if literal else []
            parts += [] if value is None else [value]
        pieces = (
            sql("concat(", joined(", ", parts[start : start + MOST_ARGUMENTS]), ")")
            for start in range(0, len(parts), MOST_ARGUMENTS)
        )
        return joined(" || ", pieces)


def json_object(named: Mapping[str, Sql | Text]) -> Text:
    """An object under names of GraphQL's: letters, digits and _."""
    literals, values, before = ["{"], list[Sql](), ""
    for name, value in named.items():
        literals[-1] += f'{before}"{name}":'
        if isinstance(value, Text):
            literals[-1] += value.literals[0]
            literals += value.literals[1:]
            values += value.values
        else:
            literals.append("")
            values.append(value)
        before = ","
    literals[-1] += "}"
    return Text(tuple(literals), tuple(values))


def json_list(item: Text, by: str = "", only: str = "") -> Text:
    """An aggregate: one a row, in the order of rows or ``by`` a column; of ``only`` some rows."""
    order = f" ORDER BY {by}" if by else ""
    some = f" FILTER (WHERE {only})" if only else ""
    return Text(("[", "]"), (sql("string_agg(", item.sql, f", ','{order}){some}"),))


def subselect(shown: Sql, source: Sql) -> Sql:
    return sql("(SELECT ", shown, " FROM ", source, ")")


def nullable(piece: Sql) -> Sql:
    return sql("coalesce(", piece, ", 'null')")


def promised(piece: Sql) -> Sql:
    return sql("coalesce(", piece, f", '{BROKEN_PROMISE}')")


def broken(data: bytes) -> bool:
    """Whether a promise is broken in it."""
    return b"\r" in data and BROKEN_PROMISE.encode() in data


def quoted(expression: str) -> str:
    """A text in which nothing must be escaped."""
    return f"""'"' || {expression} || '"'"""


def base64(expression: str) -> str:
    return quoted(f"replace(encode(convert_to({expression}, 'UTF8'), 'base64'), E'\\n', '')")


def enum(column: str, names: Iterable[tuple[str, str]]) -> str:
    """The names by which clients know a column's values."""
    cases = " ".join(f"""WHEN '{value}' THEN '"{name}"'""" for value, name in names)
    return f"CASE {column} {cases} END"


def number(column: str) -> str:
    """A float as Python writes it: PostgreSQL leaves the .0 away."""
    return (
        f"CASE WHEN {column} = trunc({column}) AND abs({column}) < 1e16"
        f" THEN {column}::bigint || '.0' ELSE {column}::text END"
    )


NOTHING_FOUND = "SELECT NULL::int AS place, NULL AS item"


def keyed_list(
    wanted: Mapping[One[Any], Sequence[tuple[int, Key]]],
    aliases: Mapping[One[Any], str],
    shown: Mapping[One[Any], Text],
    length: int,
) -> Sql:
    """A list of ``length``: in each place wanted what is ``shown`` of the row under that key, else
    null."""

    def written(statement: Statement) -> Texts:
        found = [
            f"SELECT keys.place, {''.join(write(shown[relation].sql, statement))} AS item"
            f" FROM {_places(relation, places, statement)} {aliases[relation]}"
            for relation, places in wanted.items()
        ]
        return [
            "(SELECT concat('[', string_agg(coalesce(found.item, 'null'), ',' ORDER BY place), ']')"
            f" FROM generate_series(1, {length}) AS places(place) LEFT JOIN"
            f" ({' UNION ALL '.join(found) or NOTHING_FOUND}) found USING (place))"
        ]

    return written


def _places(relation: One[Any], places: Sequence[tuple[int, Key]], statement: Statement) -> str:
    """The places as a table, and the relation's SELECT hanging on it."""
    columns = [[place for place, _ in places], *zip(*(key for _, key in places), strict=True)]
    types = ["int", *(hole.type for hole in relation.holes)]
    names = ["place", *(f"k{number}" for number in range(len(relation.holes)))]
    arrays = ", ".join(
        f"{statement.bind(list(column))}::{type_}[]"
        for column, type_ in zip(columns, types, strict=True)
    )
    select = relation.select([f"keys.{name}" for name in names[1:]])
    return f"unnest({arrays}) AS keys({', '.join(names)}) CROSS JOIN LATERAL ({select})"
