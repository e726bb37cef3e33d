"""The definition of a workflow: what is read is written without loss, what is wrong is found."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers import definitions
from resolvers.definitions import (
    LOOP,
    Definition,
    Edge,
    InvalidDefinition,
    Node,
    Note,
    Position,
    accept,
    check,
    diagnose,
    read,
    write,
)
from resolvers.diagnostics import MOST_FINDINGS, Diagnostic
from resolvers.exact_json import Json

TRIGGER = {"id": "a", "type": "webhook", "name": "A"}
STEP = {"id": "b", "type": "http", "name": "B"}
A_TO_B = {"from": "a", "to": "b"}


def document(*edges: object, nodes: tuple[object, ...] = (TRIGGER, STEP)) -> dict[str, object]:
    return {"nodes": [*nodes], "edges": [*edges]}


def codes(found: list[Diagnostic]) -> list[tuple[str, str]]:
    return [(each.code, each.pointer) for each in found]


def resolve(value: Any, pointer: str) -> Any:
    """What a JSON pointer leads to; fails if it leads to nothing."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = cast(Any, value[int(key)] if isinstance(value, list) else value[key])
    return value


# Definitions as Hypothesis makes them

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
NAME = TEXT.filter(str.strip)
NUMBER = st.one_of(
    st.integers(),
    st.integers(-(10**900), 10**900),
    # A Decimal here always has decimals, as what is read has.
    st.decimals(allow_nan=False, allow_infinity=False, places=5).map(lambda d: d or Decimal(0)),
)
SCALAR = st.one_of(st.none(), st.booleans(), NUMBER, TEXT)
JSON: st.SearchStrategy[Json] = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
CONFIG = st.dictionaries(TEXT, JSON, max_size=3)
POSITION = st.none() | st.builds(Position, NUMBER, NUMBER)
PORT = st.none() | NAME


@st.composite
def drawn(draw: st.DrawFn) -> Definition:
    """Any definition that has only known ends of edges."""
    ids = draw(st.lists(NAME, min_size=1, max_size=6, unique=True))
    cut = draw(st.integers(1, len(ids)))
    kind = st.sampled_from(["webhook", "http", "set"])
    nodes = [Node(id, draw(kind), draw(NAME), draw(CONFIG), draw(POSITION)) for id in ids[:cut]]
    notes = [Note(id, draw(TEXT), draw(CONFIG), draw(POSITION)) for id in ids[cut:]]
    end = st.sampled_from(ids[:cut])
    edge = st.builds(Edge, end, end, PORT, PORT, st.sampled_from(["main", LOOP, "ai_tool"]))
    edges = draw(st.lists(edge, max_size=8))
    return Definition(tuple(nodes), tuple(edges), tuple(notes), draw(CONFIG))


# Reading and writing


@given(drawn())
@settings(deadline=None, max_examples=50)
def test_what_is_written_is_read_as_the_same(definition: Definition) -> None:
    text = write(definition)
    assert read(text) == definition
    assert write(read(text)) == text


@given(drawn())
@settings(deadline=None, max_examples=50)
def test_values_already_decoded_are_read_as_their_text_is(definition: Definition) -> None:
    text = write(definition)
    assert read(json.loads(text, parse_float=Decimal)) == read(text)


@given(drawn())
@settings(deadline=None, max_examples=50)
def test_the_order_of_keys_does_not_change_what_is_written(definition: Definition) -> None:
    backwards = json.loads(
        write(definition),
        parse_float=Decimal,
        object_pairs_hook=lambda pairs: dict(reversed(pairs)),
    )
    assert write(read(backwards)) == write(definition)


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("18446744073709551617", "18446744073709551617"),
        ("0.1000000000000000000000000001", "0.1000000000000000000000000001"),
        ("-0", "0"),
        ("-0.0", "0.0"),
        ("1e2", "100"),
        ("1.50e1", "15.0"),
        ("1E-7", "1E-7"),
        ("1e400", "1" + "0" * 400),
    ],
)
def test_a_number_keeps_its_value_and_its_digits(number: str, written: str) -> None:
    text = f'{{"nodes":[],"edges":[],"config":{{"n":{number}}}}}'
    assert write(read(text)) == f'{{"nodes":[],"edges":[],"config":{{"n":{written}}}}}'


def test_what_goes_without_saying_is_not_written() -> None:
    said = document(
        {**A_TO_B, "kind": "main", "fromPort": None}, nodes=({**TRIGGER, "config": {}}, STEP)
    )
    assert write(read(said)) == write(read(document(A_TO_B)))


def test_utf_16_with_its_mark_and_utf_8_with_its_mark_are_read() -> None:
    text = json.dumps(document(A_TO_B))
    assert read(text.encode("utf-16")) == read(text.encode("utf-8-sig")) == read(text)


# Form


ILL_FORMED: list[tuple[object, list[tuple[str, str]]]] = [
    ([], [("NOT_AN_OBJECT", ""), ("MISSING_KEY", "")]),
    (None, [("NOT_AN_OBJECT", ""), ("MISSING_KEY", "")]),
    ({}, [("MISSING_KEY", "")]),
    ({"nodes": {}}, [("NOT_A_LIST", "/nodes")]),
    ({"nodes": [1]}, [("NOT_AN_OBJECT", "/nodes/0"), *[("MISSING_KEY", "/nodes/0")] * 3]),
    ({"nodes": [], "colour": 1}, [("UNKNOWN_KEY", "/colour")]),
    ({"nodes": [{**STEP, "a/b": 1}]}, [("UNKNOWN_KEY", "/nodes/0/a~1b")]),
    ({"nodes": [{"type": "t", "name": "n"}]}, [("MISSING_KEY", "/nodes/0")]),
    ({"nodes": [{**STEP, "id": 7}]}, [("NOT_TEXT", "/nodes/0/id")]),
    ({"nodes": [{**STEP, "config": []}]}, [("NOT_AN_OBJECT", "/nodes/0/config")]),
    ({"nodes": [{**STEP, "position": [1, 2]}]}, [("NOT_A_POSITION", "/nodes/0/position")]),
    (
        {"nodes": [{**STEP, "position": {"x": True, "y": 1}}]},
        [("NOT_A_POSITION", "/nodes/0/position")],
    ),
    (document({"from": "a"}), [("MISSING_KEY", "/edges/0")]),
    (document({**A_TO_B, "fromPort": 0}), [("NOT_TEXT", "/edges/0/fromPort")]),
    (document({**A_TO_B, "label": "yes"}), [("UNKNOWN_KEY", "/edges/0/label")]),
]


@pytest.mark.parametrize(("wrong", "found"), ILL_FORMED)
def test_what_does_not_fit_the_form_is_found_where_it_is(
    wrong: object, found: list[tuple[str, str]]
) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        read(wrong)
    assert codes(list(refused.value.diagnostics)) == found
    assert refused.value.code == "INVALID_DEFINITION"


def test_all_faults_of_form_are_told_at_once() -> None:
    wrong = document({"from": 1, "to": "b"}, nodes=({"id": "a"}, STEP))
    assert [each.pointer for each in diagnose(wrong)] == ["/nodes/0", "/nodes/0", "/edges/0/from"]


@pytest.mark.parametrize(
    ("text", "code", "pointer"),
    [
        (b"", "NOT_JSON", ""),
        (b"{", "NOT_JSON", ""),
        (b'{"nodes":[],"nodes":[]}', "REPEATED_KEY", ""),
        (b'{"nodes":[NaN]}', "NOT_A_NUMBER", "/nodes/0"),
        (b'{"nodes":[-Infinity]}', "NOT_A_NUMBER", "/nodes/0"),
        (b'{"nodes":["\\u0000"]}', "NUL_CHARACTER", "/nodes/0"),
        (b'{"nodes":["\\ud83d"]}', "LONE_SURROGATE", "/nodes/0"),
        (b'{"nodes":[1e1000]}', "NUMBER_TOO_LARGE", "/nodes/0"),
        (b'{"nodes":[1e99999999999999999999]}', "NUMBER_TOO_LARGE", ""),
        (b"9" * 5000, "NUMBER_TOO_LARGE", ""),
        (b"[" * 100_000, "TOO_DEEP", ""),
        (b'{"a":' * 100_000, "TOO_DEEP", ""),
        (b"[" * 65 + b"]" * 65, "TOO_DEEP", ""),
        (b'"' + b'\\"' * 500_000, "NOT_JSON", ""),
        (b"[" + b"0," * 200_000 + b"0]", "TOO_LARGE", ""),
        (b"[" + b"1e900," * 2_000 + b"1]", "TOO_LARGE", "/1165"),
        (b" " * (definitions.MOST_BYTES + 1), "TOO_LARGE", ""),
        (b"\x89PNG\r\n\x1a\n", "NOT_UTF8", ""),
        (b'{"nodes":["\xff"]}', "NOT_UTF8", ""),
    ],
    ids=lambda value: str(value[:24]) if isinstance(value, bytes) else None,
)
def test_text_that_jsonb_could_not_hold_is_refused(text: bytes, code: str, pointer: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        read(text)
    assert codes(list(refused.value.diagnostics))[0] == (code, pointer)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, object(), {"k": b"bytes"}])
def test_values_that_are_not_json_are_refused(value: object) -> None:
    with pytest.raises(InvalidDefinition):
        read({"nodes": [], "config": {"value": value}})


def test_a_value_nested_too_deep_is_refused_like_its_text() -> None:
    value: object = {}
    for _ in range(10_000):
        value = [value]
    assert diagnose({"nodes": [], "config": {"deep": value}})[0].code == "TOO_DEEP"


def test_the_deepest_that_is_allowed_is_taken() -> None:
    depth = definitions.MOST_DEPTH - 2
    text = f'{{"nodes":[],"edges":[],"config":{{"deep":{"[" * depth}{"]" * depth}}}}}'
    assert write(accept(text)) == text


@given(st.binary(max_size=64) | st.text(max_size=64))
@settings(deadline=None, max_examples=50)
def test_any_bytes_are_read_or_refused(data: bytes | str) -> None:
    assert isinstance(diagnose(data), list)


WORDS = "nodes edges notes config id type name from to fromPort toPort kind position x y text"
KEYS = WORDS.split()
LIKE_A_DEFINITION = st.recursive(
    SCALAR | st.sampled_from(["a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | TEXT, inner, max_size=6)
    ),
    max_leaves=30,
)


@given(LIKE_A_DEFINITION)
@settings(deadline=None, max_examples=100)
def test_every_pointer_leads_to_something_in_the_document(value: Any) -> None:
    for found in diagnose(value):
        resolve(value, found.pointer)


# Sense


def test_the_example_of_the_guide_has_no_findings() -> None:
    guide = Path(__file__).parents[2] / "docs" / "definitions.md"
    assert diagnose(guide.read_text().split("```json")[1].split("```")[0]) == []


def test_a_good_definition_has_no_findings() -> None:
    assert diagnose(document(A_TO_B)) == []


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (document(nodes=(TRIGGER, TRIGGER)), ("DUPLICATE_ID", "/nodes/1/id")),
        (document(nodes=({**TRIGGER, "id": " "},)), ("EMPTY", "/nodes/0/id")),
        (document(nodes=({**TRIGGER, "type": ""},)), ("EMPTY", "/nodes/0/type")),
        (document(nodes=({**TRIGGER, "id": "x" * 256},)), ("TOO_LONG", "/nodes/0/id")),
        (document({"from": "a", "to": "z"}), ("UNKNOWN_NODE", "/edges/0/to")),
        (document({"from": "z", "to": "b"}), ("UNKNOWN_NODE", "/edges/0/from")),
        (document(A_TO_B, {"from": "b", "to": "b"}), ("SELF_EDGE", "/edges/1")),
        (document(A_TO_B, {"from": "b", "to": "a"}), ("UNDECLARED_CYCLE", "/edges/1")),
        (document({**A_TO_B, "toPort": ""}), ("EMPTY", "/edges/0/toPort")),
        (document({**A_TO_B, "kind": ""}), ("EMPTY", "/edges/0/kind")),
        (
            {**document(A_TO_B), "notes": [{"id": "a", "text": "hello"}]},
            ("DUPLICATE_ID", "/notes/0/id"),
        ),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is(wrong: object, found: tuple[str, str]) -> None:
    errors = [each for each in diagnose(wrong) if each.severity == "error"]
    assert codes(errors) == [found]
    with pytest.raises(InvalidDefinition):
        accept(wrong)


def test_the_message_of_a_cycle_names_its_nodes() -> None:
    found = diagnose(document(A_TO_B, {"from": "b", "to": "a"}))
    assert '"A" → "B" → "A"' in found[0].message


def test_a_cycle_with_a_declared_loop_is_legal() -> None:
    assert diagnose(document(A_TO_B, {"from": "b", "to": "a", "kind": "loop"})) == []


def test_a_declared_loop_to_itself_is_legal() -> None:
    assert diagnose(document(A_TO_B, {"from": "b", "to": "b", "kind": "loop"})) == []


def test_a_node_that_no_trigger_leads_to_is_warned_of_but_accepted() -> None:
    assert codes(diagnose(document())) == [("UNREACHABLE_NODE", "/nodes/1")]
    assert accept(document())


def test_without_triggers_a_run_begins_where_no_edge_ends() -> None:
    nodes = ({**TRIGGER, "type": "set"}, STEP)
    assert diagnose(document(A_TO_B, nodes=nodes)) == []


def test_without_any_beginning_that_is_what_is_said() -> None:
    nodes = ({**TRIGGER, "type": "set"}, STEP)
    back = {"from": "b", "to": "a", "kind": "loop"}
    assert codes(diagnose(document(A_TO_B, back, nodes=nodes))) == [("NO_START", "/nodes")]


def test_a_part_is_reached_through_the_node_that_uses_it() -> None:
    tool = {"id": "t", "type": "tool", "name": "T"}
    uses = {"from": "t", "to": "b", "kind": "ai_tool"}
    assert diagnose(document(A_TO_B, uses, nodes=(TRIGGER, STEP, tool))) == []


def test_the_same_edge_twice_is_warned_of() -> None:
    assert codes(diagnose(document(A_TO_B, A_TO_B))) == [("DUPLICATE_EDGE", "/edges/1")]


@pytest.mark.parametrize(
    "type",
    ["webhook", "n8n-nodes-base.formTrigger", "acme/schedule", "Trigger", "trigger.mail"],
)
def test_types_that_begin_a_run_are_known_by_their_name(type: str) -> None:
    assert definitions.is_start(type)


@pytest.mark.parametrize("type", ["http", "n8n-nodes-base.respondToWebhook", "restart"])
def test_other_types_do_not_begin_a_run(type: str) -> None:
    assert not definitions.is_start(type)


def test_too_many_nodes_are_refused() -> None:
    nodes = [{"id": f"{i}", "type": "webhook", "name": "n"} for i in range(2_001)]
    assert codes(diagnose({"nodes": nodes})) == [("TOO_MANY_NODES", "/nodes")]


def test_too_many_edges_are_refused() -> None:
    assert codes(diagnose(document(*[A_TO_B] * 10_001))) == [("TOO_MANY_EDGES", "/edges")]


def test_the_largest_definition_is_checked() -> None:
    nodes = [{"id": f"{i}", "type": "set", "name": f"{i}"} for i in range(2_000)]
    edges = [{"from": f"{i % 2_000}", "to": f"{(i * 7 + 1) % 2_000}"} for i in range(10_000)]
    found = diagnose({"nodes": nodes, "edges": edges})
    assert {each.code for each in found} >= {"UNDECLARED_CYCLE", "DUPLICATE_EDGE"}


def test_what_is_too_much_to_tell_is_counted() -> None:
    wrong = document(*[{"from": "a", "to": "z"}] * (MOST_FINDINGS + 5))
    errors = [each for each in diagnose(wrong) if each.severity == "error"]
    assert len(errors) == MOST_FINDINGS + 1
    assert errors[-1].message == "And 5 more."


def is_acyclic(count: int, edges: list[tuple[int, int]]) -> bool:
    """By taking away, again and again, the nodes that nothing leads to."""
    left = set(range(count))
    while free := {n for n in left if not any(t == n and s in left for s, t in edges)}:
        left -= free
    return not left


GRAPH = st.integers(1, 7).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=14),
        st.lists(st.sampled_from(["set", "webhook"]), min_size=n, max_size=n),
    )
)


def graph(count: int, edges: list[tuple[int, int]], types: list[str]) -> Definition:
    nodes = tuple(Node(f"{i}", types[i], f"{i}") for i in range(count))
    return Definition(nodes, tuple(Edge(f"{s}", f"{t}") for s, t in edges))


@given(GRAPH)
@settings(deadline=None, max_examples=100)
def test_errors_are_found_exactly_where_there_is_a_cycle(
    drawn: tuple[int, list[tuple[int, int]], list[str]],
) -> None:
    errors = [each for each in check(graph(*drawn)) if each.severity == "error"]
    assert (errors == []) == is_acyclic(drawn[0], drawn[1])


@given(GRAPH)
@settings(deadline=None, max_examples=100)
def test_declaring_the_edges_found_makes_every_cycle_legal(
    drawn: tuple[int, list[tuple[int, int]], list[str]],
) -> None:
    definition = graph(*drawn)
    found = {each.pointer for each in check(definition) if each.severity == "error"}
    edges = tuple(
        Edge(edge.source, edge.target, kind=LOOP if f"/edges/{i}" in found else "main")
        for i, edge in enumerate(definition.edges)
    )
    declared = Definition(definition.nodes, edges)
    assert [each for each in check(declared) if each.severity == "error"] == []


@given(GRAPH)
@settings(deadline=None, max_examples=100)
def test_exactly_what_no_trigger_leads_to_is_unreachable(
    drawn: tuple[int, list[tuple[int, int]], list[str]],
) -> None:
    count, edges, types = drawn
    reached = {i for i in range(count) if types[i] == "webhook"}
    if not reached:
        return
    for _ in range(count):
        reached |= {t for s, t in edges if s in reached}
    found = {each.pointer for each in check(graph(*drawn)) if each.code == "UNREACHABLE_NODE"}
    assert found == {f"/nodes/{i}" for i in range(count) if i not in reached}
