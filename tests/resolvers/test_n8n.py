"""n8n's exports: every connection kept, nothing lost in silence, and anything else refused."""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.definitions import LOOP, Definition, Edge, Node, Note, Position, check
from resolvers.imported import MOST_BYTES, Imported, ImportRefused
from resolvers.n8n import ExportRefused, read_export, read_exports, write_export

ROOT = Path(__file__).parents[2]
OWN = ROOT / "tests" / "data"
REAL = ROOT.parent / "shared" / "data"
GOOD = [OWN / "n8n_loop.json", *sorted((REAL / "n8n").glob("*.json"))]
BROKEN = [OWN / "n8n_broken.json", *sorted((REAL / "n8n-broken").glob("*.json"))]

Link = tuple[str, str, int, str, str, int]
"""Source, type and number of the output, target, type and number of the input."""


def decoded(data: bytes) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(data, parse_float=Decimal))


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def links_of_file(workflow: dict[str, Any]) -> Counter[Link]:
    """The connections of an export, counted without any help of the importer."""
    found: Counter[Link] = Counter()
    for source, kind, output, end in ends_of_file(workflow):
        found[source, kind, output, end["node"], end["type"], end["index"]] += 1
    return found


def ends_of_file(workflow: dict[str, Any]) -> Iterator[tuple[str, str, int, Any]]:
    for source, kinds in workflow["connections"].items():
        for kind, outputs in kinds.items():
            for output, ends in enumerate(cast(list[list[Any] | None], outputs)):
                for end in ends or []:
                    yield source, kind, output, end


def port(text: str | None, kind: str) -> tuple[str, int]:
    type, _, number = (text or f"{'main' if kind == LOOP else kind}:0").rpartition(":")
    return type, int(number)


def links(definition: Definition) -> Counter[Link]:
    """The same connections as the definition has them."""
    names = {node.id: node.name for node in definition.nodes}
    return Counter(
        (
            names[edge.source],
            *port(edge.from_port, edge.kind),
            names[edge.target],
            *port(edge.to_port, edge.kind),
        )
        for edge in definition.edges
    )


def node(name: object = "A", type: object = "n8n-nodes-base.set", **more: object) -> object:
    return {"name": name, "type": type, "id": f"id of {name}", "parameters": {}, **more}


def export(*nodes: object, **more: object) -> bytes:
    return encoded({"nodes": nodes, "connections": {}, **more})


def to(*names: str) -> list[dict[str, object]]:
    return [{"node": name, "type": "main", "index": 0} for name in names]


def codes(imported: Imported, *severities: str) -> list[tuple[str, str]]:
    wanted = severities or ("warning", "info")
    return [(each.code, each.pointer) for each in imported.report if each.severity in wanted]


def refused(data: bytes) -> list[tuple[str, str]]:
    with pytest.raises(ImportRefused) as refusal:
        read_export(data)
    assert refusal.value.code == "IMPORT_REFUSED"
    assert refusal.value.message.startswith("Nothing was imported.")
    return [(each.code, each.pointer) for each in refusal.value.problems]


def resolve(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = cast(Any, value[int(key)] if isinstance(value, list) else value[key])
    return value


# Real exports


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_every_connection_of_an_export_is_kept(file: Path) -> None:
    data = file.read_bytes()
    assert links(read_export(data).definition) == links_of_file(decoded(data))


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_every_node_of_an_export_is_kept_with_all_its_attributes(file: Path) -> None:
    data = file.read_bytes()
    definition = read_export(data).definition
    kept: dict[str, dict[str, Any]] = {}
    for each in definition.nodes:
        kept[each.name] = {**each.config, "type": each.type}
    for note in definition.notes:
        config = cast(dict[str, Any], note.config)
        parameters = {**config["parameters"], "content": note.text}
        type = "n8n-nodes-base.stickyNote"
        kept[config["name"]] = {**config, "parameters": parameters, "type": type}
    for each in decoded(data)["nodes"]:
        attributes = {
            key: value
            for key, value in each.items()
            if key not in {"id", "name", "position", "credentials"}
        }
        assert attributes.items() <= kept[each["name"]].items()


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_what_is_imported_can_be_stored(file: Path) -> None:
    found = check(read_export(file.read_bytes()).definition)
    assert [each for each in found if each.severity == "error"] == []


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_every_line_of_the_report_points_into_the_file(file: Path) -> None:
    data = file.read_bytes()
    whole = decoded(data)
    for each in read_export(data).report:
        resolve(whole, each.pointer)


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_an_export_of_what_was_imported_is_imported_as_the_same(file: Path) -> None:
    first = read_export(file.read_bytes(), "Nameless")
    again = write_export(first.name, first.definition, first.description, first.tags)
    second = read_export(again)
    assert second.definition == first.definition
    assert (second.name, second.description, second.tags) == (
        first.name,
        first.description,
        first.tags,
    )


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_each_connection_that_names_no_node_is_told(file: Path) -> None:
    data = file.read_bytes()
    workflow = decoded(data)
    names = {each["name"] for each in workflow["nodes"]}
    wrong = [
        ("UNKNOWN_NODE", f"/connections/{source}/{kind}/{output}/{i}")
        for source, kinds in workflow["connections"].items()
        for kind, outputs in kinds.items()
        for output, ends in enumerate(outputs)
        for i, end in enumerate(ends)
        if source not in names or end["node"] not in names
    ]
    assert wrong
    assert refused(data) == wrong


def test_a_refusal_names_the_node_that_is_not_there() -> None:
    with pytest.raises(ImportRefused) as refusal:
        read_export((OWN / "n8n_broken.json").read_bytes())
    first, second = refusal.value.problems
    assert first.message == 'The connection from "Start" to "End": no node is named "End".'
    assert 'no node is named "a1" (it is the id of "Start")' in second.message


# What an export is made of


def example() -> Imported:
    return read_export((OWN / "n8n_loop.json").read_bytes())


def test_the_workflow_keeps_what_is_said_of_it() -> None:
    imported = example()
    assert imported.name == "Answer the day's letters"
    assert imported.tags == ["letters", "office"]
    assert imported.definition.config["settings"] == {
        "executionOrder": "v1",
        "errorWorkflow": "Zk3",
    }


def test_the_edge_that_goes_back_is_declared_as_a_loop() -> None:
    definition = example().definition
    names = {each.id: each.name for each in definition.nodes}
    loops = [(names[e.source], names[e.target]) for e in definition.edges if e.kind == LOOP]
    assert loops == [("Send", "Each letter")]


def test_a_sticky_note_becomes_a_note_beside_the_nodes() -> None:
    (note,) = example().definition.notes
    assert note.text == "## Letters\nOne a minute at most."
    assert note.position == Position(0, -200)
    assert note.config["parameters"] == {"width": 300, "color": 4}


def test_numbers_keep_every_digit() -> None:
    config = {each.name: each.config["parameters"] for each in example().definition.nodes}
    assert config["Send"] == {"threadId": 18446744073709551617}
    assert repr(config["Model"]) == "{'options': {'temperature': Decimal('0.20')}}"


def test_all_that_did_not_map_is_reported() -> None:
    assert Counter(codes(example())) == Counter(
        [
            ("ID_MADE", "/nodes/1"),
            ("LOOP_DECLARED", "/connections/Send/main/0/0"),
            ("UNKNOWN_REFERENCE", "/nodes/2/parameters/text"),
            ("CREDENTIALS_LEFT_OUT", "/nodes/3/credentials/openAiApi"),
            ("DISABLED_NODE", "/nodes/4/disabled"),
            ("LEFT_OUT", "/meta"),
            ("LEFT_OUT", "/versionId"),
            ("PINNED_DATA_LEFT_OUT", "/pinData/Send"),
            ("STATIC_DATA_LEFT_OUT", "/staticData"),
            ("NOT_ACTIVE", "/active"),
            ("OTHER_WORKFLOW", "/settings/errorWorkflow"),
        ]
    )


def test_credentials_are_left_out_and_named_in_the_report() -> None:
    imported = example()
    assert "credentials" not in write_export("x", imported.definition).decode()
    (told,) = [each for each in imported.report if each.code == "CREDENTIALS_LEFT_OUT"]
    assert "The office's account" in told.message
    assert "openAiApi" in told.message


def test_a_missing_id_is_made_of_the_name() -> None:
    first, second = (read_export(export({"name": "A", "type": "t"})) for _ in range(2))
    assert first.definition == second.definition
    other = read_export(export({"name": "B", "type": "t"}))
    assert other.definition.nodes[0].id != first.definition.nodes[0].id


@pytest.mark.parametrize("id", ["", "  ", None, 7, ["x"], "x" * 256])
def test_an_id_that_cannot_be_used_is_made_of_the_name(id: object) -> None:
    imported = read_export(export(node("A", id=id)))
    assert imported.definition.nodes[0].id
    assert codes(imported) == [("ID_MADE", "/nodes/0")]


def test_of_equal_ids_the_first_keeps_it() -> None:
    imported = read_export(export(node("A", id="1"), node("B", id="1")))
    first, second = imported.definition.nodes
    assert first.id == "1"
    assert second.id not in ("1", "")
    assert codes(imported) == [("ID_MADE", "/nodes/1")]


def test_of_equal_names_a_connection_means_the_last_as_in_n8n() -> None:
    nodes = (node("A", id="1"), node("A", id="2"), node("B", id="3"))
    data = export(*nodes, connections={"B": {"main": [to("A")]}})
    definition = read_export(data).definition
    assert [each.name for each in definition.nodes] == ["A1", "A", "B"]
    assert definition.edges == (Edge("3", "2"),)


def test_a_node_without_a_name_is_called_by_its_type() -> None:
    imported = read_export(export(node(None), node("")))
    assert [each.name for each in imported.definition.nodes] == ["set", "set1"]
    assert codes(imported, "warning") == [("NAME_CHANGED", f"/nodes/{i}") for i in (0, 1)]


def test_connections_may_have_holes_and_be_names_only() -> None:
    connections = {"A": {"main": [None, ["B", None], []], "error": None}, "B": None}
    data = export(node("A"), node("B"), connections=connections)
    definition = read_export(data).definition
    assert definition.edges == (Edge("id of A", "id of B", "main:1"),)


def test_each_kind_of_connection_keeps_its_kind_and_its_ports() -> None:
    connections = {
        "A": {"ai_tool": [[{"node": "B", "type": "ai_tool", "index": 2}], ["B"]]},
        "C": {"main": [[{"node": "B", "type": "ai_tool"}]]},
    }
    data = export(node("A"), node("B"), node("C"), connections=connections)
    assert read_export(data).definition.edges == (
        Edge("id of A", "id of B", None, "ai_tool:2", "ai_tool"),
        Edge("id of A", "id of B", "ai_tool:1", None, "ai_tool"),
        Edge("id of C", "id of B", None, "ai_tool:0", "main"),
    )


def test_a_loop_of_another_kind_keeps_its_kind_in_its_ports() -> None:
    data = export(node("A"), connections={"A": {"ai_tool": [["A"]]}})
    assert read_export(data).definition.edges == (
        Edge("id of A", "id of A", "ai_tool:0", "ai_tool:0", LOOP),
    )


def test_a_sticky_note_with_a_connection_stays_a_node() -> None:
    note = node("N", "n8n-nodes-base.stickyNote")
    data = export(node("A"), note, connections={"A": {"main": [to("N")]}})
    definition = read_export(data).definition
    assert [each.name for each in definition.nodes] == ["A", "N"]
    assert definition.notes == ()


def test_unknown_keys_are_kept_and_reported() -> None:
    imported = read_export(export(node("A", colour="red"), flavour="sweet"))
    assert imported.definition.nodes[0].config == {"parameters": {}, "colour": "red"}
    assert imported.definition.config == {"flavour": "sweet"}
    assert codes(imported) == [("KEPT_UNKNOWN", "/nodes/0/colour"), ("KEPT_UNKNOWN", "/flavour")]


@pytest.mark.parametrize("position", [[1], [1, "2"], "1,2", {"x": 1}, [True, 1]])
def test_a_position_that_is_none_is_left_out_and_reported(position: object) -> None:
    imported = read_export(export(node("A", position=position)))
    assert imported.definition.nodes[0].position is None
    assert codes(imported) == [("LEFT_OUT", "/nodes/0/position")]


def test_the_connections_of_no_node_that_lead_nowhere_are_reported() -> None:
    nothing: list[object] = []
    imported = read_export(export(node("A"), connections={"Gone": {"main": [nothing]}}))
    assert codes(imported) == [("LEFT_OUT", "/connections/Gone")]


@pytest.mark.parametrize(
    "text",
    [
        "={{ $('Gone').item.json.id }}",
        "={{ $node['Gone'].json.id }}",
        '={{ $node["Gone"].data }}',
        "={{ $items('Gone')[0] }}",
        "={{ $(`Gone`)?.first() }}",
    ],
)
def test_an_expression_that_refers_to_no_node_is_reported(text: str) -> None:
    imported = read_export(export(node("A", parameters={"rows": [{"v": text}]})))
    assert codes(imported) == [("UNKNOWN_REFERENCE", "/nodes/0/parameters/rows/0/v")]


@pytest.mark.parametrize(
    "text",
    [
        "={{ $('It\\'s me').item.json.id }}",
        "$('Gone').item.json.id",
        "={{ $('h1').text() }}",
        "={{ $(`${$json.name}`).first() }}",
    ],
)
def test_other_texts_are_not_taken_for_references(text: str) -> None:
    imported = read_export(export(node("It's me", parameters={"v": text})))
    assert codes(imported) == []


def test_a_call_of_another_workflow_is_reported() -> None:
    call = node("A", "n8n-nodes-base.executeWorkflow", parameters={"workflowId": {"value": "x9"}})
    assert codes(read_export(export(call))) == [
        ("OTHER_WORKFLOW", "/nodes/0/parameters/workflowId")
    ]


# How an export is wrapped


def test_the_name_given_is_used_where_the_export_has_none() -> None:
    assert read_export(export(node()), "From the file").name == "From the file"
    assert read_export(export(node(), name=" Own "), "From the file").name == "Own"
    assert read_export(export(node())).name == "Imported workflow"


def test_a_name_too_long_is_cut_and_reported() -> None:
    imported = read_export(export(node(), name="n" * 300))
    assert len(imported.name) == 255
    assert codes(imported) == [("NAME_CHANGED", "")]


WORKFLOW: dict[str, object] = {"nodes": [node()], "connections": {}}


WRAPPED: list[tuple[object, str]] = [
    ([{**WORKFLOW, "name": "W"}], "/0"),
    ({"data": {**WORKFLOW, "name": "W"}}, "/data"),
    ({"workflow": {**WORKFLOW, "name": "W"}}, "/workflow"),
    ({"workflow": {"name": "W", "workflow": WORKFLOW}}, "/workflow/workflow"),
    ({"data": [{**WORKFLOW, "name": "W"}], "nextCursor": None}, "/data/0"),
]


@pytest.mark.parametrize(("wrapped", "at"), WRAPPED)
def test_a_workflow_is_found_in_its_wrapper(wrapped: object, at: str) -> None:
    imported = read_export(encoded(wrapped))
    assert imported.name == "W"
    assert [each.name for each in imported.definition.nodes] == ["A"]
    assert ("LEFT_OUT", at) in codes(imported)


def test_several_workflows_are_read_all_or_none() -> None:
    two = [{**WORKFLOW, "name": "V"}, {**WORKFLOW, "name": "W"}]
    assert [each.name for each in read_exports(encoded(two))] == ["V", "W"]
    assert refused(encoded(two)) == [("SEVERAL_WORKFLOWS", "")]
    with pytest.raises(ImportRefused):
        read_exports(encoded([*two, {**WORKFLOW, "connections": {"A": {"main": [["Z"]]}}}]))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_usual_encodings_are_read(encoding: str) -> None:
    text = '{"name": "Größe", "nodes": [], "connections": {}}'
    assert read_export(text.encode(encoding)).name == "Größe"


# What is refused

NO_EXPORTS: list[tuple[bytes, str, str]] = [
    (b"", "NOT_JSON", ""),
    (b"   \n", "NOT_JSON", ""),
    (b"nodes: []", "NOT_JSON", ""),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "NOT_UTF8", ""),
    (b"PK\x03\x04\x14\x00\x06\x00", "NOT_JSON", ""),
    (b"\x1f\x8b\x08\x00\x00", "NOT_UTF8", ""),
    ("{}".encode("utf-16-le"), "NOT_JSON", ""),
    ("{}".encode("utf-32"), "NOT_JSON", ""),
    (b"null", "NOT_N8N", ""),
    (b"7", "NOT_N8N", ""),
    (b'"text"', "NOT_N8N", ""),
    (b"{}", "NOT_N8N", ""),
    (b"[]", "NO_WORKFLOW", ""),
    (b"[1]", "NOT_N8N", "/0"),
    (b'{"data": {"a": 1}}', "NOT_N8N", "/data"),
    (b'{"nodes": {"a": {}}, "connections": {}}', "NOT_N8N", ""),
    (b'{"nodes": [], "edges": []}', "NOT_N8N", ""),
    (b'{"nodes": [1], "connections": {}}', "BAD_NODE", "/nodes/0"),
    (b'{"nodes": [{"name": "A"}], "connections": {}}', "BAD_NODE", "/nodes/0"),
    (b'{"nodes": [], "nodes": [], "connections": {}}', "REPEATED_KEY", ""),
    (b'{"nodes": [{"type": "t", "n": NaN}]}', "NOT_A_NUMBER", "/nodes/0/n"),
    (b'{"nodes": [{"type": "t", "n": "\\u0000"}]}', "NUL_CHARACTER", "/nodes/0/n"),
    (b'{"nodes": [{"type": "t", "n": "\\udc00"}]}', "LONE_SURROGATE", "/nodes/0/n"),
    (b"[" * 100_000, "TOO_DEEP", ""),
    (b'{"nodes":' * 100_000, "TOO_DEEP", ""),
    (b'{"nodes": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "TOO_DEEP", ""),
    (b'[{"data":' * 20 + b"1" + b"}]" * 20, "NOT_N8N", "/0/data/0"),
    (b" " * (MOST_BYTES + 1), "TOO_LARGE", ""),
    (export(*[node()] * 2_001), "TOO_MANY_NODES", "/nodes/2000"),
    (export(node(notes="x" * 1024 * 1024)), "TOO_LARGE", ""),
    (
        export(node(), connections={"A": {"main": [["A"] * 10_001]}}),
        "TOO_MANY_EDGES",
        "/connections",
    ),
]


@pytest.mark.parametrize(("data", "code", "pointer"), NO_EXPORTS, ids=lambda value: str(value[:20]))
def test_what_is_no_export_is_refused_with_the_reason(data: bytes, code: str, pointer: str) -> None:
    assert refused(data)[0] == (code, pointer)


BAD_CONNECTIONS: list[tuple[object, str]] = [
    ([], "/connections"),
    ({"A": []}, "/connections/A"),
    ({"A": {"": [[]]}}, "/connections/A/"),
    ({"A": {"main": {}}}, "/connections/A/main"),
    ({"A": {"main": [[]] * 300}}, "/connections/A/main"),
    ({"A": {"main": ["A"]}}, "/connections/A/main/0"),
    ({"A": {"main": [{"node": "A"}]}}, "/connections/A/main/0"),
    ({"A": {"main": [[7]]}}, "/connections/A/main/0/0"),
    ({"A": {"main": [[{"type": "main"}]]}}, "/connections/A/main/0/0"),
    ({"A": {"main": [[{"node": 7}]]}}, "/connections/A/main/0/0"),
    ({"A": {"main": [[{"node": "A", "type": 7}]]}}, "/connections/A/main/0/0/type"),
    ({"A": {"main": [[{"node": "A", "index": -1}]]}}, "/connections/A/main/0/0/index"),
    ({"A": {"main": [[{"node": "A", "index": 1.5}]]}}, "/connections/A/main/0/0/index"),
    ({"A": {"main": [[{"node": "A", "index": True}]]}}, "/connections/A/main/0/0/index"),
    ({"A": {"main": [[{"node": "A", "index": 10**9}]]}}, "/connections/A/main/0/0/index"),
]


@pytest.mark.parametrize(("connections", "pointer"), BAD_CONNECTIONS)
def test_a_connection_that_cannot_be_kept_is_refused(connections: object, pointer: str) -> None:
    assert refused(export(node("A"), connections=connections)) == [("BAD_CONNECTION", pointer)]


# Any export

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=6)
NUMBER = st.integers() | st.decimals(-1000, 1000, places=2).map(float)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
KIND = st.sampled_from(["main", "ai_tool", "ai_memory", "loop"])
NAME = st.sampled_from(["A", "B", "C", "D/~", "Ä"])
TYPE = st.sampled_from(["t", "n8n-nodes-base.webhook", "n8n-nodes-base.stickyNote"])
END = st.fixed_dictionaries(
    {"node": NAME}, optional={"type": KIND, "index": st.integers(0, 3)}
) | NAME  # fmt: skip
CONNECTIONS = st.dictionaries(
    NAME,
    st.dictionaries(KIND, st.lists(st.none() | st.lists(END, max_size=3), max_size=3), max_size=2),
    max_size=4,
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["typeVersion", "disabled", "notes", "credentials", "colour"]), JSON, max_size=3
)


@st.composite
def exports(draw: st.DrawFn) -> dict[str, Any]:
    """An export that n8n could have written, more or less."""
    nodes: list[dict[str, Any]] = []
    for name in ["A", "B", "C", "D/~", "Ä", *draw(st.lists(NAME, max_size=2))]:
        made = {"name": name, "type": draw(TYPE), **draw(ATTRIBUTES)}
        made["parameters"] = draw(st.none() | st.dictionaries(TEXT | st.just("content"), JSON))
        made["position"] = [draw(NUMBER), draw(NUMBER)]
        if draw(st.booleans()):
            made["id"] = draw(st.sampled_from(["1", "2", "3", ""]) | TEXT)
        nodes.append(made)
    more = draw(st.dictionaries(st.sampled_from(["settings", "meta", "extra", "tags"]), JSON))
    return {"nodes": draw(st.permutations(nodes)), "connections": draw(CONNECTIONS), **more}


@given(exports())
@settings(deadline=None, max_examples=50)
def test_import_export_import_gives_the_same_definition(workflow: dict[str, Any]) -> None:
    first = read_export(encoded(workflow))
    again = write_export(first.name, first.definition, first.description, first.tags)
    assert read_export(again).definition == first.definition
    assert read_export(again).tags == first.tags


@given(exports())
@settings(deadline=None, max_examples=50)
def test_as_many_edges_come_out_as_connections_go_in(workflow: dict[str, Any]) -> None:
    definition = read_export(encoded(workflow)).definition
    assert len(definition.edges) == len(list(ends_of_file(workflow)))


WORDS = "nodes connections id name type position parameters main node index A B tags pinData"
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT | st.sampled_from(["A", "B", "main"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS.split()) | TEXT, inner, max_size=5)
    ),
    max_leaves=15,
)
LIKE_A_NODE = st.fixed_dictionaries(
    {},
    optional={
        "name": NAME | ANYTHING,
        "type": st.just("t") | ANYTHING,
        "id": TEXT | ANYTHING,
        "position": ANYTHING,
        "parameters": ANYTHING,
        "credentials": ANYTHING,
    },
)
LIKE_AN_EXPORT = st.fixed_dictionaries(
    {"nodes": st.lists(LIKE_A_NODE | ANYTHING, max_size=4)},
    optional={
        "connections": CONNECTIONS | ANYTHING,
        "pinData": ANYTHING,
        "settings": ANYTHING,
        "tags": ANYTHING,
        "name": ANYTHING,
        "description": ANYTHING,
    },
)


@given(LIKE_AN_EXPORT | ANYTHING)
@settings(deadline=None, max_examples=100)
def test_anything_is_imported_fit_to_be_stored_or_refused(value: Any) -> None:
    try:
        imported = read_export(encoded(value))
    except ImportRefused as refusal:
        findings = list(refusal.problems)
    else:
        findings = imported.report
        assert not [each for each in check(imported.definition) if each.severity == "error"]
        assert imported.name.strip()
    for each in findings:
        resolve(value, each.pointer)


# Export


def test_a_definition_that_is_not_from_n8n_is_written_too() -> None:
    made = Definition(
        (Node("a", "webhook", "A", {"path": "/in"}), Node("b", "http", "B")),
        (Edge("a", "b", "main:1"), Edge("b", "a", kind=LOOP)),
        (Note("n", "Remember"),),
    )
    written = decoded(write_export("Mine", made, "What for", ["x"]))
    assert written["name"] == "Mine"
    assert written["description"] == "What for"
    assert written["tags"] == [{"name": "x"}]
    assert written["connections"]["A"] == {"main": [None, to("B")]}
    assert written["connections"]["B"] == {"main": [to("A")]}
    assert [each["name"] for each in written["nodes"]] == ["A", "B", "Note 1"]
    assert written["nodes"][0]["parameters"] == {"path": "/in"}
    assert written["nodes"][1]["position"] == [240, 0]


NOT_FOR_N8N: list[tuple[Definition, tuple[str, str]]] = [
    (
        Definition((Node("a", "t", "A"), Node("b", "t", "A")), ()),
        ("DUPLICATE_NAME", "/nodes/1/name"),
    ),
    (
        Definition((Node("a", "t", "A"), Node("b", "t", "B")), (Edge("a", "b", "yes"),)),
        ("UNKNOWN_PORT", "/edges/0/fromPort"),
    ),
    (
        Definition((Node("a", "t", "A", {"parameters": {}, "name": 1}),), ()),
        ("KEY_TAKEN", "/nodes/0/config/name"),
    ),
    (Definition((), (), (), {"nodes": 1}), ("KEY_TAKEN", "/config/nodes")),
    (Definition((Node("a", "t", "A"),), (Edge("a", "z"),)), ("UNKNOWN_NODE", "/edges/0/to")),
]


@pytest.mark.parametrize(("definition", "problem"), NOT_FOR_N8N)
def test_what_n8n_has_no_form_for_is_refused(
    definition: Definition, problem: tuple[str, str]
) -> None:
    with pytest.raises(ExportRefused) as refusal:
        write_export("x", definition)
    assert [(each.code, each.pointer) for each in refusal.value.problems] == [problem]
