"""The runtime that only pretends, on a real server."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, NamedTuple

import asyncpg
import pytest

from db.secrets import Secrets
from db.session import connect
from graphql_api.app import create_app
from graphql_api.home import NotServed
from graphql_api.settings import Settings, read_settings
from graphql_api.simulate import Pace, simulate
from resolvers import demo
from resolvers.errors import NotFound
from tests.conftest import NewDatabase, silent
from tests.graphql_api.company import SECRET
from tests.graphql_api.wires import serving

if TYPE_CHECKING:
    from asyncpg import Connection, Record

QUICK = Pace(rate=50, most=3, speed=1000)
SIMULATED = "trigger_data @> '{\"simulated\": true}'"


class Served(NamedTuple):
    settings: Settings
    url: str
    superuser: "Connection[Record]"


@pytest.fixture(scope="module")
async def here(
    new_database: NewDatabase, template: str, secrets: Secrets
) -> AsyncGenerator[Served]:
    """A server with the demonstration."""
    url = await new_database(template)
    async with connect(url, secrets, size=2) as database:
        assert await demo.load(database, silent) is not None
    settings = read_settings(database_url=url, secret_key=SECRET, pool_size=4)
    superuser: Connection[Record] = await asyncpg.connect(url)
    async with serving(create_app(settings), lifespan=True) as address:
        yield Served(settings, f"http://{address}/graphql", superuser)
    await superuser.close()


async def test_executions_are_replayed_to_their_end(here: Served) -> None:
    await simulate(here.settings, "acme", here.url, key=None, pace=QUICK, report=silent)
    ended = await here.superuser.fetch(
        f"SELECT e.status, s.last_seq FROM executions e JOIN execution_streams s"
        f" ON s.execution_id = e.id WHERE {SIMULATED}"
    )
    assert len(ended) == 3
    assert {row["status"] for row in ended} <= {"success", "failed"}
    assert all(row["last_seq"] > 0 for row in ended)


async def test_the_key_that_was_made_is_no_good_afterwards(here: Served) -> None:
    await simulate(here.settings, "acme", here.url, key=None, pace=QUICK, report=silent)
    left = await here.superuser.fetch(
        "SELECT DISTINCT status FROM api_keys WHERE name = 'graphql-api simulate'"
    )
    assert [row["status"] for row in left] == ["revoked"]


async def test_a_workspace_that_is_not_there_is_told(here: Served) -> None:
    with pytest.raises(NotFound, match="There are: "):
        await simulate(here.settings, "nowhere", here.url, key=None, pace=QUICK, report=silent)


async def test_a_server_that_is_not_there_is_told(here: Served) -> None:
    nowhere = "http://127.0.0.1:9/graphql"
    with pytest.raises(NotServed, match="does not answer"):
        await simulate(here.settings, "acme", nowhere, key="mcp_x", pace=QUICK, report=silent)
