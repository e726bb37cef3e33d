"""Whether this process lives, and whether it can answer: for load balancers and container hosts.

Nothing here tells a stranger more than that. However many ask, the database is asked once a second.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from db.errors import Unavailable
from db.partitions import months_ahead, upkeep
from db.session import Database
from graphql_api.draining import Draining
from graphql_api.messages import encode

log = structlog.stdlib.get_logger("graphql_api.health")

PATIENCE = 1.0
"""Seconds that the database has to answer, and that its answer is good for."""


def routes(draining: Draining) -> list[BaseRoute]:
    """``/health/live`` and those that ask the database; the application's state has it."""
    readiness, upkept = Lately(look), Lately(look_ahead)

    async def ready(request: Request) -> Response:
        if draining.begun.is_set():
            return _response({"status": "leaving"}, 503)
        told = await readiness.of(request.app.state.resources.database)
        return _response(told, 200 if told["status"] == "ready" else 503)

    async def partitions(request: Request) -> Response:
        told = await upkept.of(request.app.state.resources.database)
        return _response(told, 200 if told["status"] == "ok" else 503)

    return [
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/health/partitions", partitions),
    ]


async def live(_: Request) -> Response:
    return _response({"status": "live"}, 200)


class Lately:
    """What was found last, and when."""

    def __init__(self, look: Callable[[Database], Awaitable[dict[str, Any]]]) -> None:
        self._look, self._asking = look, asyncio.Lock()
        self._told: dict[str, Any] = {}
        self._until = 0.0

    async def of(self, database: Database) -> dict[str, Any]:
        async with self._asking:
            if time.monotonic() >= self._until:
                self._told = await self._look(database)
                self._until = time.monotonic() + PATIENCE
            return self._told


async def look(database: Database) -> dict[str, Any]:
    """How the database is: whether it answers, has our schema, and has room for the next month.

    Room is told and logged but does not make the process unready: reading goes on without it.
    """
    checks = {"database": "unknown", "migrations": "unknown", "partitions": "unknown"}
    asked = "database"
    try:
        async with asyncio.timeout(PATIENCE):
            await database.ready()
            checks["database"], asked = "ok", "migrations"
            ahead = await months_ahead(database)
            checks["migrations"] = "ok"
    except (Unavailable, TimeoutError) as error:
        checks["database"] = "unreachable"
        log.warning("the database does not answer", reason=str(error) or "no answer in time")
        return {"status": "unready", "checks": checks}
    except Exception as error:
        checks[asked] = "failed"
        log.error("not ready", check=asked, exc_info=error)
        return {"status": "unready", "checks": checks}
    checks["partitions"] = "ok" if ahead >= 1 else "missing"
    if ahead < 1:
        log.error("there is no partition for the next month: run `graphql-api maintain`")
    return {"status": "ready", "checks": checks}


async def look_ahead(database: Database) -> dict[str, Any]:
    """Whether there is room for the next month, for how many, and when maintenance last ran."""
    try:
        async with asyncio.timeout(PATIENCE):
            found = await upkeep(database)
    except (Unavailable, TimeoutError) as error:
        log.warning("partitions cannot be counted", reason=str(error) or "no answer in time")
        return {"status": "unknown"}
    return {
        "status": "ok" if found.months_ahead >= 1 else "missing",
        "monthsAhead": found.months_ahead,
        "maintainedAt": found.maintained.isoformat() if found.maintained else None,
    }


def _response(told: dict[str, Any], status: int) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(encode(told), status, headers, media_type="application/json")
