"""What a runtime reports, made fit to be stored: secrets hidden, sizes bounded, nothing silently.

Whatever is cut or left out says so in its own place, and how much it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID, uuid4

import msgspec

from db.json import Json
from db.logs import LogLevel
from db.originals import Original, Part
from resolvers.redaction import Redaction, Value

LONGEST_TEXT = 65_536
"""Bytes of a message, as the table has it, and of an error's texts."""
SURELY_SHORT = LONGEST_TEXT // 4
"""Characters that have no more bytes than that, whatever they are."""
LARGEST_METADATA = 16_384
LARGEST_DATA = 262_144
"""Bytes of trigger data, input and output, each."""
LONGEST_NODE = 255

ROOM = 40
"""Bytes for what is written where something was cut."""

NUL, VISIBLE_NUL = "\0", "\N{SYMBOL FOR NULL}"


class Line(msgspec.Struct, gc=False):
    message: str
    id: UUID | None = None
    node_id: str | None = None
    level: LogLevel = LogLevel.INFO
    metadata: Json | None = None
    timestamp: datetime | None = None


class Warned(NamedTuple):
    """What became of a line that could not be kept as it was; ``line`` counts from 0."""

    line: int
    code: str
    message: str


@dataclass(slots=True)
class Lines:
    """Lines as they are stored: ``rows`` is what ``app.report_lines`` takes."""

    rows: str
    nodes: list[str]
    truncated: int = 0
    masked: int = 0
    warned: list[Warned] = field(default_factory=list[Warned])
    originals: list[Original] = field(default_factory=list[Original])
    """Of what was masked, if that was wanted."""


class _Row(msgspec.Struct, omit_defaults=True, gc=False):
    message: str
    id: UUID | None = None
    node_id: str | None = None
    level: LogLevel = LogLevel.INFO
    metadata: msgspec.Raw | None = None
    timestamp: datetime | None = None


def prepare(
    lines: Sequence[Line], redaction: Redaction, *, keep_originals: bool = False
) -> Lines:
    made = Lines("", [])
    said = _all_visible_said(made, lines)
    kept = redaction.texts(said)
    masked = set[int]()
    if kept != said:
        masked.update(place for place, text in enumerate(kept) if text != said[place])
    rows = [
        _Row(text, line.id, line.node_id, line.level, None, line.timestamp)
        for text, line in zip(kept, lines, strict=True)
    ]
    metadata = _metadata(lines, redaction, masked)
    made.truncated = len(_fit(made, rows, metadata))
    for place, each in metadata.items():
        rows[place].metadata = msgspec.Raw(each.encode())
    made.masked = len(masked)
    if keep_originals:
        for place in masked:
            rows[place].id = id = lines[place].id or uuid4()
            made.originals.append(_original_line(lines[place], id))
    made.nodes = _nodes(made, rows)
    made.rows = msgspec.json.encode(rows).decode()
    return made


def _all_visible_said(made: Lines, lines: Sequence[Line]) -> list[str]:
    said = [line.message for line in lines]
    if NUL in "".join(said):
        for place, text in enumerate(said):
            if NUL in text:
                said[place] = _visible(text)
                warning = f"Characters U+0000 were replaced by {VISIBLE_NUL}."
                made.warned.append(Warned(place, "NUL_REPLACED", warning))
    return said


def _metadata(
    lines: Sequence[Line], redaction: Redaction, masked: set[int]
) -> dict[int, Json]:
    """The metadata by the place of its line, without secrets; ``masked`` learns where they were."""
    found = {place: line.metadata for place, line in enumerate(lines) if line.metadata is not None}
    places = list(found)
    suspect = [places[each] for each in redaction.suspects(list(found.values()))]
    hidden = _hidden([found[place] for place in suspect], redaction)
    for place, (found[place], had) in zip(suspect, hidden, strict=True):
        if had:
            masked.add(place)
    return found


def _fit(made: Lines, rows: Sequence[_Row], metadata: dict[int, Json]) -> set[int]:
    """Cut what is too long, and tell where that is."""
    places: set[int] = set()
    for place, each in metadata.items():
        metadata[place], left_out = _within(each, LARGEST_METADATA)
        if left_out:
            places.add(place)
            warning = f"The metadata has {left_out} bytes; {LARGEST_METADATA} fit."
            made.warned.append(Warned(place, "METADATA_TRUNCATED", warning))
    for place, row in enumerate(rows):
        if len(row.message) > SURELY_SHORT:
            row.message, gone = cut(row.message)
            if gone:
                places.add(place)
                metadata[place] = _flagged(metadata.get(place), gone)
                warning = f"{gone} bytes were cut off the message."
                made.warned.append(Warned(place, "MESSAGE_TRUNCATED", warning))
    return places


def _nodes(made: Lines, rows: Sequence[_Row]) -> list[str]:
    """The nodes that the rows name, those left out that no workflow can have."""
    named = {row.node_id for row in rows}
    named.discard(None)
    impossible = {node for node in named if node and (len(node) > LONGEST_NODE or NUL in node)}
    for place, row in enumerate(rows if impossible else ()):
        if row.node_id in impossible:
            row.node_id = None
            warning = "There is no such node; the line is kept as no node's."
            made.warned.append(Warned(place, "UNKNOWN_NODE", warning))
    return list(cast("set[str]", named) - impossible)


def _original_line(line: Line, id: UUID) -> Original:
    metadata = msgspec.Raw((line.metadata or "null").encode())
    written = msgspec.json.encode({"message": line.message, "metadata": metadata})
    return Original(Part.LINE, Json(written.decode()), id)


def original(part: Part, given: str | None, kept: str | None) -> list[Original]:
    """A text or JSON as it was reported, unless it is kept as it is."""
    if given is None or given == kept:
        return []
    if part in (Part.ERROR_MESSAGE, Part.ERROR_STACK):
        given = msgspec.json.encode(given).decode()
    return [Original(part, Json(given))]


def strangers(lines: Sequence[Line], unknown: Sequence[str]) -> list[Warned]:
    """The lines that came from a node that the executed version does not have."""
    if not unknown:
        return []
    return [
        Warned(
            place,
            "UNKNOWN_NODE",
            f"The executed version has no node {line.node_id}; the line is kept as no node's.",
        )
        for place, line in enumerate(lines)
        if line.node_id is not None and line.node_id in unknown
    ]


def text(written: str | None, redaction: Redaction) -> str | None:
    """A text of an error."""
    return None if written is None else cut(redaction.text(_visible(written)))[0]


def data(written: Json | None, redaction: Redaction) -> Json | None:
    """Trigger data, input or output; what is too large is kept as its beginning."""
    if written is None:
        return None
    if redaction.suspects([written]):
        [(written, _)] = _hidden([written], redaction)
    return _within(written, LARGEST_DATA)[0]


def cut(text: str) -> tuple[str, int]:
    """The text, and how many bytes of it were cut off."""
    if len(text) <= SURELY_SHORT or len(raw := text.encode()) <= LONGEST_TEXT:
        return text, 0
    kept = raw[: LONGEST_TEXT - ROOM].decode(errors="ignore")
    gone = len(raw) - len(kept.encode())
    return f"{kept}… [{gone} bytes cut]", gone


def _visible(text: str) -> str:
    return text.replace(NUL, VISIBLE_NUL) if NUL in text else text


def _hidden(written: Sequence[Json], redaction: Redaction) -> list[tuple[Json, bool]]:
    """Each JSON without secrets, and whether it had any."""
    given = [_decoded(each) for each in written]
    hidden = redaction.values(given)
    return [
        (Json(msgspec.json.encode(value).decode()), value != before)
        for value, before in zip(hidden, given, strict=True)
    ]


def _decoded(written: Json) -> Value:
    value = cast("Value", msgspec.json.decode(written))
    return _all_visible(value) if "\\u0000" in written else value


def _all_visible(value: Value) -> Value:
    match value:
        case str():
            return _visible(value)
        case list():
            return [_all_visible(each) for each in value]
        case dict():
            return {_visible(name): _all_visible(each) for name, each in value.items()}
        case _:
            return value


def _within(written: Json, most: int) -> tuple[Json, int]:
    """The JSON, or if it has more bytes what says so in its place; and then how many it has."""
    if len(written) * 4 <= most or (size := len(raw := written.encode())) <= most:
        return written, 0
    beginning = raw[: most // 8].decode(errors="ignore")
    said = {"truncated": {"bytes": size, "beginning": beginning}}
    return Json(msgspec.json.encode(said).decode()), size


def _flagged(metadata: Json | None, gone: int) -> Json:
    """The metadata of a line whose message was cut."""
    value = cast("Value", msgspec.json.decode(metadata)) if metadata is not None else {}
    members = value if isinstance(value, dict) else {"value": value}
    return Json(msgspec.json.encode({**members, "messageBytesCut": gone}).decode())
