"""A database with the sample in it, and a sender of what its webhooks are to tell."""

from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING

import pytest

from db.session import Database
from resolvers.outgoing import Outgoing
from tests.graphql_api.asking import Asking
from tests.graphql_api.webhooks.people import Platform
from tests.listening import LOOPBACK

if TYPE_CHECKING:
    from asyncpg import Connection, Record


@pytest.fixture(scope="module")
async def shared(
    own_database: Database,
    own_superuser: "Connection[Record]",
    asking: Callable[..., Asking],
) -> AsyncGenerator[Platform]:
    outgoing = Outgoing(LOOPBACK, seconds=2)
    ask = asking(own_database, "loaders", outgoing=outgoing)
    yield Platform(ask, own_database, own_superuser, outgoing)
    await outgoing.end()


@pytest.fixture
async def platform(shared: Platform) -> Platform:
    """Without any webhook."""
    await shared.superuser.execute("DELETE FROM webhooks")
    return shared
