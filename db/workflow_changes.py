"""What is done to workflows: functions of ``migrations/0060_workflow_changes.sql``, one a call."""

from collections.abc import Mapping, Sequence
from typing import LiteralString
from uuid import UUID

import msgspec

from db.json import Json
from db.session import Writing

UPDATE: LiteralString = "SELECT app.update_workflow($1, $2, $3::jsonb, $4::jsonb, $5)"
RESTORE_VERSION: LiteralString = "SELECT app.restore_version($1, $2, $3, $4)"
DUPLICATE: LiteralString = "SELECT app.duplicate_workflow($1, $2, $3)"
SET_STATUS: LiteralString = "SELECT app.set_workflow_status($1, $2)"
TAG: LiteralString = "SELECT app.tag_workflow($1, $2::text[], $3::text[])"
DELETE: LiteralString = "SELECT app.delete_workflow($1)"
RESTORE: LiteralString = "SELECT app.restore_workflow($1)"


async def update(
    transaction: Writing,
    id: UUID,
    base: int | None,
    changes: Mapping[str, object],
    *,
    definition: Json | None = None,
    changelog: str | None = None,
) -> int:
    """Its version from now on. ``changes`` are columns with their new values; a ``definition``
    other than the current one is saved over the version ``base``."""
    written = msgspec.json.encode(changes).decode()
    return await transaction.value(UPDATE, id, base, written, definition, changelog)


async def restore_version(
    transaction: Writing, id: UUID, base: int | None, version: int, changelog: str
) -> int:
    """Its version from now on, with the definition of ``version``."""
    return await transaction.value(RESTORE_VERSION, id, base, version, changelog)


async def duplicate(transaction: Writing, id: UUID, version: int | None, name: str | None) -> UUID:
    """The id of a new draft, with the definition of ``version`` or the current one."""
    return await transaction.value(DUPLICATE, id, version, name)


async def set_status(transaction: Writing, id: UUID, status: str) -> None:
    await transaction.value(SET_STATUS, id, status)


async def tag(transaction: Writing, id: UUID, add: Sequence[str], remove: Sequence[str]) -> None:
    await transaction.value(TAG, id, add, remove)


async def delete(transaction: Writing, id: UUID) -> UUID:
    """Its workspace."""
    return await transaction.value(DELETE, id)


async def restore(transaction: Writing, id: UUID) -> None:
    await transaction.value(RESTORE, id)
