"""An n8n export on its way in: its nodes named and identified, and the definition made of them."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from uuid import UUID, uuid5

from resolvers.definitions import (
    LOOP,
    MOST_NAME,
    MOST_NODES,
    Definition,
    Edge,
    Node,
    Note,
    Position,
    closing,
    is_number,
)
from resolvers.diagnostics import Diagnostic, Findings, Path, quoted
from resolvers.imported import (
    Imported,
    ImportRefused,
    fitting_name,
    refuse_errors,
    refuse_unfit,
)
from resolvers.n8n.connections import Connections
from resolvers.n8n.form import (
    NODE_MAPPED,
    STICKY_NOTE,
    WORKFLOW_LEFT,
    WORKFLOW_MAPPED,
    Connection,
    Object,
    Step,
    is_name,
    port,
    shown,
)
from resolvers.n8n.report import Report
from resolvers.n8n.sources import Source, sources

_IDS = UUID("8e35b0a4-5a5c-4f0e-9d5b-6c6f9c1d2a77")


def read_export(data: bytes, name: str = "") -> Imported:
    """The one workflow of an export; ``name`` is used where the export has none.

    Raises ImportRefused.
    """
    found = sources(data)
    if len(found) > 1:
        message = f"The file has {len(found)} workflows. Import them from a file each."
        raise ImportRefused([Diagnostic("SEVERAL_WORKFLOWS", message, "")])
    return _Import(found[0], name).result()


def read_exports(data: bytes, name: str = "") -> list[Imported]:
    """Every workflow of an export, which may be a list of them; all or none.

    Raises ImportRefused.
    """
    return [_Import(source, name).result() for source in sources(data)]


class _Import:
    """One workflow on its way in."""

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self._workflow, self._at, self._around = source
        self._name = name
        self._findings = Findings()
        self._numbers: dict[str, count[int]] = {}

    def result(self) -> Imported:
        steps = self._steps()
        connections = Connections(self._workflow, self._at, self._findings).between(steps)
        refuse_errors(self._findings)
        definition = self._definition(steps, connections)
        refuse_unfit(definition)
        report = Report(self._source, self._findings)
        report.steps(steps)
        report.workflow()
        name, description, tags = self._workflow_name(), self._description(), self._tags()
        return Imported(name, description, tags, definition, list(self._findings))

    # Nodes

    def _steps(self) -> list[Step]:
        nodes = self._workflow["nodes"]
        found: list[tuple[Object, Path]] = []
        for i, node in enumerate(nodes if isinstance(nodes, list) else ()):
            at = ((self._at, "nodes"), i)
            if i == MOST_NODES:
                message = f"More than {MOST_NODES:,} nodes, the most that are taken."
                self._findings.error("TOO_MANY_NODES", message, at)
                break
            if not isinstance(node, dict):
                self._findings.error("BAD_NODE", "A node must be an object.", at)
            elif not is_name(node.get("type")):
                self._findings.error("BAD_NODE", 'A node needs a "type".', at)
            else:
                found.append((node, at))
        names = self._names(found)
        ids = self._ids(found, names)
        return [
            Step(node, at, name, id) for (node, at), name, id in zip(found, names, ids, strict=True)
        ]

    def _names(self, found: Sequence[tuple[Object, Path]]) -> list[str]:
        """A name for each node, unique. As in n8n, a connection means the last of its name."""
        left = Counter[str](name for node, _ in found if is_name(name := node.get("name")))
        taken = set(left)
        names: list[str] = []
        for node, at in found:
            name = node.get("name")
            if is_name(name):
                left[name] -= 1
                if not left[name]:
                    names.append(name)
                    continue
            names.append(self._new_name(node, at, taken))
        return names

    def _new_name(self, node: Object, at: Path, taken: set[str]) -> str:
        name = node.get("name")
        if is_name(name):
            stem, why = name, "Another node has its name"
        else:
            stem = re.split(r"[./]", str(node["type"]))[-1].strip() or "node"
            why = f"It has no name of 1 to {MOST_NAME} characters"
        stem = stem[: MOST_NAME - len(str(MOST_NODES))]
        numbers = self._numbers.setdefault(stem, count())
        new = next(new for i in numbers if (new := f"{stem}{i or ''}") not in taken)
        taken.add(new)
        self._findings.warning("NAME_CHANGED", f"{why}; it is called {quoted(new)} here.", at)
        return new

    def _ids(self, found: Sequence[tuple[Object, Path]], names: Sequence[str]) -> list[str]:
        """The id of each node: its own where it has one for itself, else one of its name."""
        own = Counter[str](id for node, _ in found if is_name(id := node.get("id")))
        taken = set(own)
        ids: list[str] = []
        for (node, at), name in zip(found, names, strict=True):
            id = node.get("id")
            if is_name(id) and own.pop(id, 0):
                ids.append(id)
                continue
            new = next(new for i in count() if (new := _made_id(name, i)) not in taken)
            taken.add(new)
            ids.append(new)
            why = "It has no id" if id in (None, "") else f"Its id cannot be used: {shown(id)}"
            self._findings.info("ID_MADE", f"{why}; one is made of its name.", at)
        return ids

    # The definition

    def _definition(self, steps: Sequence[Step], connections: Sequence[Connection]) -> Definition:
        connected = {name for each in connections for name in (each.source, each.target)}
        is_note = [_is_sticky(step.node) and step.name not in connected for step in steps]
        nodes = [self._node(step) for step, note in zip(steps, is_note, strict=True) if not note]
        notes = [self._note(step) for step, note in zip(steps, is_note, strict=True) if note]
        ids = {step.name: step.id for step in steps}
        edges = self._edges(nodes, connections, ids)
        return Definition(tuple(nodes), tuple(edges), tuple(notes), self._config())

    def _node(self, step: Step) -> Node:
        config = {key: step.node[key] for key in step.node if key not in NODE_MAPPED}
        if config.get("parameters") is None:
            config["parameters"] = {}
        position = self._position(step)
        return Node(step.id, str(step.node["type"]), step.name, config, position)

    def _note(self, step: Step) -> Note:
        config: Object = {key: step.node[key] for key in step.node if key not in NODE_MAPPED}
        parameters = config.get("parameters")
        rest = dict(parameters) if isinstance(parameters, dict) else {}
        text = str(rest.pop("content", ""))
        config = {**config, "parameters": rest, "name": step.name}
        return Note(step.id, text, config, self._position(step))

    def _position(self, step: Step) -> Position | None:
        value = step.node.get("position")
        if isinstance(value, dict) and value.keys() == {"x", "y"}:
            value = [value["x"], value["y"]]
        match value:
            case [x, y] if is_number(x) and is_number(y):
                return Position(x, y)
            case None:
                return None
            case _:
                message = f"The position {shown(value)} is left out: it is not two numbers."
                self._findings.warning("LEFT_OUT", message, (step.at, "position"))
                return None

    def _edges(
        self, nodes: Sequence[Node], connections: Sequence[Connection], ids: dict[str, str]
    ) -> Iterator[Edge]:
        index = {node.id: i for i, node in enumerate(nodes)}
        arcs = [
            (index[ids[each.source]], index[ids[each.target]], i)
            for i, each in enumerate(connections)
        ]
        back = {i for (_, _, i), _ in closing(nodes, arcs)}
        for i, each in enumerate(connections):
            kind = LOOP if i in back else each.kind
            if i in back:
                ends = f"{quoted(each.source)} to {quoted(each.target)}"
                message = f"The connection from {ends} goes back; it is declared as a loop."
                self._findings.info("LOOP_DECLARED", message, each.at)
            yield Edge(
                ids[each.source],
                ids[each.target],
                port(kind, each.kind, each.output),
                port(kind, each.type, each.input),
                kind,
            )

    def _config(self) -> Object:
        return {
            key: value
            for key, value in self._workflow.items()
            if key not in WORKFLOW_MAPPED | WORKFLOW_LEFT and value not in (None, {}, [])
        }

    # What is said about the workflow

    def _workflow_name(self) -> str:
        return fitting_name(self._said("name"), self._name)

    def _description(self) -> str | None:
        return self._said("description") or None

    def _said(self, key: str) -> str:
        """The text under a key of the workflow or of what it is wrapped in."""
        for around in (self._workflow, *self._around):
            text = around.get(key)
            if isinstance(text, str) and text.strip():
                if key == "name" and len(text.strip()) > MOST_NAME:
                    message = f"The name is cut to {MOST_NAME} characters."
                    self._findings.warning("NAME_CHANGED", message, self._at)
                return text.strip()
        return ""

    def _tags(self) -> list[str]:
        value, at = self._workflow.get("tags"), (self._at, "tags")
        tags: dict[str, None] = {}
        for i, tag in enumerate(value if isinstance(value, list) else ()):
            name = tag.get("name") if isinstance(tag, dict) else tag
            if isinstance(name, str) and name.strip():
                tags[name.strip()] = None
            else:
                self._findings.warning("LEFT_OUT", "A tag without a name is left out.", (at, i))
        if value and not isinstance(value, list):
            self._findings.warning("LEFT_OUT", "The tags are left out: they are no list.", at)
        return list(tags)


def _is_sticky(node: Object) -> bool:
    """Whether it is a note on the canvas, with nothing that a note of ours cannot hold."""
    parameters = node.get("parameters")
    if node["type"] != STICKY_NOTE:
        return False
    if isinstance(parameters, dict):
        return isinstance(parameters.get("content", ""), str)
    return parameters is None


def _made_id(name: str, number: int) -> str:
    return str(uuid5(_IDS, f"{name}\n{number}" if number else name))
