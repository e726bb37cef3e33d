"""The difference of two definitions: complete, as small as it can be, and the same both ways."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any, cast

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from resolvers import exact_json
from resolvers.definitions import Definition, Edge, Node, Note, Position, write
from resolvers.diff import Change, ValueChange, diff

A, B = Node("a", "webhook", "A"), Node("b", "http", "B", {"url": "/x", "list": [1, 2]})
BASE = Definition((A, B), (Edge("a", "b"),), (Note("n", "hello"),), {"settings": {}})


def changed(**parts: Any) -> Definition:
    return msgspec.structs.replace(BASE, **parts)


def only(before: Definition, after: Definition) -> Change:
    (change,) = diff(before, after)
    return change


# Any two definitions, alike enough to have something in common

SCALAR = st.one_of(st.none(), st.booleans(), st.integers(0, 1), st.sampled_from(["x", "y"]))
JSON = st.recursive(
    SCALAR,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("pq/~"), inner, max_size=2)
    ),
    max_leaves=4,
)
CONFIG = st.dictionaries(st.sampled_from("pq"), JSON, max_size=2)
POSITION = st.none() | st.builds(Position, st.integers(0, 1), st.integers(0, 1))
KIND = st.sampled_from(["main", "loop"])
ID = st.sampled_from("abc")
NODE = st.builds(Node, ID, st.sampled_from("tu"), st.sampled_from("AB"), CONFIG, POSITION)
NOTE = st.builds(Note, st.sampled_from("mn"), st.sampled_from("TU"), CONFIG, POSITION)
EDGE = st.builds(Edge, ID, ID, st.sampled_from([None, "p"]), st.none(), KIND)


def unique(part: Node | Note) -> str:
    return part.id


DEFINITION = st.builds(
    Definition,
    st.lists(NODE, max_size=3, unique_by=unique).map(tuple),
    st.lists(EDGE, max_size=5).map(tuple),
    st.lists(NOTE, max_size=2, unique_by=unique).map(tuple),
    CONFIG,
)


def parts(definition: Definition) -> Counter[tuple[str, bytes]]:
    """All that a definition is made of, in no order."""
    found = [("config", definition.config)]
    found += [("node", cast(Any, node)) for node in definition.nodes]
    found += [("edge", cast(Any, edge)) for edge in definition.edges]
    found += [("note", cast(Any, note)) for note in definition.notes]
    return Counter((subject, exact_json.write(part)) for subject, part in found)


def resolve(value: Any, pointer: str) -> Any:
    """What a pointer leads to, UNSET if there is nothing."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = cast(Any, value[int(key)] if isinstance(value, list) else value.get(key, UNSET))
    return value


@given(DEFINITION, DEFINITION)
@settings(deadline=None, max_examples=50)
def test_the_changes_make_the_one_definition_of_the_other(
    before: Definition, after: Definition
) -> None:
    made = parts(before)
    for change in diff(before, after):
        if change.before is not None:
            made.subtract([(change.subject, exact_json.write(change.before))])
        if change.after is not None:
            made.update([(change.subject, exact_json.write(change.after))])
    assert +made == +parts(after)
    assert min(made.values()) >= 0


@given(DEFINITION, DEFINITION)
@settings(deadline=None, max_examples=50)
def test_the_difference_is_the_same_both_ways(before: Definition, after: Definition) -> None:
    def told(change: Change) -> str:
        values = [(each.pointer, repr(each.before), repr(each.after)) for each in change.values]
        texts = [exact_json.write(part) for part in (change.before, change.after)]
        return repr((change.subject, texts, sorted(values)))

    there = Counter(told(change) for change in diff(before, after))
    back = Counter(told(turned(change)) for change in diff(after, before))
    assert there == back


def turned(change: Change) -> Change:
    values = tuple(ValueChange(each.pointer, each.after, each.before) for each in change.values)
    return Change(change.subject, change.pointer, change.after, change.before, values)


@given(DEFINITION)
@settings(deadline=None, max_examples=50)
def test_a_definition_does_not_differ_from_itself(definition: Definition) -> None:
    assert diff(definition, definition) == []


@given(DEFINITION, st.randoms())
@settings(deadline=None, max_examples=50)
def test_another_order_is_no_difference(definition: Definition, random: Any) -> None:
    def shuffled(things: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(things, len(things)))

    other = msgspec.structs.replace(
        definition, nodes=shuffled(definition.nodes), edges=shuffled(definition.edges)
    )
    assert diff(definition, other) == []


@given(DEFINITION, DEFINITION)
@settings(deadline=None, max_examples=50)
def test_every_pointer_leads_to_what_is_told(before: Definition, after: Definition) -> None:
    old, new = (exact_json.read(write(each).encode(), 10**6, 64) for each in (before, after))
    for change in diff(before, after):
        place = resolve(old if change.after is None else new, change.pointer)
        if change.subject != "config":
            told = change.before if change.after is None else change.after
            assert place == json.loads(exact_json.write(told))
        for value in change.values:
            if value.pointer != "/kind" and value.after is not UNSET:
                inside = resolve(place, value.pointer)
                assert exact_json.write(inside) == exact_json.write(value.after)


# Examples


def test_a_node_that_came_is_told_with_its_place() -> None:
    new = Node("c", "set", "C")
    assert only(BASE, changed(nodes=(A, new, B))) == Change("node", "/nodes/1", None, new)


def test_a_node_that_went_is_told_with_its_place_before() -> None:
    assert only(changed(edges=()), changed(nodes=(A,), edges=())) == Change(
        "node", "/nodes/1", B, None
    )


def test_only_the_values_that_changed_are_told() -> None:
    new = Node("b", "http", "Bee", {"list": [1, 3], "more": None}, Position(1, 2))
    values = only(BASE, changed(nodes=(A, new))).values
    assert sorted(values, key=lambda value: value.pointer) == [
        ValueChange("/config/list/1", 2, 3),
        ValueChange("/config/more", UNSET, None),
        ValueChange("/config/url", "/x", UNSET),
        ValueChange("/name", "B", "Bee"),
        ValueChange("/position", UNSET, {"x": 1, "y": 2}),
    ]


def test_a_list_of_another_length_changed_as_a_whole() -> None:
    new = Node("b", "http", "B", {"url": "/x", "list": [0, 1, 2]})
    (value,) = only(BASE, changed(nodes=(A, new))).values
    assert value == ValueChange("/config/list", [1, 2], [0, 1, 2])


def test_true_is_not_one_and_one_is_one_point_zero() -> None:
    def config(value: Any) -> Definition:
        return changed(config={"v": value})

    assert diff(config(1), config(Decimal("1.0"))) == []
    assert only(config(1), config(True)).values == (ValueChange("/v", 1, True),)


def test_an_edge_declared_as_a_loop_is_changed() -> None:
    loop = Edge("a", "b", kind="loop")
    assert only(BASE, changed(edges=(loop,))) == Change(
        "edge", "/edges/0", Edge("a", "b"), loop, (ValueChange("/kind", "main", "loop"),)
    )


def test_an_edge_to_another_port_is_another_edge() -> None:
    new = Edge("a", "b", None, "main:1")
    assert diff(BASE, changed(edges=(new,))) == [
        Change("edge", "/edges/0", None, new),
        Change("edge", "/edges/0", Edge("a", "b"), None),
    ]


def test_the_same_edge_once_more_came() -> None:
    twice = (Edge("a", "b"), Edge("a", "b"))
    assert only(BASE, changed(edges=twice)) == Change("edge", "/edges/1", None, twice[1])
