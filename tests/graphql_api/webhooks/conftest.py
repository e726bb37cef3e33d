"""A database with the sample in it, and a sender of what its webhooks are to tell."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

import asyncpg
import pytest

from db.secrets import Secrets
from db.session import connect
from resolvers.outgoing import Outgoing
from tests import sample
from tests.graphql_api.asking import Asking
from tests.graphql_api.webhooks.people import Platform
from tests.listening import LOOPBACK

if TYPE_CHECKING:
    from asyncpg import Connection, Record


@pytest.fixture(scope="module")
async def shared(
    new_database: Callable[..., Awaitable[str]],
    template: str,
    secrets: Secrets,
    asking: Callable[..., Asking],
) -> AsyncGenerator[Platform]:
    url = await new_database(template)
    superuser: Connection[Record] = await asyncpg.connect(url)
    await sample.fill(superuser)
    outgoing = Outgoing(LOOPBACK, seconds=2)
    async with connect(url, secrets, size=10) as database:
        ask = asking(database, "loaders", outgoing=outgoing)
        yield Platform(ask, database, superuser, outgoing)
    await outgoing.end()
    await superuser.close()


@pytest.fixture
async def platform(shared: Platform) -> Platform:
    """Without any webhook."""
    await shared.superuser.execute("DELETE FROM webhooks")
    return shared
