"""Filters: what a client may ask of the rows of a relation, from closed lists of conditions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, LiteralString, cast

from db.relation import Fragment, InvalidArgument, Relation

DEEPEST_FILTER = 8

Conditions = Mapping[str, "LiteralString | Relation[Any]"]
"""A filter's fields: each a test with a ``{}`` for the value, or a relation of which some row must
pass the filter that is the value."""


def where(
    wanted: object | None, conditions_of: Callable[[object], Conditions], depth: int = 0
) -> Fragment:
    """The test that a filter asks for. A field that is absent or null asks for nothing."""
    if depth > DEEPEST_FILTER:
        raise InvalidArgument(f"filters nest at most {DEEPEST_FILTER} deep")
    if wanted is None:
        return Fragment("TRUE")
    tests = [
        _test(name, value, conditions_of(wanted), conditions_of, depth)
        for name, value in vars(wanted).items()
        if value is not None
    ]
    return _joined(tests, "AND")


def _test(
    name: str,
    value: Any,
    conditions: Conditions,
    conditions_of: Callable[[object], Conditions],
    depth: int,
) -> Fragment:
    if name in ("and_", "or_"):
        return _joined([where(each, conditions_of, depth + 1) for each in value], name[:-1].upper())
    if name == "not_":
        inner = where(value, conditions_of, depth + 1)
        return Fragment(f"({inner.text}) IS NOT TRUE", inner.values)
    condition = conditions[name]
    if isinstance(condition, Relation):
        inner = where(value, conditions_of, depth + 1)
        select = condition.select([f'r."{hole.column}"' for hole in condition.holes])
        return Fragment(f"EXISTS (SELECT FROM ({select}) r WHERE {inner.text})", inner.values)
    several = isinstance(value, list)
    return Fragment(condition, (tuple(cast(list[object], value)) if several else value,))


def _joined(tests: Sequence[Fragment], word: str) -> Fragment:
    if len(tests) == 1:
        return tests[0]
    text = f" {word} ".join(test.text for test in tests) or ("TRUE" if word == "AND" else "FALSE")
    return Fragment(f"({text})", sum((test.values for test in tests), ()))
