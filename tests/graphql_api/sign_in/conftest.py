"""One database for all of these tests: each signs up an account of its own."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

import asyncpg
import pytest

from db.secrets import Secrets
from db.session import Database, connect
from resolvers.context import Resources
from resolvers.passwords import Passwords
from resolvers.tokens import Tokens

if TYPE_CHECKING:
    from asyncpg import Connection, Record


@pytest.fixture(scope="session")
async def people_url(new_database: Callable[..., Awaitable[str]], template: str) -> str:
    return await new_database(template)


@pytest.fixture(scope="session")
async def database(people_url: str, secrets: Secrets) -> AsyncGenerator[Database]:
    async with connect(people_url, secrets, size=4) as database:
        yield database


@pytest.fixture(scope="session")
async def superuser(people_url: str) -> "AsyncGenerator[Connection[Record]]":
    connection: Connection[Record] = await asyncpg.connect(people_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def resources(database: Database, secrets: Secrets) -> Resources:
    return Resources(database, Passwords(), Tokens(secrets))
