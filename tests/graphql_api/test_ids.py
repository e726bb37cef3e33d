"""Ids: what names a row, and what names none."""

import base64
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphql_api.declare import nodes
from tests import sample
from tests.graph import TABLES, Row, Rows, global_id
from tests.graphql_api.asking import OWNER, Asking

NODE = "query ($id: ID!) { node(id: $id) { __typename id databaseId } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id databaseId } }"
LOOK_UPS = {
    "workspace": "Workspace",
    "workflow": "Workflow",
    "deployment": "Deployment",
    "execution": "Execution",
}
LOOK_UP = "query ($id: ID!) {{ {}(id: $id) {{ id databaseId }} }}"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def row_of(rows: Rows, type_: str) -> Row:
    """A row that the owner may see."""
    return rows.seen_by(OWNER)[type_][-1]


def hidden_row_of(rows: Rows, type_: str) -> Row:
    """A row that the owner may not see."""
    seen = {row["id"] for row in rows.seen_by(OWNER)[type_]}
    return next(row for row in rows.of(type_) if row["id"] not in seen)


def shown(type_: str, row: Row) -> dict[str, str]:
    return {"__typename": type_, "id": global_id(type_, row), "databaseId": str(row["id"])}


def test_every_table_of_the_graph_is_a_node() -> None:
    assert set(nodes) == set(TABLES)


@pytest.mark.parametrize("type_", TABLES)
async def test_a_global_id_finds_its_row(ask: Asking, rows: Rows, type_: str) -> None:
    row = row_of(rows, type_)
    id = global_id(type_, row)

    assert await ask(NODE, id=id) == {"node": shown(type_, row)}
    assert await ask(NODES, ids=[id]) == {"nodes": [shown(type_, row)]}


@pytest.mark.parametrize("type_", TABLES)
async def test_a_row_that_is_hidden_and_one_that_is_not_there_look_the_same(
    ask: Asking, rows: Rows, type_: str
) -> None:
    ids = [
        global_id(type_, hidden_row_of(rows, type_)),
        global_id(type_, {"id": sample.of("x"), "execution_id": sample.of("x"), "seq": 1}),
    ]

    assert [await ask(NODE, id=id) for id in ids] == [{"node": None}] * 2
    assert await ask(NODES, ids=ids) == {"nodes": [None, None]}


async def test_nodes_keeps_places_and_repeats_what_is_asked_twice(ask: Asking, rows: Rows) -> None:
    asked = [(type_, row_of(rows, type_)) for type_ in TABLES]
    asked += [("Workflow", row) for row in rows.seen_by(OWNER)["Workflow"][:3]]
    mixed = [*asked[::-1], *asked[::2], asked[0], asked[0]]
    ids = [global_id(type_, row) for type_, row in mixed]
    ids[3:3] = ["", "garbage", global_id("Workflow", hidden_row_of(rows, "Workflow"))]

    found = (await ask(NODES, ids=ids))["nodes"]

    expected: list[Any] = [shown(type_, row) for type_, row in mixed]
    expected[3:3] = [None] * 3
    assert found == expected


async def test_nodes_takes_none_and_a_hundred_and_no_more(ask: Asking, rows: Rows) -> None:
    id = global_id("Workflow", row_of(rows, "Workflow"))

    assert await ask(NODES, ids=[]) == {"nodes": []}
    assert len((await ask(NODES, ids=[id] * 100))["nodes"]) == 100
    assert await ask.code(NODES, ids=[id] * 101) == "INVALID_INPUT"
    assert await ask.code(NODES, ids=["garbage"] * 101) == "INVALID_INPUT"


async def test_an_id_is_never_null(ask: Asking) -> None:
    assert await ask.code(NODE, id=None) == "INVALID_VARIABLES"
    assert await ask.code(NODES, ids=[None]) == "INVALID_VARIABLES"
    assert await ask.code(NODES, ids=None) == "INVALID_VARIABLES"


@pytest.mark.parametrize(("look_up", "type_"), LOOK_UPS.items())
async def test_a_look_up_takes_either_id(ask: Asking, rows: Rows, look_up: str, type_: str) -> None:
    row = row_of(rows, type_)
    for id in (global_id(type_, row), str(row["id"]), str(row["id"]).upper()):
        [found] = (await ask(LOOK_UP.format(look_up), id=id)).values()
        assert found == {"id": global_id(type_, row), "databaseId": str(row["id"])}


@pytest.mark.parametrize(("look_up", "type_"), LOOK_UPS.items())
async def test_a_look_up_finds_no_row_of_another_type(
    ask: Asking, rows: Rows, look_up: str, type_: str
) -> None:
    for other in set(TABLES) - {type_}:
        row = row_of(rows, other)
        for id in (global_id(other, row), global_id(type_, {**row, "seq": 1}), str(row["id"])):
            if other != "ExecutionLog":
                assert await ask(LOOK_UP.format(look_up), id=id) == {look_up: None}


@pytest.mark.parametrize("type_", TABLES)
async def test_node_takes_no_database_id(ask: Asking, rows: Rows, type_: str) -> None:
    assert await ask(NODE, id=str(row_of(rows, type_)["id"])) == {"node": None}


ID = str(sample.of("workflow 1 3"))
LINE = "00000000-0000-7000-8000-000000000000"
NO_IDS = [
    "",
    " ",
    ":",
    "\x00",
    "\ud800",
    "Workflow",
    f"Workflow:{ID}",
    encoded("Workflow"),
    encoded("Workflow:"),
    encoded("Workflow:1"),
    encoded(f"Workflow:{ID}:1"),
    encoded(f"Workflow:{ID}\x00"),
    encoded(f"workflow:{ID}"),
    encoded(f" Workflow:{ID}"),
    encoded(f"Nothing:{ID}"),
    encoded(f"Query:{ID}"),
    encoded(f"Node:{ID}"),
    encoded(f"Dashboard:{ID}"),
    encoded(f":{ID}"),
    encoded(ID),
    encoded(f"ExecutionLog:{LINE}"),
    encoded(f"ExecutionLog:{LINE}:"),
    encoded(f"ExecutionLog:{LINE}:one"),
    encoded(f"ExecutionLog:{LINE}:1.0"),
    encoded(f"ExecutionLog:{LINE}:-1"),
    encoded(f"ExecutionLog:{LINE}:{2**63}"),
    encoded(f"ExecutionLog:{LINE}:{10**30}"),
    encoded(f"ExecutionLog:{LINE}:{'9' * 5000}"),
    encoded(f"ExecutionLog:{LINE}:1:1"),
    base64.b64encode(b"Workflow:\xff").decode(),
    "é" * 100,
    "A" * 10_000,
]


@pytest.mark.parametrize("id", NO_IDS, ids=range(len(NO_IDS)))
async def test_what_is_no_id_names_nothing(ask: Asking, id: str) -> None:
    look_ups = {name: await ask(LOOK_UP.format(name), id=id) for name in LOOK_UPS}

    assert await ask(NODE, id=id) == {"node": None}
    assert await ask(NODES, ids=[id, id]) == {"nodes": [None, None]}
    assert look_ups == {name: {name: None} for name in LOOK_UPS}


def of_type(parts: tuple[str, Sequence[object]]) -> str:
    return encoded(":".join([parts[0], *map(str, parts[1])]))


PARTS = st.lists(
    st.uuids() | st.integers() | st.text("0123456789abcdef-{} ", max_size=40), max_size=3
)
IDS = (
    st.text()
    | st.text(max_size=40).map(encoded)
    | st.binary(max_size=60).map(lambda each: base64.b64encode(each).decode())
    | st.tuples(st.sampled_from([*TABLES, "Node", "Query"]), PARTS).map(of_type)
)


@given(id=IDS)
@example(id=encoded("ExecutionLog:" + "1" * 32 + ":" + "٣"))
@settings(max_examples=80, deadline=None)
async def test_any_text_for_an_id_names_nothing(compiled: Asking, loaders: Asking, id: str) -> None:
    for ask in (compiled, loaders):
        assert await ask(NODE, id=id) == {"node": None}
        assert await ask(NODES, ids=[id]) == {"nodes": [None]}
        assert await ask(LOOK_UP.format("workflow"), id=id) == {"workflow": None}


@given(id=st.integers() | st.floats() | st.booleans() | st.lists(st.text(), max_size=2))
@settings(max_examples=40, deadline=None)
async def test_what_is_no_text_names_nothing_or_is_refused(
    compiled: Asking, loaders: Asking, id: object
) -> None:
    for ask in (compiled, loaders):
        assert await ask.code(NODE, id=id) in (None, "INVALID_VARIABLES")
        assert await ask.code(NODES, ids=[id]) in (None, "INVALID_VARIABLES")


async def test_a_database_id_is_read_in_its_longest_spelling(ask: Asking, rows: Rows) -> None:
    id: UUID = row_of(rows, "Workflow")["id"]
    found = await ask("query ($id: ID!) { workflow(id: $id) { databaseId } }", id=id.urn)
    assert found == {"workflow": {"databaseId": str(id)}}


async def test_a_uuid_is_read_in_any_of_its_spellings(ask: Asking, rows: Rows) -> None:
    """As PostgreSQL reads them; and the id that is shown is the usual one."""
    id: UUID = row_of(rows, "Workflow")["id"]
    for spelt in (id.hex, f"{{{id}}}", str(id).upper()):
        found = await ask(NODE, id=encoded(f"Workflow:{spelt}"))
        assert found["node"]["id"] == encoded(f"Workflow:{id}")
