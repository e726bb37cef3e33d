"""The rows to measure on: a database a scale, made once and kept.

It is made anew when ``data.sql``, a migration or the scale's numbers change.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.say import say
from db.migrate import MIGRATIONS, migrate
from db.secrets import Secrets

if TYPE_CHECKING:
    from asyncpg import Connection, Record

SQL = Path(__file__).with_name("data.sql")


class Scale(NamedTuple):
    """How many rows of each there are."""

    workspaces: int
    workflows: int
    executions: int
    logs: int


SCALES = {
    "tiny": Scale(6, 60, 600, 3_000),
    "small": Scale(50, 2_000, 20_000, 100_000),
    "full": Scale(50, 2_000, 200_000, 1_000_000),
    "large": Scale(50, 2_000, 2_000_000, 10_000_000),
}


async def provide(server: str, secrets: Secrets, scale: str, name: str = "") -> str:
    """The superuser's URL of the database of this scale, filled. ``server`` is any database's."""
    name, mark = name or f"bench_{scale}", _mark(SCALES[scale])
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    on_server: Connection[Record] = await asyncpg.connect(server)
    try:
        if await on_server.fetchval(KEPT, name) == mark:
            await migrate(url, secrets, say)  # the secret may be another one
            return url
        say(f"Making {name}: {_told(SCALES[scale])}")
        await on_server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await on_server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        await migrate(url, secrets, lambda _: None)
        await _fill(url, SCALES[scale])
        await on_server.execute(f"COMMENT ON DATABASE {name} IS '{mark}'")
    finally:
        await on_server.close()
    return url


KEPT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1"


async def _fill(url: str, scale: Scale) -> None:
    connection: Connection[Record] = await asyncpg.connect(url)
    try:
        for name, number in scale._asdict().items():
            await connection.execute(
                "SELECT set_config($1, $2, false)", f"bench.{name}", f"{number}"
            )
        await connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '256MB'")
        await connection.execute(SQL.read_text(encoding="utf-8"))
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def _mark(scale: Scale) -> str:
    files = [SQL, *sorted(MIGRATIONS.glob("*.sql"))]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    return hashlib.sha256(f"{scale}{text}".encode()).hexdigest()


def _told(scale: Scale) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in scale._asdict().items())
