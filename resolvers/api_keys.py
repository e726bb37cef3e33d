"""What is done to API keys: made, changed, taken back and rotated.

The key itself is told once, to whoever makes it; what is stored is its SHA-256.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from db import api_keys
from db.api_keys import NewKey
from resolvers.context import Context
from resolvers.errors import InvalidInput
from resolvers.rules import obeying
from resolvers.tokens import digest, new_api_key, shown
from resolvers.workspaces import line

LONGEST_NAME = 200
HIGHEST_RATE = 1_000_000
LONGEST_GRACE = timedelta(days=30)

PATHS = {
    "scopes_held": ("input", "scopes"),
    "api_keys_life": ("input", "expiresAt"),
    "api_keys_scopes_check": ("input", "scopes"),
}
"""The input that each rule is about; any other is about the key, or its workspace."""


class Made(NamedTuple):
    """A new key; ``text`` is the key itself."""

    id: UUID
    text: str


async def create(
    context: Context,
    workspace_id: UUID,
    *,
    name: str,
    scopes: Sequence[str],
    rate_limit: int,
    expires_at: datetime | None,
) -> Made:
    context.signed_in()
    text = new_api_key()
    key = NewKey(
        line(name, "name", LONGEST_NAME),
        digest(text),
        shown(text),
        _scopes(scopes),
        _rate(rate_limit),
        _expiry(expires_at),
    )
    with obeying(("input", "workspaceId"), PATHS):
        async with context.writing() as transaction:
            return Made(await api_keys.create(transaction, workspace_id, key), text)


async def update(context: Context, id: UUID, change: Mapping[str, Any]) -> None:
    """``change`` holds what was given, by column; an ``expires_at`` of None is for ever."""
    context.signed_in()
    kept = dict(change)
    if "name" in kept:
        kept["name"] = line(kept["name"], "name", LONGEST_NAME)
    if "scopes" in kept:
        kept["scopes"] = _scopes(kept["scopes"] or ())
    if "rate_limit" in kept:
        kept["rate_limit"] = _rate(kept["rate_limit"] or 0)
    if "expires_at" in kept:
        kept["expires_at"] = _expiry(kept["expires_at"])
    with obeying(("input", "id"), PATHS):
        async with context.writing() as transaction:
            await api_keys.update(transaction, id, kept)


async def set_status(context: Context, id: UUID, status: api_keys.ApiKeyStatus) -> None:
    """Good again, switched off, or taken back for good: at once."""
    context.signed_in()
    with obeying(("id",)):
        async with context.writing() as transaction:
            await api_keys.update(transaction, id, {"status": status.value})


async def rotate(context: Context, id: UUID, grace: timedelta) -> Made:
    """A new key like this one, which ends after ``grace``."""
    context.signed_in()
    if not timedelta(0) <= grace <= LONGEST_GRACE:
        raise InvalidInput(
            f"Both keys work for at most {LONGEST_GRACE.days} days.", ("input", "graceSeconds")
        )
    text = new_api_key()
    with obeying(("input", "id"), PATHS):
        async with context.writing() as transaction:
            return Made(
                await api_keys.rotate(transaction, id, digest(text), shown(text), grace), text
            )


def _scopes(scopes: Sequence[str]) -> list[str]:
    if not scopes:
        raise InvalidInput("A key without a scope may do nothing.", ("input", "scopes"))
    return list(dict.fromkeys(scopes))


def _rate(rate_limit: int) -> int:
    if not 1 <= rate_limit <= HIGHEST_RATE:
        raise InvalidInput(
            f"Between 1 and {HIGHEST_RATE:,} requests an hour.", ("input", "rateLimit")
        )
    return rate_limit


def _expiry(expires_at: datetime | None) -> datetime | None:
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise InvalidInput("A key expires in the future.", ("input", "expiresAt"))
    return expires_at
