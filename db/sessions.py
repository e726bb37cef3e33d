"""Sessions: from where somebody is signed in, since when, and until when."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec

from db.relation import Computed, Many
from db.session import Client, Database, Writing


class SessionRow(msgspec.Struct, frozen=True):
    id: UUID
    ip_address: Annotated[str | None, Computed("host({row}.ip_address)")]
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


GOING_ON = Many(
    SessionRow, "SELECT {s.*} FROM sessions s WHERE s.ended_at IS NULL AND s.expires_at > now()"
)
"""One's own, as everything in this table."""


class RefreshRow(msgspec.Struct, frozen=True):
    """``outcome`` is ok, unknown, expired or reused; all but ok leave nobody signed in."""

    outcome: str
    user_id: UUID | None
    session_id: UUID | None


START = "SELECT app.start_session($1, $2, $3, $4)"
REFRESH = "SELECT outcome, user_id, session_id FROM app.refresh_session($1, $2, $3)"
END = "SELECT app.end_session($1)"
END_SOME = "SELECT app.end_sessions($1, $2, $3)"
ENDED = "SELECT app.ended_sessions($1)"


async def start(
    transaction: Writing, user_id: UUID, token_hash: bytes, life: timedelta, method: str
) -> UUID:
    """The session that the refresh token begins."""
    return await transaction.value(START, user_id, token_hash, life, method)


async def refresh(
    database: Database, old: bytes, new: bytes, life: timedelta, client: Client
) -> RefreshRow:
    """Exchange a refresh token for a new one of its session; a used one ends the session."""
    async with database.signing_in(client) as transaction:
        found = await transaction.row(REFRESH, old, new, life)
    return RefreshRow(*found) if found else RefreshRow("unknown", None, None)


async def end(database: Database, token_hash: bytes, client: Client) -> UUID | None:
    """End the session of this refresh token: which it was, if it had not ended."""
    async with database.signing_in(client) as transaction:
        return await transaction.value(END, token_hash)


async def end_some(
    database: Database,
    user_id: UUID,
    client: Client,
    *,
    only: UUID | None = None,
    keep: UUID | None = None,
) -> list[UUID]:
    """End one session of a user's, or all but one: those that were ended."""
    async with database.signing_in(client) as transaction:
        return [row[0] for row in await transaction.fetch(END_SOME, user_id, only, keep)]


async def ended(database: Database, within: timedelta) -> list[UUID]:
    """All sessions that ended so short a time ago."""
    async with database.signing_in() as transaction:
        return [row[0] for row in await transaction.fetch(ENDED, within)]
