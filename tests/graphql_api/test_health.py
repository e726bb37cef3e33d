"""What load balancers and container hosts are told."""

from typing import TYPE_CHECKING

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from db.secrets import Secrets
from db.session import Database, connect
from graphql_api import health
from graphql_api.draining import Draining
from resolvers.context import Resources
from tests.conftest import NewDatabase

if TYPE_CHECKING:
    from asyncpg import Connection, Record


def client_of(resources: Resources | None, draining: Draining | None = None) -> httpx.AsyncClient:
    app = Starlette(routes=health.routes(draining or Draining()))
    app.state.resources = resources
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server")


async def test_a_process_lives_whatever_the_database_does() -> None:
    response = await client_of(None).get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "live"})


async def test_a_process_is_ready_when_its_database_answers(resources: Resources) -> None:
    response = await client_of(resources).get("/health/ready")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok", "partitions": "ok"},
    }


async def test_a_process_without_its_database_is_not_ready(
    resources: Resources, superuser: "Connection[Record]"
) -> None:
    name = await superuser.fetchval("SELECT current_database()")
    await superuser.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    await superuser.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'mcp_api'"
        " AND datname = current_database()"
    )
    response = await client_of(resources).get("/health/ready")
    assert response.status_code == 503
    assert response.json()["status"] == "unready"
    assert "refus" not in response.text


async def test_a_process_is_ready_also_when_requests_hold_every_connection(
    resources: Resources,
) -> None:
    pool = resources.database.api
    held = [await pool.acquire() for _ in range(pool.most)]
    response = await client_of(resources).get("/health/ready")
    for connection in held:
        pool.release(connection)
    assert response.status_code == 200


async def test_a_database_that_does_not_answer_is_waited_for_no_longer_than_a_second(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.1)
    held = await resources.database.health.acquire()
    response = await client_of(resources).get("/health/ready")
    resources.database.health.release(held)
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "unreachable"


async def test_a_process_that_leaves_is_not_ready(resources: Resources) -> None:
    draining = Draining()
    draining.begun.set()
    response = await client_of(resources, draining).get("/health/ready")
    assert (response.status_code, response.json()) == (503, {"status": "leaving"})


async def test_a_database_without_our_schema_is_not_ready(
    new_database: NewDatabase, secrets: Secrets, template: str
) -> None:
    async with connect(await new_database(), secrets, size=1) as database:
        told = await health.look(database)
    assert told["status"] == "unready"
    assert told["checks"] == {"database": "ok", "migrations": "failed", "partitions": "unknown"}


async def test_a_missing_partition_is_told_and_logged_but_reading_goes_on(
    database: Database, superuser: "Connection[Record]"
) -> None:
    months: list[asyncpg.Record] = await superuser.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'audit_logs'::regclass AND c.relname ~ '_y[0-9]'"
    )
    for month in months:
        await superuser.execute(f"DROP TABLE {month['relname']}")
    with capture_logs() as lines:
        told = await health.look(database)
    assert (told["status"], told["checks"]["partitions"]) == ("ready", "missing")
    assert [line["log_level"] for line in lines] == ["error"]


async def test_many_who_ask_at_once_are_one_question(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def counted(database: Database) -> dict[str, object]:
        nonlocal asked
        asked += 1
        return await look(database)

    look = health.look
    monkeypatch.setattr(health, "look", counted)
    async with client_of(resources) as client:
        for _ in range(3):
            await client.get("/health/ready")
    assert asked == 1


async def test_room_for_the_coming_months_is_told(resources: Resources) -> None:
    response = await client_of(resources).get("/health/partitions")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "monthsAhead": 4, "maintainedAt": None}


async def test_no_room_for_the_next_month_alarms(
    resources: Resources, superuser: "Connection[Record]"
) -> None:
    next_month = await superuser.fetchval(
        "SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month',"
        ' \'"audit_logs_y"YYYY"m"MM\')'
    )
    await superuser.execute(f"DROP TABLE {next_month}")
    response = await client_of(resources).get("/health/partitions")
    assert response.status_code == 503
    assert response.json()["monthsAhead"] == 0
