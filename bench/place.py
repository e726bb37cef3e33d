"""Where it is measured: the database of a scale, filled, and who asks for what in it."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import asyncpg

from bench.data import provide
from bench.queries import Ids
from bench.say import say
from db.secrets import Secrets
from graphql_api.home import home
from graphql_api.settings import read_settings
from resolvers.tokens import Tokens

if TYPE_CHECKING:
    from asyncpg import Connection, Record

A_DAY = 24 * 60


class Place(NamedTuple):
    """``url`` is the superuser's; ``postmaster`` is 0 where PostgreSQL runs elsewhere."""

    url: str
    secret: str
    secrets: Secrets
    ids: Ids
    token: str
    postmaster: int


@asynccontextmanager
async def measured(scale: str, data: Path) -> AsyncGenerator[Place]:
    """The database for as long as the block lasts."""
    async with home(read_settings(data=data), say) as server:
        url = await provide(server.url, server.secrets, scale)
        yield await place_of(url, server.secret)


async def place_of(url: str, secret: str) -> Place:
    """What there is to ask for in a filled database."""
    secrets = Secrets(secret)
    connection: Connection[Record] = await asyncpg.connect(url)
    try:
        ids = Ids(*map(str, await connection.fetchrow(IDS) or ()))
        postmaster = _parent(await connection.fetchval("SELECT pg_backend_pid()"))
    finally:
        await connection.close()
    token, _ = Tokens(secrets, A_DAY).issue(UUID(ids.person))
    return Place(url, secret, secrets, ids, token, postmaster)


IDS = """
SELECT p.id,
       (SELECT w.id FROM workflows w JOIN workspaces s ON s.id = w.workspace_id
         WHERE s.slug = 'workspace-1' ORDER BY w.name LIMIT 1),
       (SELECT x.execution_id FROM execution_streams x ORDER BY x.last_seq DESC LIMIT 1)
  FROM users p WHERE p.email = 'person.1@example.org'
"""


def _parent(process: int) -> int:
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists() or not os.access(stat, os.R_OK):
        return 0
    return int(stat.read_text().rpartition(")")[2].split()[1])
