"""Processes that watch one database, and an execution of its own for each test."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from db.secrets import Secrets
from db.session import Database, connect
from db.streams import Reader, reading_streams
from tests import sample
from tests.streams.watching import Process, begin, process

if TYPE_CHECKING:
    from asyncpg import Connection, Record


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
    async with connect(watched_url, secrets, size=8) as database:
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
