"""The definition of a workflow: its form, how it is read and written, and what can be wrong in it.

What a node type does with its config is not known here.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import ClassVar, TypeAlias, TypeGuard

import msgspec

from resolvers import exact_json
from resolvers.diagnostics import Diagnostic, Findings, Path, quoted
from resolvers.errors import Refusal
from resolvers.exact_json import Json, Unreadable

MOST_BYTES = 1024 * 1024
MOST_DEPTH = 64
MOST_NODES = 2_000
MOST_EDGES = 10_000
# As long as the column that a log line names its node in.
MOST_NAME = 255

MAIN = "main"
LOOP = "loop"
# An edge of such a kind leads from a part (a tool, a model) to the node that uses it.
PART = "ai_"

_STARTS = {"start", "trigger", "webhook", "schedule", "cron", "interval", "manual", "emailreadimap"}
_NAMED_OF_A_CYCLE = 5


class Position(msgspec.Struct, frozen=True):
    """Where a node is drawn, in the drawing's own units."""

    x: int | Decimal
    y: int | Decimal


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step. ``id`` is unique in the definition; ``config`` belongs to the type."""

    id: str
    type: str
    name: str
    config: dict[str, Json] = {}
    position: Position | None = None


class Edge(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    rename={"source": "from", "target": "to", "from_port": "fromPort", "to_port": "toPort"},
):
    """What leads from one node to another. Kind ``loop`` declares that it goes back."""

    source: str
    target: str
    from_port: str | None = None
    to_port: str | None = None
    kind: str = MAIN


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """A text that lies on the drawing beside the nodes; it is never run."""

    id: str
    text: str
    config: dict[str, Json] = {}
    position: Position | None = None


class Definition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A workflow as it is stored. ``config`` holds the settings of the whole."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    notes: tuple[Note, ...] = ()
    config: dict[str, Json] = {}


class InvalidDefinition(Refusal):
    """A definition that cannot be stored; ``diagnostics`` has everything that is wrong."""

    code: ClassVar[str] = "INVALID_DEFINITION"

    def __init__(self, diagnostics: Sequence[Diagnostic], path: Sequence[str] = ()) -> None:
        first, more = diagnostics[0], len(diagnostics) - 1
        where = f" at {first.pointer}" if first.pointer else ""
        super().__init__(first.message + where + (f" (and {more} more)" if more else ""), path)
        self.diagnostics = tuple(diagnostics)


def read(document: object) -> Definition:
    """The definition in a JSON text (bytes or str) or in values already decoded.

    Looks at the form only; ``check`` looks at the rest. Raises InvalidDefinition.
    """
    try:
        value = _value(document)
    except Unreadable as unreadable:
        raise InvalidDefinition(unreadable.diagnostics) from None
    reader = _Reader()
    definition = reader.definition(value)
    errors = reader.findings.errors
    if errors:
        raise InvalidDefinition(errors)
    return definition


def accept(document: object) -> Definition:
    """The definition, fit to be stored: read and checked. Raises InvalidDefinition."""
    definition = read(document)
    errors = [found for found in check(definition) if found.severity == "error"]
    if errors:
        raise InvalidDefinition(errors)
    return definition


def diagnose(document: object) -> list[Diagnostic]:
    """Everything found in a document, errors of form and of sense alike; never raises."""
    try:
        return check(read(document))
    except InvalidDefinition as invalid:
        return list(invalid.diagnostics)


def write(definition: Definition) -> str:
    """The canonical JSON text: the same before and after it was stored as jsonb."""
    return exact_json.write(definition).decode()


def check(definition: Definition) -> list[Diagnostic]:
    """What is wrong (errors) or doubtful (warnings) in a definition, in linear time."""
    findings = Findings()
    _check_size(definition, findings)
    if not findings.errors:
        index = _check_nodes(definition, findings)
        arcs = _check_edges(definition.edges, index, findings)
        _check_cycles(definition, arcs, findings)
        _check_reach(definition, arcs, findings)
    return list(findings)


# Form


def _value(document: object) -> Json:
    if isinstance(document, str):
        document = document.encode("utf-8", "surrogatepass")
    if isinstance(document, bytes):
        return exact_json.read(document, MOST_BYTES, MOST_DEPTH)
    return exact_json.exact(document, MOST_BYTES, MOST_DEPTH)


class _Reader:
    """Makes a definition of JSON and finds all that does not fit its form."""

    def __init__(self) -> None:
        self.findings = Findings()

    def definition(self, value: Json) -> Definition:
        whole = self._object(value, None, "A definition", ("nodes", "edges", "notes", "config"))
        if "nodes" not in whole:
            self.findings.error("MISSING_KEY", 'A definition needs a list of "nodes".')
        return Definition(
            tuple(self._node(node, at) for node, at in self._items(whole, "nodes")),
            tuple(self._edge(edge, at) for edge, at in self._items(whole, "edges")),
            tuple(self._note(note, at) for note, at in self._items(whole, "notes")),
            self._config(whole, None),
        )

    def _node(self, value: Json, at: Path) -> Node:
        node = self._object(value, at, "A node", ("id", "type", "name", "config", "position"))
        return Node(
            self._needed(node, "id", at),
            self._needed(node, "type", at),
            self._needed(node, "name", at),
            self._config(node, at),
            self._position(node, at),
        )

    def _edge(self, value: Json, at: Path) -> Edge:
        edge = self._object(value, at, "An edge", ("from", "to", "fromPort", "toPort", "kind"))
        kind = self._text(edge, "kind", at)
        return Edge(
            self._needed(edge, "from", at),
            self._needed(edge, "to", at),
            self._text(edge, "fromPort", at),
            self._text(edge, "toPort", at),
            MAIN if kind is None else kind,
        )

    def _note(self, value: Json, at: Path) -> Note:
        note = self._object(value, at, "A note", ("id", "text", "config", "position"))
        return Note(
            self._needed(note, "id", at),
            self._needed(note, "text", at),
            self._config(note, at),
            self._position(note, at),
        )

    def _object(self, value: Json, at: Path, what: str, keys: Sequence[str]) -> dict[str, Json]:
        if not isinstance(value, dict):
            self.findings.error("NOT_AN_OBJECT", f"{what} must be an object.", at)
            return {}
        for key in value:
            if key not in keys:
                known = ", ".join(keys)
                message = f'{what} has no key {quoted(key)}, only {known}. Put it under "config".'
                self.findings.error("UNKNOWN_KEY", message, (at, key))
        return value

    def _items(self, whole: dict[str, Json], key: str) -> Iterator[tuple[Json, Path]]:
        items, at = whole.get(key), (None, key)
        if isinstance(items, list):
            return ((item, (at, i)) for i, item in enumerate(items))
        if items is not None:
            self.findings.error("NOT_A_LIST", f'"{key}" must be a list.', at)
        return iter(())

    def _needed(self, part: dict[str, Json], key: str, at: Path) -> str:
        text = self._text(part, key, at)
        if text is None:
            self.findings.error("MISSING_KEY", f'"{key}" is missing.', at)
        return text or ""

    def _text(self, part: dict[str, Json], key: str, at: Path) -> str | None:
        text = part.get(key)
        if text is None or isinstance(text, str):
            return text
        self.findings.error("NOT_TEXT", f'"{key}" must be text.', (at, key))
        return ""

    def _config(self, part: dict[str, Json], at: Path) -> dict[str, Json]:
        config = part.get("config")
        if isinstance(config, dict):
            return config
        if config is not None:
            self.findings.error("NOT_AN_OBJECT", '"config" must be an object.', (at, "config"))
        return {}

    def _position(self, part: dict[str, Json], at: Path) -> Position | None:
        value = part.get("position")
        if value is None:
            return None
        if isinstance(value, dict) and value.keys() == {"x", "y"}:
            x, y = value["x"], value["y"]
            if is_number(x) and is_number(y):
                return Position(x, y)
        message = 'A position is an object of two numbers, "x" and "y".'
        self.findings.error("NOT_A_POSITION", message, (at, "position"))
        return None


def is_number(value: Json) -> TypeGuard[int | Decimal]:
    """Whether it is a number in JSON, where true and false are none."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


# Sense

# Positions of two nodes and of the edge between them.
Arc: TypeAlias = tuple[int, int, int]


def _check_size(definition: Definition, findings: Findings) -> None:
    nodes, edges = len(definition.nodes) + len(definition.notes), len(definition.edges)
    if nodes > MOST_NODES:
        message = f"{nodes:,} nodes and notes; at most {MOST_NODES:,} are taken."
        findings.error("TOO_MANY_NODES", message, (None, "nodes"))
    if edges > MOST_EDGES:
        message = f"{edges:,} edges; at most {MOST_EDGES:,} are taken."
        findings.error("TOO_MANY_EDGES", message, (None, "edges"))
    size = len(exact_json.write(definition))
    if size > MOST_BYTES:
        findings.error("TOO_LARGE", f"{size:,} bytes; at most {MOST_BYTES:,} are taken.")


def _check_nodes(definition: Definition, findings: Findings) -> dict[str, int]:
    """Where each id stands among the nodes."""
    if not definition.nodes:
        findings.warning("NO_NODES", "There is nothing to run.")
    index: dict[str, int] = {}
    seen: set[str] = set()
    for i, node in enumerate(definition.nodes):
        at = ((None, "nodes"), i)
        for key, text in (("id", node.id), ("type", node.type), ("name", node.name)):
            _check_name(text, key, at, findings)
        _check_id(node.id, at, seen, findings)
        index.setdefault(node.id, i)
    for i, note in enumerate(definition.notes):
        at = ((None, "notes"), i)
        _check_name(note.id, "id", at, findings)
        _check_id(note.id, at, seen, findings)
    return index


def _check_id(id: str, at: Path, seen: set[str], findings: Findings) -> None:
    if id in seen:
        findings.error("DUPLICATE_ID", f"The id {quoted(id)} is taken already.", (at, "id"))
    seen.add(id)


def _check_name(text: str | None, key: str, at: Path, findings: Findings) -> None:
    if text is None:
        return
    if not text.strip():
        findings.error("EMPTY", f'"{key}" is empty.', (at, key))
    elif len(text) > MOST_NAME:
        message = f'"{key}" is longer than {MOST_NAME} characters.'
        findings.error("TOO_LONG", message, (at, key))


def _check_edges(edges: Sequence[Edge], index: dict[str, int], findings: Findings) -> list[Arc]:
    """The edges whose two ends are there."""
    arcs: list[Arc] = []
    seen: set[Edge] = set()
    for i, edge in enumerate(edges):
        at = ((None, "edges"), i)
        ports = (("fromPort", edge.from_port), ("toPort", edge.to_port), ("kind", edge.kind))
        for key, text in ports:
            _check_name(text, key, at, findings)
        for key, id in (("from", edge.source), ("to", edge.target)):
            if id not in index:
                findings.error("UNKNOWN_NODE", f"No node has the id {quoted(id)}.", (at, key))
        if edge in seen:
            findings.warning("DUPLICATE_EDGE", "The same edge stands here once more.", at)
        seen.add(edge)
        if edge.source in index and edge.target in index:
            arcs.append((index[edge.source], index[edge.target], i))
    return arcs


def _check_cycles(definition: Definition, arcs: Sequence[Arc], findings: Findings) -> None:
    nodes = definition.nodes
    undeclared = [arc for arc in arcs if definition.edges[arc[2]].kind != LOOP]
    for (source, target, edge), cycle in closing(nodes, undeclared):
        at = ((None, "edges"), edge)
        advice = f'If that is meant, give this edge the kind "{LOOP}".'
        if source == target:
            message = f"The edge leads from {quoted(nodes[source].name)} to itself. {advice}"
            findings.error("SELF_EDGE", message, at)
        else:
            names = " → ".join(quoted(nodes[i].name) for i in cycle)
            findings.error("UNDECLARED_CYCLE", f"The edge closes a cycle: {names}. {advice}", at)


def _check_reach(definition: Definition, arcs: Sequence[Arc], findings: Findings) -> None:
    nodes = definition.nodes
    forward = [_forward(arc, definition.edges[arc[2]]) for arc in arcs]
    entered = {target for source, target in forward if source != target}
    begin = [i for i, node in enumerate(nodes) if is_start(node.type)]
    begin = begin or [i for i in range(len(nodes)) if i not in entered]
    if nodes and not begin:
        message = "No node begins: every node waits for another."
        findings.warning("NO_START", message, (None, "nodes"))
        return
    reached = _reached(len(nodes), forward, begin)
    for i, node in enumerate(nodes):
        if i not in reached:
            message = f"No path from a trigger leads to {quoted(node.name)}; it never runs."
            findings.warning("UNREACHABLE_NODE", message, ((None, "nodes"), i))


def _forward(arc: Arc, edge: Edge) -> tuple[int, int]:
    """The direction in which one node brings the other into play: a part is used by its whole."""
    source, target, _ = arc
    return (target, source) if edge.kind.startswith(PART) else (source, target)


def _reached(count: int, forward: Sequence[tuple[int, int]], begin: Sequence[int]) -> set[int]:
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in forward:
        after[source].append(target)
    reached, waiting = set(begin), list(begin)
    while waiting:
        for node in after[waiting.pop()]:
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    return reached


def is_start(type: str) -> bool:
    """Whether nodes of a type begin a run: ``webhook``, ``acme.schedule``, ``x.formTrigger``."""
    words = re.split(r"[./:]", type.lower())
    return any(word in _STARTS or word.endswith("trigger") for word in words)


def closing(nodes: Sequence[Node], arcs: Sequence[Arc]) -> Iterator[tuple[Arc, list[int]]]:
    """The arcs that close a cycle when the nodes are walked in depth, triggers first; without
    them there is no cycle. With each come some nodes of its cycle, in order."""
    after: list[list[Arc]] = [[] for _ in nodes]
    for arc in arcs:
        after[arc[0]].append(arc)
    place: dict[int, int] = {}
    done: set[int] = set()
    for root in sorted(range(len(nodes)), key=lambda i: not is_start(nodes[i].type)):
        if root in done:
            continue
        place[root] = 0
        path = [root]
        branches = [iter(after[root])]
        while path:
            arc = next(branches[-1], None)
            if arc is None:
                branches.pop()
                done.add(path[-1])
                del place[path.pop()]
            elif arc[1] in place:
                start = place[arc[1]]
                yield arc, [*path[start : start + _NAMED_OF_A_CYCLE], arc[1]]
            elif arc[1] not in done:
                place[arc[1]] = len(path)
                path.append(arc[1])
                branches.append(iter(after[arc[1]]))
