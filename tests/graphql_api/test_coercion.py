"""Variables are coerced as graphql-core does it, or left to it."""

from typing import Any, cast

import msgspec
import pytest
from graphql import OperationDefinitionNode, parse
from graphql.execution.values import VariableValues, get_variable_values
from hypothesis import given, settings
from hypothesis import strategies as st

from graphql_api.coercion import Coercion
from graphql_api.schema import schema

CORE = schema._schema  # pyright: ignore[reportPrivateUsage]
COERCION = Coercion(CORE)

LINE: dict[str, Any] = {"message": "m", "level": "WARN", "metadata": {"a": [1, None]}}
USUAL: dict[str, list[Any]] = {
    "ID!": ["x", 7],
    "String": ["x", "", None],
    "Int": [0, -3, None],
    "Boolean!": [True],
    "[ID!]!": [[], ["a", "b"]],
    "[String]": [["a", None], None],
    "WorkflowOrder!": ["NAME"],
    "DateTime": ["2026-10-05T00:00:00Z"],
    "UUID": ["0196f2c0-0000-7000-8000-000000000000"],
    "WorkflowFilter": [
        {},
        {"status": ["ACTIVE"], "and": [{"search": "x"}, {"not": {"tags": ["a"]}}]},
        {"executions": {"logs": {"level": None}}},
    ],
    "AppendExecutionLogsInput!": [
        {"executionId": "e", "lines": []},
        {"executionId": "e", "attempt": 2, "lines": [LINE, {"message": "n", "nodeId": None}]},
    ],
    "[LogLineInput!]!": [
        [],
        [
            LINE,
            {"message": "", "id": None, "metadata": None, "timestamp": None},
            {
                "message": "\0",
                "id": "0196F2C0-0000-4000-8000-000000000000",
                "nodeId": "n1",
                "metadata": [{"a": 1.5}, "x"],
                "timestamp": "2026-10-05T01:02:03.5+02:00",
            },
        ],
    ],
}
UNUSUAL: dict[str, list[Any]] = {
    "JSON!": [None],
    "ID!": [None, [], True],
    "String": [7, ["x"]],
    "Int": ["1", 1.5, 2**40, True],
    "[ID!]!": ["alone", [None], {}],
    "WorkflowOrder!": ["name", 1],
    "DateTime": ["yesterday", 5],
    "WorkflowFilter": [
        {"unknown": 1},
        {"search": "x", "unknown": 1},
        {"status": ["active"]},
        [],
        {"and": {"search": "x"}},
    ],
    "AppendExecutionLogsInput!": [
        {"lines": []},
        {"executionId": "e", "lines": [{}]},
        {"executionId": "e", "lines": [{**LINE, "level": "LOUD"}]},
        {"executionId": "e", "lines": {"message": "alone"}},
    ],
    "[LogLineInput!]!": [
        [None],
        [{**LINE, "unknown": 1}],
        [{"message": None}],
        [{"message": 7}],
        [{**LINE, "level": None}],
        [{**LINE, "level": "warn"}],
        [{**LINE, "id": "no uuid"}],
        [{**LINE, "timestamp": "2026-10-05T00:00:00"}],
        [{**LINE, "timestamp": 5}],
    ],
}
CASES = [(type_, value) for type_, values in USUAL.items() for value in values]
STRANGE = [(type_, value) for type_, values in UNUSUAL.items() for value in values]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["and", "not", "status", "search", "tags", "message", "lines"]), inner
        )
    ),
    max_leaves=8,
)

ANY: st.SearchStrategy[object] = st.one_of(
    st.none(), st.integers(), st.text(max_size=2), st.lists(st.booleans(), max_size=1)
)
OPTIONAL: dict[str, st.SearchStrategy[object]] = {
    "id": st.uuids().map(str) | st.uuids().map(lambda id: id.hex) | ANY,
    "nodeId": st.text(max_size=3) | ANY,
    "level": st.sampled_from(["DEBUG", "INFO", "ERROR", "info"]) | ANY,
    "metadata": JSON,
    "timestamp": st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()) | ANY,
    "more": ANY,
}
LINES: st.SearchStrategy[list[dict[str, object]]] = st.lists(
    st.fixed_dictionaries({"message": st.text(max_size=3)}, optional=OPTIONAL), max_size=3
)
"""Lines, nearly all of them right."""


def coerced(type_: str, given: dict[str, Any]) -> tuple[object, Any]:
    """By our functions (None where they leave it), and by graphql-core."""
    (operation,) = parse(f"query ($x: {type_}) {{ viewer {{ user {{ id }} }} }}").definitions
    variables = cast("OperationDefinitionNode", operation).variable_definitions or ()
    ours = COERCION.of(variables)
    assert ours is not None
    return _values(ours.coerced(given)), _values(get_variable_values(CORE, variables, given))


def _values(found: object) -> object:
    """The values, and what they were made of; the types of each making are objects of their own."""
    if not isinstance(found, VariableValues):
        return found
    sources = {name: source.value for name, source in found.sources.items()}
    return msgspec.to_builtins(found.coerced), sources


@pytest.mark.parametrize(("type_", "value"), CASES)
def test_what_fits_is_coerced_as_graphql_core_does_it(type_: str, value: object) -> None:
    ours, core = coerced(type_, {"x": value})
    assert ours is not None
    assert ours == core


@pytest.mark.parametrize(("type_", "value"), STRANGE)
def test_what_does_not_fit_as_it_stands_is_left_to_graphql_core(type_: str, value: object) -> None:
    ours, _ = coerced(type_, {"x": value})
    assert ours is None


def test_what_is_not_given_is_left_to_graphql_core() -> None:
    ours, core = coerced("String = \"d\"", {})
    assert ours is None
    assert core[0] == {"x": "d"}


def test_what_may_be_left_out_is_not_among_the_values() -> None:
    ours, core = coerced("String", {})
    assert ours == core
    assert core[0] == {}


def test_what_must_be_given_and_is_not_is_left_to_graphql_core() -> None:
    assert coerced("ID!", {})[0] is None


@settings(max_examples=300, deadline=None)
@given(type_=st.sampled_from(list(USUAL)), value=JSON)
def test_whatever_is_coerced_is_what_graphql_core_makes_of_it(type_: str, value: object) -> None:
    ours, core = coerced(type_, {"x": value})
    assert ours is None or ours == core


@settings(max_examples=500, deadline=None)
@given(lines=LINES)
def test_whatever_lines_are_coerced_are_what_graphql_core_makes_of_them(lines: object) -> None:
    ours, core = coerced("[LogLineInput!]!", {"x": lines})
    assert ours is None or ours == core
