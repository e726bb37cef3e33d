"""What all tests share: a PostgreSQL, and a migrated database in it that is cloned for each use."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from db.embedded import embedded
from db.migrate import migrate
from db.secrets import Secrets
from db.session import Database, connect
from resolvers.context import Resources
from resolvers.passwords import Passwords
from resolvers.tokens import Tokens
from tests import forced

if TYPE_CHECKING:
    from asyncpg import Connection, Record

NewDatabase = Callable[..., Awaitable[str]]


def prefix() -> str:
    """What the names of this process's databases begin with."""
    return f"test_{os.getpid()}_"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--plan",
        choices=["on", "off"],
        help="have every query answered by its plan, or every one by the loaders",
    )


def pytest_configure(config: pytest.Config) -> None:
    if plan := config.getoption("plan"):
        forced.force(plan)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if forced.plan:
        about = [item for item in items if item.get_closest_marker("paths")]
        items[:] = [item for item in items if item not in about]
        config.hook.pytest_deselected(items=about)


@pytest.fixture(autouse=True)
def every_query_has_a_plan_where_that_is_forced() -> Iterator[None]:
    yield
    seen, forced.declined[:] = list(forced.declined), []
    assert seen == []


def silent(_: str) -> None:
    """What a migration reports."""


@pytest.fixture(scope="session")
def secrets() -> Secrets:
    return Secrets("the secret that every test of the database uses")


@pytest.fixture(scope="session")
async def server() -> AsyncGenerator[str]:
    """A superuser's URL of the PostgreSQL to test on."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with TemporaryDirectory() as folder:
        async with embedded(Path(folder), silent, durable=False) as url:
            yield url


@pytest.fixture(scope="session")
async def on_server(server: str) -> "AsyncGenerator[Connection[Record]]":
    connection: Connection[Record] = await asyncpg.connect(server)
    yield connection
    if "TEST_DATABASE_URL" in os.environ:  # the embedded server goes with its folder
        for row in await connection.fetch(
            "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix()
        ):
            await connection.execute(f"DROP DATABASE {row['datname']} WITH (FORCE)")
    await connection.close()


@pytest.fixture(scope="session")
def new_database(server: str, on_server: "Connection[Record]") -> NewDatabase:
    """Makes a database, a copy of ``template``; its superuser's URL."""
    numbers = count(1)

    async def make(template: str = "template0") -> str:
        name = f"{prefix()}{next(numbers)}"
        await on_server.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))

    return make


@pytest.fixture(scope="session")
async def template(new_database: NewDatabase, secrets: Secrets) -> str:
    """The name of a migrated database without rows."""
    if given := os.environ.get("TEST_TEMPLATE"):
        return given
    url = await new_database()
    await migrate(url, secrets, silent)
    return urlsplit(url).path[1:]


@pytest.fixture
async def database_url(new_database: NewDatabase, template: str) -> str:
    """A migrated database without rows."""
    return await new_database(template)


@pytest.fixture
async def database(database_url: str, secrets: Secrets) -> AsyncGenerator[Database]:
    async with connect(database_url, secrets, size=4) as database:
        yield database


@pytest.fixture
async def superuser(database_url: str) -> "AsyncGenerator[Connection[Record]]":
    connection: Connection[Record] = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def resources(database: Database, secrets: Secrets) -> Resources:
    return Resources(database, Passwords(), Tokens(secrets))
