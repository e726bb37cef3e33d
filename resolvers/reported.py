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
LARGEST_METADATA = 16_384
LARGEST_DATA = 262_144
"""Bytes of trigger data, input and output, each."""
LONGEST_NODE = 255

ROOM = 40
"""Bytes for what is written where something was cut."""

NUL, VISIBLE_NUL = "\0", "\N{SYMBOL FOR NULL}"


class Line(NamedTuple):
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


class _Row(msgspec.Struct, omit_defaults=True):
    message: str
    id: UUID | None = None
    node_id: str | None = None
    level: str = "info"
    metadata: msgspec.Raw | None = None
    timestamp: datetime | None = None


def prepare(
    lines: Sequence[Line], redaction: Redaction, *, keep_originals: bool = False
) -> Lines:
    made = Lines("", [])
    said = [_visible(line.message) for line in lines]
    kept = redaction.texts(said)
    masked = {place for place, text in enumerate(kept) if text != said[place]}
    metadata = {
        place: line.metadata for place, line in enumerate(lines) if line.metadata is not None
    }
    places = list(metadata)
    suspect = [places[found] for found in redaction.suspects(list(metadata.values()))]
    hidden = _hidden([metadata[place] for place in suspect], redaction)
    for place, (metadata[place], had) in zip(suspect, hidden, strict=True):
        if had:
            masked.add(place)
    rows = [
        _row(made, place, line, kept[place], metadata.get(place))
        for place, line in enumerate(lines)
    ]
    made.masked = len(masked)
    if keep_originals:
        for place in masked:
            rows[place].id = id = lines[place].id or uuid4()
            made.originals.append(_original_line(lines[place], id))
    made.rows = msgspec.json.encode(rows).decode()
    made.nodes = list({row.node_id for row in rows if row.node_id is not None})
    return made


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
    return [
        Warned(
            place,
            "UNKNOWN_NODE",
            f"The executed version has no node {line.node_id}; the line is kept as no node's.",
        )
        for place, line in enumerate(lines)
        if line.node_id is not None and line.node_id in unknown
    ]


def _row(made: Lines, place: int, line: Line, text: str, metadata: Json | None) -> _Row:
    def warn(code: str, message: str) -> None:
        made.warned.append(Warned(place, code, message))

    if NUL in line.message:
        warn("NUL_REPLACED", f"Characters U+0000 were replaced by {VISIBLE_NUL}.")
    kept, gone = cut(text)
    left_out = 0
    if metadata is not None:
        metadata, left_out = _within(metadata, LARGEST_METADATA)
    if gone:
        metadata = _flagged(metadata, gone)
        warn("MESSAGE_TRUNCATED", f"{gone} bytes were cut off the message.")
    if left_out:
        warn("METADATA_TRUNCATED", f"The metadata has {left_out} bytes; {LARGEST_METADATA} fit.")
    made.truncated += bool(gone or left_out)
    node = line.node_id
    if node is not None and (len(node) > LONGEST_NODE or NUL in node):
        node = None
        warn("UNKNOWN_NODE", "There is no such node; the line is kept as no node's.")
    return _Row(
        kept,
        line.id,
        node,
        line.level.value,
        msgspec.Raw(metadata.encode()) if metadata is not None else None,
        line.timestamp,
    )


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
    if len(text) * 4 <= LONGEST_TEXT or len(raw := text.encode()) <= LONGEST_TEXT:
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
