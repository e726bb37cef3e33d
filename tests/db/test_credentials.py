"""Who reads sealed credentials back, and how they come under a new key."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest

from db import credentials
from db.credentials import encrypt_credentials
from db.sealing import NotOpened, Sealing
from db.secrets import Secrets
from db.session import Database, connect
from resolvers import rewrapping
from tests.db.world import Team, World

OLD, NEW = Secrets("the secret before the last change of it"), "the secret that is used from now on"
BEFORE, AFTER = Sealing(OLD), Sealing(Secrets(NEW, "the secret before the last change of it"))


def silent(_: str) -> None:
    """What is told of the progress."""


async def connected(
    world: World, team: Team, word: str = "open", *, sealing: Sealing = BEFORE
) -> UUID:
    """A new integration with this password."""
    id = uuid4()
    sealed = encrypt_credentials(sealing, team.workspace, id, {"password": word})
    await world.superuser.execute(
        "INSERT INTO integrations (id, workspace_id, service_name, service_type, account_name,"
        " credentials, credentials_key_id, created_by) VALUES ($1, $2, 's', 't', $1::uuid::text,"
        " $3, $4, $5)",
        id,
        team.workspace,
        *sealed,
        team.owner,
    )
    return id


@asynccontextmanager
async def opened_with(world: World, sealing: Sealing) -> AsyncGenerator[Database]:
    """The database as a process sees it whose secrets these are; the logins stay as they are."""
    world.database.sealing, before = sealing, world.database.sealing
    try:
        yield world.database
    finally:
        world.database.sealing = before


async def key_ids(world: World) -> set[str]:
    rows = await world.superuser.fetch("SELECT DISTINCT credentials_key_id FROM integrations")
    return {row[0] for row in rows}


FUNCTIONS = [
    "app.read_credentials(gen_random_uuid())",
    "app.read_workspace_credentials(gen_random_uuid())",
    "app.read_credentials_under_other_keys('', gen_random_uuid(), 1)",
    "app.count_credentials_under_other_keys('')",
    "app.rewrap_credentials(gen_random_uuid(), '', '', '')",
    "app.read_mail_under_other_keys('', gen_random_uuid(), 1)",
    "app.count_mail_under_other_keys('')",
    "app.rewrap_mail(gen_random_uuid(), '', '', '')",
    "app.page_of_originals('{}', '{}', gen_random_uuid(), '', gen_random_uuid(), 1)",
    "app.rewrap_originals('{}', '{}', '{}', '{}', '{}', '{}')",
]


@pytest.mark.parametrize("login", ["mcp_api", "mcp_auth", "mcp_stream", "mcp_maintenance"])
@pytest.mark.parametrize("function", FUNCTIONS)
async def test_the_worker_alone_reads_what_is_sealed(
    shared_world: World, login: str, function: str
) -> None:
    superuser = shared_world.superuser
    async with superuser.transaction():
        await superuser.execute(f"SET LOCAL ROLE {login}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with superuser.transaction():
                await superuser.execute(f"SELECT * FROM {function}")
        await superuser.execute("SET LOCAL ROLE mcp_worker")
        await superuser.execute(f"SELECT * FROM {function}")


async def test_the_credentials_of_a_workspace_are_its_own(world: World) -> None:
    ours, theirs = await world.team(), await world.team()
    first = await connected(world, ours, "one")
    await connected(world, ours, "two")
    await connected(world, theirs, "three")
    off = "UPDATE integrations SET status = 'inactive' WHERE id = $1"
    await world.superuser.execute(off, first)

    async with opened_with(world, BEFORE) as database:
        found = await credentials.of_workspace(database, ours.workspace)

    assert sorted(each["password"] for each in found) == ["one", "two"]


async def test_a_row_moved_to_another_workspace_does_not_open(world: World) -> None:
    ours, theirs = await world.team(), await world.team()
    id = await connected(world, ours)
    async with opened_with(world, BEFORE) as database:
        assert await credentials.of_integration(database, id) == {"password": "open"}

        await world.superuser.execute(
            "UPDATE integrations SET workspace_id = $1 WHERE id = $2", theirs.workspace, id
        )

        with pytest.raises(NotOpened):
            await credentials.of_integration(database, id)
        assert await credentials.of_workspace(database, theirs.workspace) == []


async def test_an_integration_that_is_switched_off_gives_no_credentials(world: World) -> None:
    id = await connected(world, await world.team())
    await world.superuser.execute("UPDATE integrations SET status = 'inactive'")

    async with opened_with(world, BEFORE) as database:
        assert await credentials.of_integration(database, id) is None


async def test_all_come_under_the_new_key_and_progress_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrapping, "MOST", 2)
    team, said = await world.team(), list[str]()
    ids = [await connected(world, team, str(n)) for n in range(5)]
    async with opened_with(world, AFTER) as database:
        assert await rewrapping.rewrap(database, said.append)

        opened = [await credentials.of_integration(database, id) for id in ids]
        assert opened == [{"password": str(n)} for n in range(5)]
    assert said == [f"Sealed the secrets of {n} of 5 integrations anew" for n in (2, 4, 5)]
    assert await key_ids(world) == {AFTER.key_id("credentials")}


async def test_what_was_broken_off_goes_on_where_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrapping, "MOST", 2)
    team, said = await world.team(), list[str]()
    for _ in range(5):
        await connected(world, team)

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    async with opened_with(world, AFTER) as database:
        with pytest.raises(KeyboardInterrupt):
            await rewrapping.rewrap(database, interrupt)
        assert len(await key_ids(world)) == 2

        assert await rewrapping.rewrap(database, said.append)
    assert said[-1] == "Sealed the secrets of 3 of 3 integrations anew"


async def test_several_who_seal_anew_at_once_lose_nothing(world: World) -> None:
    team = await world.team()
    ids = [await connected(world, team, str(n)) for n in range(20)]
    async with (
        connect(world.url, Secrets("the secret that every test of the database uses")) as one,
        connect(world.url, Secrets("the secret that every test of the database uses")) as two,
    ):
        one.sealing = two.sealing = AFTER
        done = await asyncio.gather(
            *(rewrapping.rewrap(database, silent) for database in (one, two, one))
        )
        opened = [await credentials.of_integration(one, id) for id in ids]

    assert done == [True] * 3
    assert opened == [{"password": str(n)} for n in range(20)]


async def test_what_does_not_open_is_named_and_stays(world: World) -> None:
    team, said = await world.team(), list[str]()
    elsewhere = Sealing(Secrets("the secret of another house altogether"))
    foreign = await connected(world, team, sealing=elsewhere)
    await connected(world, team)
    async with opened_with(world, AFTER) as database:
        assert not await rewrapping.rewrap(database, said.append)

    assert said[-1] == f"The secret {foreign} of integrations does not open; enter it again"
    assert AFTER.key_id("credentials") in await key_ids(world)


async def test_sealing_anew_is_no_change_of_the_integration(world: World) -> None:
    await connected(world, await world.team())
    times = "SELECT updated_at, rotated_at FROM integrations"
    before = await world.superuser.fetchrow(times)
    async with opened_with(world, AFTER) as database:
        await rewrapping.rewrap(database, silent)

    assert await world.superuser.fetchrow(times) == before
