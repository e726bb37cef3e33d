"""Accounts: what the sign-in login may ask before there is a viewer, function by function.

Every statement calls one function of ``migrations/`` and is a transaction of its own: one round
trip, and nothing of it is undone by an error that the caller raises afterwards.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from db.errors import refusal_of
from db.session import Client, Database, Viewer

if TYPE_CHECKING:
    from asyncpg import Record


class SignInRow(msgspec.Struct, frozen=True):
    id: UUID
    password_hash: str | None
    mfa_enabled: bool
    email_verified: bool


class RefreshRow(msgspec.Struct, frozen=True):
    """``outcome`` is ok, unknown, expired or reused; all but ok leave nobody signed in."""

    outcome: str
    user_id: UUID | None


class KeyRow(msgspec.Struct, frozen=True):
    """An API key and what is left of its requests of this hour."""

    key_id: UUID
    workspace_id: UUID
    scopes: list[str]
    allowed: bool
    rate_limit: int
    remaining: int
    reset_at: datetime


FIND_SIGN_IN = """
SELECT id, password_hash, mfa_enabled, email_verified FROM app.find_sign_in($1)
"""
REGISTER = "SELECT app.register_user($1, $2, $3)"
RENEW_HASH = "SELECT app.renew_password_hash($1, $2, $3)"
CREATE_WORKSPACE = "SELECT app.create_workspace($1, $2)"
START_SESSION = "SELECT app.start_session($1, $2, $3)"
REFRESH_SESSION = "SELECT outcome, user_id FROM app.refresh_session($1, $2, $3)"
END_SESSION = "SELECT app.end_session($1)"
FIND_API_KEY = """
SELECT key_id, workspace_id, scopes, allowed, rate_limit, remaining, reset_at
  FROM app.find_api_key($1)
"""


async def find_sign_in(database: Database, email: str) -> SignInRow | None:
    """The account with this address, however it is spelt."""
    found = await _row(database, FIND_SIGN_IN, email)
    return SignInRow(*found) if found else None


async def register(database: Database, email: str, password_hash: str, name: str) -> UUID | None:
    """The new account's id, or None if the address has one already."""
    return await _value(database, REGISTER, email, password_hash, name)


async def renew_hash(database: Database, user_id: UUID, old: str, new: str) -> None:
    """Store another hash of the same password, unless the password was changed meanwhile."""
    await _row(database, RENEW_HASH, user_id, old, new)


async def create_first_workspace(
    database: Database, user_id: UUID, client: Client, name: str, slug: str
) -> UUID:
    """A workspace that the user owns; written as the user, so that the audit log says so."""
    async with database.writing(Viewer(user_id=user_id), client) as transaction:
        return await transaction.value(CREATE_WORKSPACE, name, slug)


async def start_session(
    database: Database, user_id: UUID, token_hash: bytes, life: timedelta
) -> UUID:
    """The id of the family that the refresh token begins."""
    return await _value(database, START_SESSION, user_id, token_hash, life)


async def refresh_session(
    database: Database, old: bytes, new: bytes, life: timedelta
) -> RefreshRow:
    """Exchange a refresh token for a new one of its family; a used one ends the family."""
    found = await _row(database, REFRESH_SESSION, old, new, life)
    return RefreshRow(*found) if found else RefreshRow("unknown", None)


async def end_session(database: Database, token_hash: bytes) -> bool:
    """End the token's family. Whether there was one that had not ended."""
    return await _value(database, END_SESSION, token_hash)


async def find_api_key(database: Database, key_hash: bytes) -> KeyRow | None:
    """The key, if it is good now, and this request counted against its limit."""
    found = await _row(database, FIND_API_KEY, key_hash)
    return KeyRow(*found) if found else None


async def _value(database: Database, sql: str, *values: object) -> Any:
    found = await _row(database, sql, *values)
    return found[0] if found else None


async def _row(database: Database, sql: str, *values: object) -> "Record | None":
    with refusal_of():
        async with database.auth.acquire(timeout=database.patience) as connection:
            return await connection.fetchrow(sql, *values)
