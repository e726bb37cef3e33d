"""n8n's connections, each read on its own: what is wrong with one is found, none is dropped."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeGuard

from resolvers.definitions import MOST_EDGES, MOST_NAME
from resolvers.diagnostics import Findings, Path, quoted
from resolvers.exact_json import Json
from resolvers.n8n.form import MOST_PORTS, Connection, Object, Step, is_name


class Connections:
    """The connections of a workflow; those that cannot be kept are errors among the findings."""

    def __init__(self, workflow: Object, at: Path, findings: Findings) -> None:
        self._outgoing, self._workflow_at = workflow.get("connections"), at
        self._at: Path = (at, "connections")
        self._findings = findings

    def between(self, steps: Sequence[Step]) -> list[Connection]:
        """The connections, in order; every end is the name of a step unless an error says so."""
        connections = list(islice(self._all(), MOST_EDGES + 1))
        self._check_ends(steps, connections)
        return connections

    def _all(self) -> Iterator[Connection]:
        outgoing = self._outgoing
        if isinstance(outgoing, dict):
            for source, kinds in outgoing.items():
                yield from self._of_node(source, kinds, (self._at, source))
        elif outgoing is None:
            message = "There are no connections in the file."
            self._findings.warning("NO_CONNECTIONS", message, self._workflow_at)
        else:
            self._bad("The connections must be an object by the name of a node.", self._at)

    def _of_node(self, source: str, kinds: Json, at: Path) -> Iterator[Connection]:
        if kinds is None:
            return
        if not isinstance(kinds, dict):
            self._bad("A node's connections must be an object by their type.", at)
            return
        for kind, outputs in kinds.items():
            if not _is_type(kind):
                self._bad("A type of connection needs a name.", (at, kind))
            elif isinstance(outputs, list) and len(outputs) <= MOST_PORTS:
                for output, entries in enumerate(outputs):
                    place = (((at, kind), output), source, kind, output)
                    yield from self._of_output(entries, *place)
            elif outputs is not None:
                message = f"The connections of a type must be a list of at most {MOST_PORTS}."
                self._bad(message, (at, kind))

    def _of_output(
        self, entries: Json, at: Path, source: str, kind: str, output: int
    ) -> Iterator[Connection]:
        if isinstance(entries, list):
            for i, entry in enumerate(entries):
                found = self._connection(entry, (at, i), source, kind, output)
                if found:
                    yield found
        elif entries is not None:
            self._bad("The connections of an output must be a list.", at)

    def _connection(
        self, entry: Json, at: Path, source: str, kind: str, output: int
    ) -> Connection | None:
        if entry is None:
            return None
        if isinstance(entry, str):
            entry = {"node": entry}
        target = entry.get("node") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(target, str):
            self._bad('A connection needs the name of a "node".', at)
            return None
        type, input = entry.get("type", kind), entry.get("index", 0)
        type, input = kind if type is None else type, 0 if input is None else input
        if not _is_type(type):
            self._bad('The "type" of a connection must be text.', (at, "type"))
        elif not isinstance(input, int) or isinstance(input, bool) or not 0 <= input < MOST_PORTS:
            message = f'The "index" of a connection must be a number from 0 to {MOST_PORTS - 1}.'
            self._bad(message, (at, "index"))
        else:
            for key in sorted(entry.keys() - {"node", "type", "index"}):
                message = f"A connection's {quoted(key)} is left out."
                self._findings.warning("LEFT_OUT", message, (at, key))
            return Connection(source, kind, output, target, type, input, at)
        return None

    def _bad(self, message: str, at: Path) -> None:
        self._findings.error("BAD_CONNECTION", message, at)

    def _check_ends(self, steps: Sequence[Step], connections: Sequence[Connection]) -> None:
        names = {step.name for step in steps}
        by_id = {step.id: step.name for step in steps}
        for connection in connections:
            unknown = [
                f"no node is named {quoted(name)}"
                + (f" (it is the id of {quoted(by_id[name])})" if name in by_id else "")
                for name in dict.fromkeys((connection.source, connection.target))
                if name not in names
            ]
            if unknown:
                ends = f"{quoted(connection.source)} to {quoted(connection.target)}"
                message = f"The connection from {ends}: {' and '.join(unknown)}."
                self._findings.error("UNKNOWN_NODE", message, connection.at)
        if len(connections) > MOST_EDGES:
            message = f"More than {MOST_EDGES:,} connections, the most that are taken."
            self._findings.error("TOO_MANY_EDGES", message, self._at)
        outgoing = self._outgoing
        for name in outgoing if isinstance(outgoing, dict) else ():
            if name not in names:
                message = f"No node is named {quoted(name)}; nothing leads from it."
                self._findings.info("LEFT_OUT", message, (self._at, name))


def _is_type(value: Json) -> TypeGuard[str]:
    """Whether it can be the type in a port's name."""
    return is_name(value) and len(value) <= MOST_NAME - len(f":{MOST_PORTS}")
