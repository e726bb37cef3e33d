"""Whose a workspace is, for the person who runs the server: asked as superuser, before any viewer.

No request comes here; the API's logins could not ask this.
"""

from typing import NamedTuple
from uuid import UUID

import asyncpg

BY_SLUG = "SELECT id, owner_id FROM workspaces WHERE slug = $1"
SLUGS = "SELECT slug FROM workspaces ORDER BY slug LIMIT $1"


class Owned(NamedTuple):
    workspace_id: UUID
    owner_id: UUID


async def by_slug(url: str, slug: str) -> Owned | None:
    """The workspace with this slug; ``url`` is a superuser's."""
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(BY_SLUG, slug)
    finally:
        await connection.close()
    return Owned(*row) if row else None


async def slugs(url: str, most: int) -> list[str]:
    """The slugs of the workspaces there are, the first ``most`` by name."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(SLUGS, most)
    finally:
        await connection.close()
    return [row["slug"] for row in rows]
