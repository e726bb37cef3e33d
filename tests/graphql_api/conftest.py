"""The sample that every test of the graph reads, and those who ask along each path."""

import os
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from db.sealing import Box, Sealing
from db.secrets import Secrets
from db.session import Database, connect
from graphql_api.execute import Executor, Path
from graphql_api.limits import Limits
from graphql_api.schema import schema
from resolvers.context import Resources
from resolvers.mail import Mail, to_the_log
from resolvers.passwords import Passwords
from resolvers.tokens import Tokens
from tests import sample
from tests.conftest import NewDatabase
from tests.graph import Rows, read_rows
from tests.graphql_api.asking import Asking
from tests.graphql_api.platform import Platform

if TYPE_CHECKING:
    from asyncpg import Connection, Record

ROOMY = Limits(
    aliases=1000, cost=10**9, page_size=2**31, tokens=100_000, characters=10**7, root_fields=100
)


@pytest.fixture(scope="session")
async def sample_url(new_database: NewDatabase, template: str) -> str:
    """A database with the rows of the sample, to be read only."""
    if given := os.environ.get("TEST_SAMPLE"):
        return given
    return await with_sample(new_database, template)


async def with_sample(new_database: NewDatabase, template: str) -> str:
    url = await new_database(template)
    superuser: Connection[Record] = await asyncpg.connect(url)
    await sample.fill(superuser)
    await superuser.close()
    return url


@pytest.fixture(scope="module")
async def own_url(new_database: NewDatabase, template: str) -> str:
    """A database with the sample that the tests of a module write to."""
    return await with_sample(new_database, template)


@pytest.fixture(scope="module")
async def own_superuser(own_url: str) -> "AsyncGenerator[Connection[Record]]":
    superuser: Connection[Record] = await asyncpg.connect(own_url)
    yield superuser
    await superuser.close()


@pytest.fixture(scope="module")
async def own_database(own_url: str, secrets: Secrets) -> AsyncGenerator[Database]:
    async with connect(own_url, secrets, size=8) as database:
        yield database


@pytest.fixture(scope="session")
async def rows(sample_url: str) -> Rows:
    """The rows of the sample, read as superuser."""
    superuser: Connection[Record] = await asyncpg.connect(sample_url)
    found = await read_rows(superuser)
    await superuser.close()
    return found


@pytest.fixture(scope="session")
async def sample_database(sample_url: str, secrets: Secrets) -> AsyncGenerator[Database]:
    async with connect(sample_url, secrets, size=4) as database:
        yield database


@pytest.fixture(scope="session")
def asking(secrets: Secrets) -> Callable[[Database, Path], Asking]:
    """Makes who asks a database along a path; ``more`` are other resources than the usual."""

    def make(database: Database, path: Path, **more: Any) -> Asking:
        more = {"mail": Mail(Box(Sealing(secrets), "mail"), to_the_log), **more}
        resources = Resources(database, Passwords(), Tokens(secrets), **more)
        only = "loaders" if path == "loaders" else None
        return Asking(Executor(schema, resources, ROOMY, only=only), path)

    return make


@pytest.fixture(scope="session")
def compiled(asking: Callable[..., Asking], sample_database: Database) -> Asking:
    """Asks the sample by plans."""
    return asking(sample_database, "compiled")


@pytest.fixture(scope="session")
def loaders(asking: Callable[..., Asking], sample_database: Database) -> Asking:
    """Asks the sample by loaders."""
    return asking(sample_database, "loaders")


@pytest.fixture(scope="session", params=["compiled", "loaders"])
def ask(request: pytest.FixtureRequest) -> Asking:
    """Asks the sample along each path in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def platform(
    own_url: str,
    own_database: Database,
    own_superuser: "Connection[Record]",
    asking: Callable[..., Asking],
) -> Platform:
    return Platform(asking(own_database, "loaders"), own_database, own_superuser, own_url)
