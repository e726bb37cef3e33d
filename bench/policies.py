"""What row level security costs: the same compiled statement as the API's login and as one whom
no policy holds, in turns.

The graph is read from five workspaces named by their ids, so that both find the same rows.
"""

import statistics
import time
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import asyncpg

from bench.queries import FOLDER
from bench.servers import CannotMeasure
from bench.sql import compiled
from db.secrets import Secrets
from db.session import SERVER_SETTINGS, Seal, Viewer, as_login, bound
from graphql_api.global_ids import write_global_id

if TYPE_CHECKING:
    from asyncpg import Connection, Record

WARM_UP = 20


class Cost(NamedTuple):
    """Medians in milliseconds."""

    with_policies: float
    without: float


async def cost(url: str, secrets: Secrets, person: str, times: int) -> Cost:
    """Of the nested graph. ``url`` is the superuser's."""
    held: Connection[Record] = await asyncpg.connect(
        as_login(url, "mcp_api", secrets), server_settings=SERVER_SETTINGS
    )
    free: Connection[Record] = await asyncpg.connect(url, server_settings=SERVER_SETTINGS)
    try:
        rows = await free.fetch(
            "SELECT workspace_id FROM workspace_users WHERE user_id = $1 ORDER BY 1", UUID(person)
        )
        ids = [write_global_id("Workspace", [row["workspace_id"]]) for row in rows]
        document = (FOLDER / "policies.graphql").read_text(encoding="utf-8")
        query, values = compiled(document, {"ids": ids})
        statement = bound(query, len(values))
        seal = Seal(secrets)
        if await _answer(held, statement, values, seal, person) != await _answer(
            free, statement, values, seal, person
        ):
            raise CannotMeasure("With and without policies the statement finds other rows.")
        taken: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(times + WARM_UP):
            for connection in (held, free) if turn % 2 else (free, held):
                began = time.perf_counter()
                await _answer(connection, statement, values, seal, person)
                if turn >= WARM_UP:
                    taken[connection is held].append((time.perf_counter() - began) * 1000)
        return Cost(statistics.median(taken[True]), statistics.median(taken[False]))
    finally:
        await held.close()
        await free.close()


async def _answer(
    connection: "Connection[Record]", sql: str, values: list[object], seal: Seal, person: str
) -> str:
    return await connection.fetchval(sql, *values, *seal.settings(Viewer(UUID(person))))
