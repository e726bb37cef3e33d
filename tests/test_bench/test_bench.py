"""The comparison is of equals: whoever is asked gives our answer, on rows that add up."""

import os
from collections.abc import Callable
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from bench import floor, loaders, naive
from bench.compare import answer_of
from bench.data import SCALES, provide
from bench.place import Place, place_of, tidy
from bench.queries import QUERIES, body, same
from bench.servers import has
from db.secrets import Secrets
from db.session import as_login
from graphql_api.app import create_app
from graphql_api.settings import read_settings

# Logins belong to the whole server, so their passwords must be those of the other tests.
SECRET = "the secret that every test of the database uses"


def ours() -> Starlette:
    return create_app(read_settings())


APPLICATIONS: dict[str, Callable[[], Starlette]] = {
    "ours": ours,
    "loaders": loaders.application,
    "floor": floor.application,
    "naive": naive.application,
}


@pytest.fixture(scope="module")
async def place(server: str) -> Place:
    name = f"test_{os.getpid()}_bench"
    return await place_of(await provide(server, Secrets(SECRET), "tiny", name), SECRET)


@pytest.fixture
def told(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The place, of which the servers are told."""
    for name, text in {
        "DATABASE_URL": place.url,
        "SECRET_KEY": SECRET,
        "POOL_SIZE": "2",
        "BENCH_URL": as_login(place.url, "mcp_api", place.secrets),
    }.items():
        monkeypatch.setenv(name, text)
    return place


async def answers(name: str, place: Place) -> dict[str, object]:
    """What a server answers to all that it is asked, as the first who asks."""
    await tidy(place.url)
    app = APPLICATIONS[name]()
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://bench") as client,
    ):
        ids, token = place.askers[0]
        contents = {query: body("ours", query, ids) for query in QUERIES if has(name, query)}
        return {
            query: same(await answer_of(client, name, content, token))
            for query, content in contents.items()
            if content
        }


@pytest.mark.parametrize("name", ["loaders", "floor", "naive"])
async def test_a_server_that_is_compared_gives_our_answer(name: str, told: Place) -> None:
    expected = await answers("ours", told)
    for query, answer in (await answers(name, told)).items():
        assert answer == expected[query], query


async def test_the_rows_are_as_many_as_the_scale_says_and_counted(place: Place) -> None:
    connection = await asyncpg.connect(place.url)
    counted = await connection.fetchrow(
        "SELECT (SELECT count(*) FROM workspaces), (SELECT count(*) FROM workflows),"
        " (SELECT count(*) FROM executions), (SELECT sum(total) FROM workflow_statistics_shards)"
    )
    await connection.close()
    scale = SCALES["tiny"]
    executions = scale.executions + scale.workspaces  # of each workspace one runs still
    assert urlsplit(place.url).path.endswith("_bench")
    assert counted is not None
    assert tuple(counted) == (scale.workspaces, scale.workflows, executions, executions)
