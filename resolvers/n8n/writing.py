"""A definition on its way out as an n8n export."""

import re
from collections.abc import Sequence
from itertools import count
from typing import ClassVar, cast

import msgspec

from resolvers.definitions import LOOP, MAIN, Definition, Node, Note, Position, check
from resolvers.diagnostics import Diagnostic, Findings, Path, quoted
from resolvers.errors import Refusal
from resolvers.exact_json import Json
from resolvers.n8n.form import (
    MOST_PORTS,
    NODE_MAPPED,
    STICKY_NOTE,
    WORKFLOW_LEFT,
    WORKFLOW_MAPPED,
    Object,
)

# How far apart n8n's editor puts nodes that have no place yet.
_APART = 240
_PORT = re.compile(r"(?P<type>.*\S.*):(?P<index>[0-9]{1,3})", re.DOTALL)
_encoder = msgspec.json.Encoder(decimal_format="number")


class ExportRefused(Refusal):
    """A definition that n8n has no form for; ``problems`` has every reason."""

    code: ClassVar[str] = "EXPORT_REFUSED"

    def __init__(self, problems: Sequence[Diagnostic], path: Sequence[str] = ()) -> None:
        first, more = problems[0], len(problems) - 1
        rest = f" There are {more} more problems." if more else ""
        super().__init__(f"{first.message} (at {first.pointer}){rest}", path)
        self.problems = tuple(problems)


def write_export(
    name: str, definition: Definition, description: str | None = None, tags: Sequence[str] = ()
) -> bytes:
    """The definition as n8n reads it. Where it was imported from n8n, importing it again gives
    the same definition; nodes without a position are put in a row. Raises ExportRefused."""
    invalid = [found for found in check(definition) if found.severity == "error"]
    if invalid:
        raise ExportRefused(invalid)
    export = _Export(definition)
    workflow: Object = {
        "name": name,
        **({"description": description} if description else {}),
        "nodes": [*export.nodes(), *export.notes()],
        "connections": export.connections(),
        "pinData": {},
        **export.config(),
        "tags": [{"name": tag} for tag in tags],
    }
    if export.findings.errors:
        raise ExportRefused(export.findings.errors)
    return msgspec.json.format(_encoder.encode(workflow), indent=2)


class _Export:
    """The parts of an export; what n8n has no form for is found on the way."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()
        self.findings = Findings()

    def config(self) -> Object:
        config = self._definition.config
        self._refuse_taken(config, WORKFLOW_MAPPED | WORKFLOW_LEFT, None)
        return {"settings": {}, **config}

    def nodes(self) -> list[Json]:
        return [self._node(node, i) for i, node in enumerate(self._definition.nodes)]

    def notes(self) -> list[Json]:
        return [self._note(note, i) for i, note in enumerate(self._definition.notes)]

    def connections(self) -> Object:
        """By the name of the node, by type, by output: lists of what they lead to."""
        found: dict[str, dict[str, list[list[Object] | None]]] = {}
        for i, edge in enumerate(self._definition.edges):
            at = ((None, "edges"), i)
            usual = MAIN if edge.kind == LOOP else edge.kind
            type, output = self._port(edge.from_port, usual, (at, "fromPort"))
            to_type, input = self._port(edge.to_port, usual, (at, "toPort"))
            outputs = found.setdefault(self._names[edge.source], {}).setdefault(type, [])
            outputs.extend(None for _ in range(len(outputs), output + 1))
            entries = outputs[output] = outputs[output] or []
            entries.append({"node": self._names[edge.target], "type": to_type, "index": input})
        return cast("Object", found)

    def _port(self, text: str | None, usual: str, at: Path) -> tuple[str, int]:
        if text is None:
            return usual, 0
        match = _PORT.fullmatch(text)
        if match and int(match["index"]) < MOST_PORTS:
            return match["type"], int(match["index"])
        message = f"n8n has no port {quoted(text)}; its ports are like {MAIN}:0."
        self.findings.error("UNKNOWN_PORT", message, at)
        return usual, 0

    def _node(self, node: Node, number: int) -> Object:
        at = ((None, "nodes"), number)
        if node.name in self._taken:
            message = f"n8n knows nodes by their names; {quoted(node.name)} is there twice."
            self.findings.error("DUPLICATE_NAME", message, (at, "name"))
        self._names[node.id] = node.name
        self._taken.add(node.name)
        # A config that does not come from n8n is what n8n calls parameters.
        config = node.config
        if "parameters" not in config:
            config = cast("Object", {"parameters": config})
        self._refuse_taken(config, NODE_MAPPED, at)
        position = _place(node.position, number)
        return {"id": node.id, "name": node.name, "type": node.type, "position": position, **config}

    def _note(self, note: Note, number: int) -> Object:
        config = dict(note.config)
        name, parameters = config.pop("name", None), config.pop("parameters", None)
        if not isinstance(name, str) or name in self._taken:
            name = next(new for i in count(1) if (new := f"Note {i}") not in self._taken)
        self._taken.add(name)
        parameters = parameters if isinstance(parameters, dict) else {}
        at = ((None, "notes"), number)
        self._refuse_taken(config, NODE_MAPPED, at)
        self._refuse_taken(parameters, frozenset(("content",)), (at, "config"), "parameters")
        return {
            "id": note.id,
            "name": name,
            "type": STICKY_NOTE,
            "position": _place(note.position, number),
            "parameters": {**parameters, "content": note.text},
            **config,
        }

    def _refuse_taken(
        self, config: Object, taken: frozenset[str], at: Path, under: str = "config"
    ) -> None:
        for key in sorted(config.keys() & taken):
            message = f"n8n means something else by {quoted(key)}. Call it differently."
            self.findings.error("KEY_TAKEN", message, ((at, under), key))


def _place(position: Position | None, number: int) -> list[Json]:
    return [position.x, position.y] if position else [number * _APART, 0]
