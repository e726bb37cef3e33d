"""Global ids: base64 of the type's name and the key of the row, as Relay has them."""

import base64
from collections.abc import Sequence

from db.relation import Hole
from db.uuids import read_uuid


def write_global_id(type_name: str, key: Sequence[object]) -> str:
    return base64.b64encode(":".join([type_name, *map(str, key)]).encode()).decode()


def read_global_id(text: str) -> tuple[str, list[str]] | None:
    """The type's name and the parts of the key; None if this is no global id."""
    try:
        type_name, *parts = base64.b64decode(text, validate=True).decode().split(":")
    except ValueError:
        return None
    return type_name, parts


def read_key(holes: Sequence[Hole], parts: Sequence[str]) -> tuple[object, ...] | None:
    """The key of a row, from its parts in text; None if there can be no such key."""
    if len(parts) != len(holes):
        return None
    try:
        return tuple(_read(hole.type, part) for hole, part in zip(holes, parts, strict=True))
    except ValueError:
        return None


def _read(type_: str, part: str) -> object:
    if type_ == "uuid":
        return read_uuid(part)
    number = int(part)
    if not 0 <= number < 2**63:
        raise ValueError(part)
    return number
