"""What only the tests of the database need: an empty database, and worlds of people in one."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from db.secrets import Secrets
from db.session import connect
from tests.db.world import World

if TYPE_CHECKING:
    from asyncpg import Connection, Record

NewDatabase = Callable[..., Awaitable[str]]


@pytest.fixture
async def empty_url(new_database: NewDatabase) -> str:
    """A database without anything in it."""
    return await new_database()


@asynccontextmanager
async def _world(url: str, secrets: Secrets) -> AsyncGenerator[World]:
    connection: Connection[Record] = await asyncpg.connect(url)
    async with connect(url, secrets, size=4) as database:
        yield World(url, connection, database)
    await connection.close()


@pytest.fixture
async def world(database_url: str, secrets: Secrets) -> AsyncGenerator[World]:
    """A world of one's own, for what concerns the whole database."""
    async with _world(database_url, secrets) as world:
        yield world


@pytest.fixture(scope="module")
async def shared_world(
    new_database: NewDatabase, template: str, secrets: Secrets
) -> AsyncGenerator[World]:
    """A world that the tests of a module share, each with a team of its own in it."""
    async with _world(await new_database(template), secrets) as world:
        yield world
