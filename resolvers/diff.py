"""What changed between two definitions: in their nodes, edges and notes, and in the config.

Nodes and notes are the same when their id is, edges when their ends and ports are. The order in
which they stand is no difference, and neither is 1.0 to 1.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET

from resolvers.definitions import Definition, Edge, Node, Note
from resolvers.diagnostics import Path, pointer
from resolvers.exact_json import Json

Subject: TypeAlias = Literal["node", "edge", "note", "config"]
Part: TypeAlias = Node | Edge | Note | dict[str, Json]
Value: TypeAlias = "Json | msgspec.UnsetType"
Ends: TypeAlias = tuple[str, str, str | None, str | None]


class ValueChange(msgspec.Struct, frozen=True):
    """A value inside a changed part. ``pointer`` leads to it from there; a value that was not
    there before or is not there after is UNSET, which null is not."""

    pointer: str
    before: Value
    after: Value


class Change(msgspec.Struct, frozen=True):
    """A part that was added (no ``before``), removed (no ``after``) or changed (``values``).

    ``pointer`` leads to it in the definition after, or in the one before if it was removed.
    """

    subject: Subject
    pointer: str
    before: Part | None
    after: Part | None
    values: tuple[ValueChange, ...] = ()


def diff(before: Definition, after: Definition) -> list[Change]:
    """The changes that make the one definition of the other: nodes, edges, notes, config.

    Both must be free of errors.
    """
    config = _change("config", (None, "config"), before.config, after.config)
    return [
        *_by_id("node", before.nodes, after.nodes),
        *_edges(before.edges, after.edges),
        *_by_id("note", before.notes, after.notes),
        *([config] if config else []),
    ]


def _by_id(
    subject: Literal["node", "note"], before: Sequence[Node | Note], after: Sequence[Node | Note]
) -> Iterator[Change]:
    old = {part.id: part for part in before}
    new = {part.id for part in after}
    places: Path = (None, f"{subject}s")
    for i, part in enumerate(before):
        if part.id not in new:
            yield Change(subject, pointer((places, i)), part, None)
    for i, part in enumerate(after):
        change = _change(subject, (places, i), old.get(part.id), part)
        if change:
            yield change


def _edges(before: Sequence[Edge], after: Sequence[Edge]) -> Iterator[Change]:
    """Each edge is matched with one that is left of the other side: with its equal, else with
    one of another kind between the same ports."""
    old: defaultdict[Ends, list[tuple[int, Edge]]] = defaultdict(list)
    for i, edge in _last(before, Counter(before) - Counter(after)):
        old[_ends(edge)].append((i, edge))
    places: Path = (None, "edges")
    for i, edge in _last(after, Counter(after) - Counter(before)):
        matching = old[_ends(edge)]
        change = _change("edge", (places, i), matching.pop()[1] if matching else None, edge)
        if change:
            yield change
    for i, edge in sorted((left for lefts in old.values() for left in lefts), key=itemgetter(0)):
        yield Change("edge", pointer((places, i)), edge, None)


def _last(edges: Sequence[Edge], counts: Counter[Edge]) -> list[tuple[int, Edge]]:
    """The last so many of each edge, in order."""
    wanted = counts.copy()
    found: list[tuple[int, Edge]] = []
    for i in reversed(range(len(edges))):
        if wanted[edges[i]] > 0:
            wanted[edges[i]] -= 1
            found.append((i, edges[i]))
    return found[::-1]


def _ends(edge: Edge) -> Ends:
    return edge.source, edge.target, edge.from_port, edge.to_port


def _change(subject: Subject, at: Path, before: Part | None, after: Part) -> Change | None:
    if before is None:
        return Change(subject, pointer(at), None, after)
    values = tuple(_values(_parts(before), _parts(after), None))
    return Change(subject, pointer(at), before, after, values) if values else None


def _parts(part: Part) -> Json:
    """A part as the object that it is in JSON, all of its keys written out."""
    if isinstance(part, dict):
        return part
    if isinstance(part, Edge):
        return {"kind": part.kind}
    found: dict[str, Json] = {"config": part.config}
    if part.position:
        found["position"] = {"x": part.position.x, "y": part.position.y}
    if isinstance(part, Note):
        return {**found, "text": part.text}
    return {**found, "type": part.type, "name": part.name}


def _values(before: Value, after: Value, at: Path) -> Iterator[ValueChange]:
    """The smallest values that differ; a list of another length differs as a whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before | after:
            yield from _values(before.get(key, UNSET), after.get(key, UNSET), (at, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _values(old, new, (at, i))
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield ValueChange(pointer(at), before, after)
