"""A migrated database whose catalogue the rules are held against."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

import asyncpg
import pytest

if TYPE_CHECKING:
    from asyncpg import Connection, Record


@pytest.fixture(scope="session")
async def house_url(new_database: Callable[..., Awaitable[str]], template: str) -> str:
    return await new_database(template)


@pytest.fixture(scope="session")
async def catalogue(house_url: str) -> "AsyncGenerator[Connection[Record]]":
    """A superuser's connection."""
    connection: Connection[Record] = await asyncpg.connect(house_url)
    yield connection
    await connection.close()
