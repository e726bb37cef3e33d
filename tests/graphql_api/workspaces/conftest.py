"""A database with the sample in it, where people look after their workspaces, and their mail."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

import asyncpg
import pytest

from db.secrets import Secrets
from db.session import connect
from resolvers.mail import Mail
from tests import sample
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
async def world(
    new_database: Callable[..., Awaitable[str]],
    template: str,
    secrets: Secrets,
    asking: Callable[..., Asking],
    post: Mail,
) -> AsyncGenerator[World]:
    url = await new_database(template)
    superuser: Connection[Record] = await asyncpg.connect(url)
    await sample.fill(superuser)
    async with connect(url, secrets, size=8) as database:
        ask = asking(database, "loaders", mail=post)
        yield World(ask, database, superuser)
    await superuser.close()
