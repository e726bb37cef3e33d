"""API keys that the person who runs the server makes for a command of theirs: as superuser."""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

import asyncpg

MAKE: LiteralString = """
INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, scopes, rate_limit, created_by,
                      expires_at)
VALUES ($1, $2, $3, $4, $5, 1000000, $6, now() + interval '1 day')
RETURNING id
"""
REVOKE: LiteralString = "UPDATE api_keys SET status = 'revoked' WHERE id = $1"


async def make(
    url: str,
    workspace_id: UUID,
    owner_id: UUID,
    name: str,
    *,
    digest: bytes,
    prefix: str,
    scopes: Sequence[str],
) -> UUID:
    """A key of the workspace, good for a day; ``url`` is a superuser's."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(
            MAKE, workspace_id, name, digest, prefix, list(scopes), owner_id
        )
    finally:
        await connection.close()


async def revoke(url: str, id: UUID) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(REVOKE, id)
    finally:
        await connection.close()
