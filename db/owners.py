"""Who is who, for the person who runs the server: asked as superuser, before any viewer.

No request comes here; the API's logins could not ask this.
"""

from typing import LiteralString, NamedTuple
from uuid import UUID

import asyncpg

BY_SLUG = "SELECT id, owner_id FROM workspaces WHERE slug = $1"
BY_EMAIL = "SELECT id FROM users WHERE lower(email) = lower($1)"
SLUGS = "SELECT slug FROM workspaces ORDER BY slug LIMIT $1"


class Owned(NamedTuple):
    workspace_id: UUID
    owner_id: UUID


async def by_slug(url: str, slug: str) -> Owned | None:
    """The workspace with this slug; ``url`` is a superuser's."""
    rows = await _fetch(url, BY_SLUG, slug)
    return Owned(*rows[0]) if rows else None


async def by_email(url: str, email: str) -> UUID | None:
    """The user with this address; ``url`` is a superuser's."""
    rows = await _fetch(url, BY_EMAIL, email)
    return rows[0]["id"] if rows else None


async def slugs(url: str, most: int) -> list[str]:
    """The slugs of the workspaces there are, the first ``most`` by name."""
    return [row["slug"] for row in await _fetch(url, SLUGS, most)]


async def _fetch(url: str, sql: LiteralString, value: object) -> "list[asyncpg.Record]":
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(sql, value)
    finally:
        await connection.close()
