"""Processes that watch one database, and an execution of its own for each test."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from db.secrets import Secrets
from db.session import Database, connect
from db.streams import Reader, reading_streams
from graphql_api.app import create_app
from graphql_api.settings import read_settings
from resolvers.tokens import Tokens
from tests import sample
from tests.graphql_api.wires import serving
from tests.streams.watching import Process, begin, process

if TYPE_CHECKING:
    from asyncpg import Connection, Record

SECRET = "the secret that every test of the database uses"

Bearer = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
async def watched_url(new_database: Callable[..., Awaitable[str]], template: str) -> str:
    """A database with the sample, for all tests of streams."""
    url = await new_database(template)
    connection: Connection[Record] = await asyncpg.connect(url)
    await sample.fill(connection)
    await connection.close()
    return url


@pytest.fixture(scope="session")
async def watched(watched_url: str, secrets: Secrets) -> AsyncGenerator[Database]:
    async with connect(watched_url, secrets, size=16) as database:
        yield database


@pytest.fixture(scope="session")
async def reader(watched_url: str, secrets: Secrets) -> AsyncGenerator[Reader]:
    async with reading_streams(watched_url, secrets) as reader:
        yield reader


@pytest.fixture(scope="session")
async def root(watched_url: str) -> "AsyncGenerator[Connection[Record]]":
    """A superuser on the database that is watched."""
    connection: Connection[Record] = await asyncpg.connect(watched_url)
    yield connection
    await connection.close()


@pytest.fixture
async def here(watched: Database, reader: Reader, secrets: Secrets) -> AsyncGenerator[Process]:
    async with process(watched, reader, secrets) as running:
        yield running


@pytest.fixture
async def there(watched: Database, reader: Reader, secrets: Secrets) -> AsyncGenerator[Process]:
    """Another process on the same database."""
    async with process(watched, reader, secrets) as running:
        yield running


@pytest.fixture
async def execution(root: "Connection[Record]") -> UUID:
    """A new one that runs."""
    return await begin(root)


@pytest.fixture(scope="session")
async def address(watched_url: str) -> AsyncGenerator[str]:
    """The real application on a real server."""
    settings = read_settings(
        database_url=watched_url, secret_key=SECRET, pool_size=4, max_subscriptions_per_viewer=20
    )
    async with serving(create_app(settings), lifespan=True) as address:
        yield address


@pytest.fixture(scope="session")
def bearer(secrets: Secrets) -> Bearer:
    """Makes the header of one of the team, good for so many minutes."""

    def make(role: str = "owner", minutes: float = 15) -> dict[str, str]:
        user = sample.of(f"user 1 {role}")
        return {"Authorization": f"Bearer {Tokens(secrets, minutes).issue(user)[0]}"}

    return make
