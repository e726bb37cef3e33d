"""Filters: what a client may ask of the rows of a relation, from closed lists of conditions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, LiteralString, cast

from db.relation import Fragment, InvalidArgument, Relation

DEEPEST_FILTER = 8

Test = Callable[[Any], LiteralString]
"""Chooses a test by the value."""

Conditions = Mapping[str, "LiteralString | Test | Relation[Any]"]
"""A filter's fields: each a test with a ``{}`` for the value, or a relation of which some row must
pass the filter that is the value."""


Read = Callable[[object], tuple[Conditions, Mapping[str, Any]]]
"""What the fields of a filter mean, and those that ask for something with their values."""


def where(wanted: object | None, read: Read, depth: int = 0) -> Fragment:
    """The test that a filter asks for."""
    if depth > DEEPEST_FILTER:
        raise InvalidArgument(f"filters nest at most {DEEPEST_FILTER} deep")
    if wanted is None:
        return Fragment("TRUE")
    conditions, given = read(wanted)
    tests = [
        _combined(name, value, read, depth + 1)
        if name in ("and_", "or_", "not_")
        else _test(conditions[name], value, read, depth + 1)
        for name, value in given.items()
    ]
    return _joined(tests, "AND")


def _combined(name: str, value: Any, read: Read, depth: int) -> Fragment:
    if name == "not_":
        inner = where(value, read, depth)
        return Fragment(f"({inner.text}) IS NOT TRUE", inner.values)
    return _joined([where(each, read, depth) for each in value], name[:-1].upper())


def _test(
    condition: "LiteralString | Test | Relation[Any]", value: Any, read: Read, depth: int
) -> Fragment:
    if isinstance(condition, Relation):
        inner = where(value, read, depth)
        select = condition.select([f'r."{hole.column}"' for hole in condition.holes])
        return Fragment(f"EXISTS (SELECT FROM ({select}) r WHERE {inner.text})", inner.values)
    if not isinstance(condition, str):
        condition = condition(value)
    several = isinstance(value, list)
    return Fragment(condition, (tuple(cast(list[object], value)) if several else value,))


def _joined(tests: Sequence[Fragment], word: str) -> Fragment:
    text = f" {word} ".join(test.text for test in tests) or ("TRUE" if word == "AND" else "FALSE")
    return Fragment(f"({text})", sum((test.values for test in tests), ()))
