"""What it costs to know at each request that its session goes on: by the list that a process keeps,
and by a look-up of the session, which is what the list saves.

    python bench/ended_sessions.py
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import uuid4

from db import sessions
from db.embedded import embedded
from db.migrate import migrate
from db.secrets import Secrets
from db.session import Database, Viewer, connect
from resolvers.ended import EndedSessions

SECRET = "the secret of a benchmark, which seals nothing"  # noqa: S105
LOOK_UP = "SELECT ended_at IS NULL FROM sessions WHERE id = $1"
TIMES = 5_000


def quiet(_: str) -> None:
    """What is reported while the database is made."""


async def main() -> None:
    secrets = Secrets(SECRET)
    with TemporaryDirectory() as folder:
        async with embedded(Path(folder), quiet, durable=False) as url:
            await migrate(url, secrets, quiet)
            async with connect(url, secrets, size=4) as database:
                await compare(database)


async def compare(database: Database) -> None:
    ended, id = EndedSessions(), uuid4()
    began = perf_counter()
    for _ in range(TIMES * 20):
        await ended.check(database, id)
    sys.stdout.write(f"by the list     {(perf_counter() - began) / TIMES / 20 * 1e6:8.1f} µs\n")
    began = perf_counter()
    for _ in range(TIMES):
        await database.answer(Viewer(uuid4()), f"({LOOK_UP})", [id])
    sys.stdout.write(f"by a look-up    {(perf_counter() - began) / TIMES * 1e6:8.1f} µs\n")
    began = perf_counter()
    for _ in range(TIMES):
        await sessions.ended(database, ended.life)
    sys.stdout.write(f"reading the list{(perf_counter() - began) / TIMES * 1e6:8.1f} µs\n")


if __name__ == "__main__":
    asyncio.run(main())
