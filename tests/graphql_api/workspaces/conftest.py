"""A database with the sample in it, where people look after their workspaces, and their mail."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from db.secrets import Secrets
from db.session import Database
from resolvers.mail import Mail
from tests.graphql_api.asking import Asking
from tests.graphql_api.rights.table import World
from tests.mailbox import Mailbox, receiving

if TYPE_CHECKING:
    from asyncpg import Connection, Record

TokenOf = Callable[[str], Awaitable[str]]


@pytest.fixture(scope="module")
async def mailbox() -> AsyncGenerator[Mailbox]:
    async with receiving() as box:
        yield box


@pytest.fixture(scope="module")
def post(mailbox: Mailbox, secrets: Secrets) -> Mail:
    return mailbox.mail(secrets)


@pytest.fixture
def token_of(world: World, mailbox: Mailbox, post: Mail) -> TokenOf:
    """The token in the last message to an address."""

    async def find(address: str) -> str:
        await post.deliver(world.database)
        return mailbox.token(address)

    return find


@pytest.fixture(scope="module")
def world(
    own_database: Database,
    own_superuser: "Connection[Record]",
    asking: Callable[..., Asking],
    post: Mail,
) -> World:
    return World(asking(own_database, "loaders", mail=post), own_database, own_superuser)
