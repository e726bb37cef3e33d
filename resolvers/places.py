"""Where a subscriber has come to, as a cursor that clients keep and hand back."""

import base64
import binascii
from uuid import UUID

from db.streams import Place
from resolvers.errors import InvalidInput

CHECK, NUMBER, ROW = 4, 8, 16
"""Bytes of a cursor: of what it belongs to, its number, and its row if it has one."""


def write_line(execution_id: UUID, seq: int) -> str:
    """The place behind a line."""
    return _text(execution_id.bytes[-CHECK:] + seq.to_bytes(NUMBER, "big"))


def read_line(execution_id: UUID, cursor: str) -> int:
    """The number of the line that the cursor stands behind. Raises InvalidInput."""
    raw = _bytes(cursor)
    seq = int.from_bytes(raw[CHECK:], "big")
    if len(raw) != CHECK + NUMBER or raw[:CHECK] != execution_id.bytes[-CHECK:] or seq >= 2**63:
        raise _foreign()
    return seq


def write_change(workspace_id: UUID, place: Place) -> str:
    """A place in the changes of a workspace."""
    number = place.transaction.to_bytes(NUMBER, "big")
    return _text(workspace_id.bytes[-CHECK:] + number + place.row.bytes)


def read_change(workspace_id: UUID, cursor: str) -> Place:
    """What ``write_change`` wrote. Raises InvalidInput."""
    raw = _bytes(cursor)
    if len(raw) != CHECK + NUMBER + ROW or raw[:CHECK] != workspace_id.bytes[-CHECK:]:
        raise _foreign()
    number, row = raw[CHECK : CHECK + NUMBER], raw[CHECK + NUMBER :]
    return Place(int.from_bytes(number, "big"), UUID(bytes=row))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(cursor: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError) as error:
        raise _foreign() from error


def _foreign() -> InvalidInput:
    said = "`after` is no cursor of this subscription. Leave it out to begin anew."
    return InvalidInput(said, ("after",))
