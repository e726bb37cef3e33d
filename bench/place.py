"""Where it is measured: the database of a scale, filled, and who asks for what in it."""

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import asyncpg

from bench.data import provide
from bench.queries import Ids, body
from bench.say import say
from db.secrets import Secrets
from graphql_api.home import home
from graphql_api.settings import read_settings
from resolvers.tokens import Tokens

if TYPE_CHECKING:
    from asyncpg import Connection, Record

A_DAY = 24 * 60


class Asker(NamedTuple):
    """Somebody who asks: what they ask for, and the token that they show."""

    ids: Ids
    token: str


class Place(NamedTuple):
    """``url`` is the superuser's; ``postmaster`` is 0 where PostgreSQL runs elsewhere."""

    url: str
    secret: str
    secrets: Secrets
    askers: list[Asker]
    postmaster: int


def sent(dialect: str, query: str, askers: Sequence[Asker]) -> str | None:
    """What they send in turn, a line each; None where this dialect has no such query."""
    lines: list[str] = []
    for asker in askers:
        content = body(dialect, query, asker.ids)
        if content is None:
            return None
        lines.append(f"{asker.token}\t{content}\n")
    return "".join(lines)


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
        tokens = Tokens(secrets, A_DAY)
        askers = [
            Asker(Ids(*map(str, row)), tokens.issue(row[0])[0])
            for row in await connection.fetch(IDS)
        ]
        postmaster = _parent(await connection.fetchval("SELECT pg_backend_pid()"))
    finally:
        await connection.close()
    return Place(url, secret, secrets, askers, postmaster)


async def tidy(url: str) -> None:
    """Take away the lines that were appended: the next comparison finds what this one did."""
    connection: Connection[Record] = await asyncpg.connect(url)
    try:
        await connection.execute(TIDY)
    finally:
        await connection.close()


IDS = """
SELECT p.id, w.id, long.execution_id, run.id
  FROM users p
  JOIN workspaces s ON s.owner_id = p.id
 CROSS JOIN LATERAL (SELECT id FROM workflows WHERE workspace_id = s.id ORDER BY name LIMIT 1) w
 CROSS JOIN LATERAL (SELECT execution_id FROM execution_streams
                      WHERE workspace_id = s.id AND closed AND last_seq = 1000 LIMIT 1) long
 CROSS JOIN LATERAL (SELECT id FROM executions WHERE workspace_id = s.id AND status = 'running') run
 ORDER BY s.created_at
"""

TIDY = """
SET session_replication_role = replica;
CREATE TEMPORARY TABLE running AS SELECT id FROM executions WHERE status = 'running';
-- First the streams: an append that is still under way when its client is gone is waited for.
UPDATE execution_streams SET last_seq = 0 WHERE execution_id IN (SELECT id FROM running);
DELETE FROM execution_logs WHERE execution_id IN (SELECT id FROM running);
"""


def _parent(process: int) -> int:
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists() or not os.access(stat, os.R_OK):
        return 0
    return int(stat.read_text().rpartition(")")[2].split()[1])
