"""What a compiled plan is made of: expressions that answer in JSON.

A piece is text, or a function that writes itself into the statement of one request, because what a
client puts into variables may change the text (a filter has another shape) and not only values.
What it writes are texts that other requests share, so that a statement that was put together once
is found by them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from db.relation import Key, One, Statement

Texts = list[str]
Sql = str | Callable[[Any], Texts]

IT = '"#"'
"""The alias of what becomes an object: no GraphQL name, or a client's alias could capture it."""

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


def cells(named: Mapping[str, Sql]) -> Sql:
    return joined(", ", (sql(piece, f' AS "{name}"') for name, piece in named.items()))


def json_object(shown: Sql, source: Sql | None = None) -> Sql:
    """An object of cells; null if the source, where there is one, has no row."""
    rows = "" if source is None else sql(" FROM ", source)
    return sql(f"(SELECT row_to_json({IT}) FROM (SELECT ", shown, rows, f") {IT})")


def json_list(shown: Sql, source: Sql) -> Sql:
    """A list of objects of cells, one a row of the source, in its order."""
    items = f"(SELECT coalesce(json_agg({IT}), '[]') FROM (SELECT "
    return sql(items, shown, " FROM ", source, f") {IT})")


def promised(piece: Sql) -> Sql:
    return sql("coalesce(", piece, f", '{BROKEN_PROMISE}'::json)")


def broken(data: bytes) -> bool:
    """Whether a promise is broken in it."""
    return b"\r" in data and BROKEN_PROMISE.encode() in data


def base64(expression: str) -> Sql:
    return f"replace(encode(convert_to({expression}, 'UTF8'), 'base64'), E'\\n', '')"


def enum(column: str, names: Iterable[tuple[str, str]]) -> Sql:
    """The names by which clients know a column's values."""
    cases = " ".join(f"WHEN '{value}' THEN '{name}'" for value, name in names)
    return f"CASE {column} {cases} END"


def number(column: str) -> Sql:
    """A float as Python writes it: PostgreSQL leaves the .0 away."""
    return (
        f"(CASE WHEN {column} = trunc({column}) AND abs({column}) < 1e16"
        f" THEN {column}::bigint || '.0' ELSE {column}::text END)::json"
    )


NOTHING_FOUND = "SELECT NULL::int AS place, NULL::json AS item"


def keyed_list(
    wanted: Mapping[One[Any], Sequence[tuple[int, Key]]],
    aliases: Mapping[One[Any], str],
    shown: Mapping[One[Any], Sql],
    length: int,
) -> Sql:
    """A list of ``length`` objects: in each place wanted the row under that key, else null."""

    def written(statement: Statement) -> Texts:
        found = [
            f"SELECT keys.place, {''.join(write(json_object(shown[relation]), statement))} AS item"
            f" FROM {_places(relation, places, statement)} {aliases[relation]}"
            for relation, places in wanted.items()
        ]
        return [
            "(SELECT coalesce(json_agg(found.item ORDER BY places.place), '[]')"
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
