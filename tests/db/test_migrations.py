"""Migrations are applied once, in order, by one at a time, and wholly or not at all."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from db import migrate as migrations
from db import scram
from db.migrate import migrate, pending
from db.secrets import Secrets
from db.session import BIND_VIEWER, Seal, Viewer, as_login

if TYPE_CHECKING:
    from asyncpg import Connection, Record

NEXT = "9001_next.sql"


def silent(_: str) -> None:
    """What a migration reports."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations, to add to."""
    return Path(shutil.copytree(migrations.MIGRATIONS, tmp_path / "migrations"))


@pytest.fixture
def first(folder: Path) -> Path:
    return min(folder.iterdir())


@pytest.fixture
def removed(folder: Path) -> str:
    """The name of the newest file, which is not there any more."""
    newest = max(folder.iterdir())
    newest.unlink()
    return newest.name


def edit(file: Path, old: str, new: str) -> None:
    file.write_bytes(file.read_bytes().replace(old.encode(), new.encode()))


@asynccontextmanager
async def connected(url: str) -> "AsyncGenerator[Connection[Record]]":
    connection: Connection[Record] = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def exists(url: str, table: str) -> bool:
    async with connected(url) as connection:
        return await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table)


async def test_an_empty_database_gets_every_file_in_order(empty_url: str, secrets: Secrets) -> None:
    applied = await migrate(empty_url, secrets, silent)

    assert applied == sorted(path.name for path in migrations.MIGRATIONS.glob("*.sql"))


async def test_the_second_time_applies_nothing(database_url: str, secrets: Secrets) -> None:
    assert await migrate(database_url, secrets, silent) == []


async def test_of_two_at_once_one_applies_and_the_other_finds_nothing_to_do(
    empty_url: str, secrets: Secrets
) -> None:
    applied = await asyncio.gather(*(migrate(empty_url, secrets, silent) for _ in range(2)))

    assert sorted(map(bool, applied)) == [False, True]


async def test_two_databases_of_one_server_are_migrated_side_by_side(
    new_database: "Callable[[], asyncio.Future[str]]", secrets: Secrets
) -> None:
    urls = [await new_database() for _ in range(2)]

    applied = await asyncio.gather(*(migrate(url, secrets, silent) for url in urls))

    assert applied[0] == applied[1] != []


async def test_pending_names_what_is_left_and_changes_nothing(
    empty_url: str, database_url: str, folder: Path
) -> None:
    (folder / NEXT).write_text("SELECT 1")

    assert await pending(database_url, folder) == [NEXT]
    assert len(await pending(empty_url)) == len(list(migrations.MIGRATIONS.glob("*.sql")))
    assert not await exists(empty_url, "ops.migrations")


async def test_a_file_edited_after_it_was_applied_is_refused(
    database_url: str, secrets: Secrets, folder: Path, first: Path
) -> None:
    edit(first, "--", "-- one more word")

    with pytest.raises(migrations.MigrationChanged, match=first.name):
        await migrate(database_url, secrets, silent, folder)


async def test_line_ends_of_another_system_are_no_edit(
    database_url: str, secrets: Secrets, folder: Path, first: Path
) -> None:
    edit(first, "\n", "\r\n")

    assert await migrate(database_url, secrets, silent, folder) == []


async def test_a_database_of_a_newer_program_is_refused(
    database_url: str, secrets: Secrets, folder: Path, removed: str
) -> None:
    with pytest.raises(migrations.MigrationMissing, match=removed):
        await migrate(database_url, secrets, silent, folder)


async def test_a_new_file_before_an_applied_one_is_refused(
    database_url: str, secrets: Secrets, folder: Path
) -> None:
    (folder / "0001_late.sql").write_text("SELECT 1")

    with pytest.raises(migrations.MigrationOutOfOrder, match="0001_late"):
        await migrate(database_url, secrets, silent, folder)


async def test_a_file_that_fails_half_way_leaves_nothing_and_names_the_line(
    database_url: str, secrets: Secrets, folder: Path
) -> None:
    (folder / NEXT).write_text("CREATE TABLE half (id int);\nSELECT nonsense;\n")

    with pytest.raises(migrations.MigrationBroken, match=f"{NEXT}, line 2.*nonsense"):
        await migrate(database_url, secrets, silent, folder)

    assert not await exists(database_url, "half")
    assert await pending(database_url, folder) == [NEXT]


async def test_a_file_that_failed_is_applied_once_it_is_mended(
    database_url: str, secrets: Secrets, folder: Path
) -> None:
    (folder / NEXT).write_text("CREATE TABLE half (id int); SELECT nonsense;")
    with pytest.raises(migrations.MigrationBroken):
        await migrate(database_url, secrets, silent, folder)

    (folder / NEXT).write_text("CREATE TABLE half (id int);")

    assert await migrate(database_url, secrets, silent, folder) == [NEXT]
    assert await exists(database_url, "half")


async def test_what_was_applied_before_the_failing_file_stays(
    database_url: str, secrets: Secrets, folder: Path
) -> None:
    (folder / NEXT).write_text("CREATE TABLE whole (id int);")
    (folder / "9002_broken.sql").write_text("SELECT nonsense;")

    with pytest.raises(migrations.MigrationBroken, match="9002_broken"):
        await migrate(database_url, secrets, silent, folder)

    assert await pending(database_url, folder) == ["9002_broken.sql"]


async def test_a_file_that_ends_its_transaction_is_refused(
    database_url: str, secrets: Secrets, folder: Path
) -> None:
    (folder / NEXT).write_text("COMMIT; BEGIN;")

    with pytest.raises(migrations.MigrationBroken, match="ends the transaction"):
        await migrate(database_url, secrets, silent, folder)


async def test_a_file_does_not_wait_for_ever_for_a_table_in_use(
    database_url: str, secrets: Secrets, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(migrations, "PAUSE", 0.01)
    (folder / NEXT).write_text("ALTER TABLE users ADD COLUMN shoe_size int;")

    async with connected(database_url) as reader, reader.transaction():
        await reader.execute("SELECT id FROM users")
        with pytest.raises(migrations.MigrationsBusy, match=NEXT):
            await migrate(database_url, secrets, silent, folder)


async def test_a_file_is_tried_again_when_the_table_is_free(
    database_url: str, secrets: Secrets, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(migrations, "PAUSE", 0.1)
    monkeypatch.setattr(migrations, "ATTEMPTS", 100)
    (folder / NEXT).write_text("ALTER TABLE users ADD COLUMN shoe_size int;")

    async with connected(database_url) as reader, connected(database_url) as watcher:
        async with reader.transaction():
            await reader.execute("SELECT id FROM users")
            migrating = asyncio.create_task(migrate(database_url, secrets, silent, folder))
            async with asyncio.timeout(20):
                await until(watcher, WAITS)
        assert await migrating == [NEXT]


async def until(connection: "Connection[Record]", condition: str) -> None:
    """Wait until a query answers true; it is the server that sleeps."""
    row = None
    while not (row and row[0]):
        row = await connection.fetchrow(f"SELECT ({condition}), pg_sleep(0.02)")


WAITS = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass"


async def test_a_statement_that_takes_too_long_is_broken_off(
    database_url: str, secrets: Secrets, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "STATEMENT_TIMEOUT", "50ms")
    (folder / NEXT).write_text("SELECT pg_sleep(10);")

    with pytest.raises(migrations.MigrationBroken, match="in everybody's way"):
        await migrate(database_url, secrets, silent, folder)


class TestOutsideATransaction:
    """An index on a table that everybody writes to."""

    INDEX = (
        migrations.OUTSIDE + "DROP INDEX CONCURRENTLY IF EXISTS users_name;\n"
        "CREATE UNIQUE INDEX CONCURRENTLY users_name ON users (name);\n"
    )
    NEW = "INSERT INTO users (email, name) VALUES ($1 || '@example.org', $1)"

    async def test_an_index_is_made_while_others_write(
        self, database_url: str, secrets: Secrets, folder: Path
    ) -> None:
        (folder / NEXT).write_text(self.INDEX)

        async with connected(database_url) as slow, connected(database_url) as other:
            async with slow.transaction():
                await slow.execute(self.NEW, "slow")
                migrating = asyncio.create_task(migrate(database_url, secrets, silent, folder))
                async with asyncio.timeout(20):
                    await until(other, "SELECT to_regclass('users_name') IS NOT NULL")
                await other.execute("SET lock_timeout = '1s'")
                await other.execute(self.NEW, "other")
                assert not migrating.done()
            assert await migrating == [NEXT]

    async def test_one_that_fails_is_made_anew_the_next_time(
        self, database_url: str, secrets: Secrets, folder: Path
    ) -> None:
        (folder / NEXT).write_text(self.INDEX)
        async with connected(database_url) as connection:
            for email in ("a@example.org", "b@example.org"):
                await connection.execute(
                    "INSERT INTO users (email, name) VALUES ($1, 'the same')", email
                )
            with pytest.raises(migrations.MigrationBroken, match="users_name"):
                await migrate(database_url, secrets, silent, folder)
            await connection.execute("UPDATE users SET name = email")

            assert await migrate(database_url, secrets, silent, folder) == [NEXT]
            assert await connection.fetchval(
                "SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_name'::regclass"
            )


async def test_one_who_migrates_for_too_long_does_not_hold_up_the_others_for_ever(
    database_url: str, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "PATIENCE", "50ms")

    async with connected(database_url) as other:
        await other.execute("SELECT pg_advisory_lock($1)", migrations.ONE_AT_A_TIME)
        with pytest.raises(migrations.MigrationsBusy):
            await migrate(database_url, secrets, silent)


async def test_a_database_that_is_not_there_says_so(server: str, secrets: Secrets) -> None:
    nowhere = urlsplit(server)._replace(path="/no_such_database").geturl()

    with pytest.raises(migrations.DatabaseUnreachable, match="no_such_database"):
        await migrate(nowhere, secrets, silent)


async def test_every_login_gets_its_own_derived_password(
    database_url: str, superuser: "Connection[Record]", secrets: Secrets
) -> None:
    await migrate(database_url, secrets, silent)

    rows = await superuser.fetch(
        "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY ($1)", migrations.LOGINS
    )

    assert len(rows) == len(migrations.LOGINS)
    assert all(scram.verifies(kept, secrets.password(login)) for login, kept in rows)
    assert not any(scram.verifies(kept, secrets.password("another")) for _, kept in rows)


async def test_a_verifier_is_what_the_server_itself_makes_of_a_password(
    superuser: "Connection[Record]",
) -> None:
    async with superuser.transaction():
        await superuser.execute("CREATE ROLE dbtest_scram PASSWORD 'a clear word'")
        kept = await superuser.fetchval(
            "SELECT rolpassword FROM pg_authid WHERE rolname = 'dbtest_scram'"
        )
        await superuser.execute("DROP ROLE dbtest_scram")

    assert scram.verifies(kept, "a clear word")
    assert not scram.verifies(kept, "another word")


async def visible_users(url: str, secrets: Secrets, signed_with: Secrets, user: UUID) -> int:
    async with connected(as_login(url, "mcp_api", secrets)) as connection, connection.transaction():
        await connection.fetchval(BIND_VIEWER, *Seal(signed_with).settings(Viewer(user)))
        return await connection.fetchval("SELECT count(*) FROM users WHERE id = app.uid()")


async def test_a_rotated_secret_accepts_what_the_previous_one_signed_and_no_older(
    empty_url: str, secrets: Secrets
) -> None:
    old, new = "the oldest secret there ever was, o", "the newest secret there ever was, n"
    await migrate(empty_url, Secrets(old), silent)
    async with connected(empty_url) as connection:
        user = await connection.fetchval(
            "INSERT INTO users (email, name) VALUES ('a@example.org', 'A') RETURNING id"
        )

    await migrate(empty_url, Secrets(new, previous=old), silent)
    during = [
        await visible_users(empty_url, Secrets(new), Secrets(each), user) for each in (old, new)
    ]
    await migrate(empty_url, Secrets(new), silent)
    after = [
        await visible_users(empty_url, Secrets(new), Secrets(each), user) for each in (old, new)
    ]
    await migrate(empty_url, secrets, silent)  # roles are the server's: give the others theirs back

    assert during == [1, 1]
    assert after == [0, 1]


async def test_an_owner_of_the_database_who_may_make_roles_can_migrate(
    empty_url: str, superuser: "Connection[Record]", server: str, secrets: Secrets
) -> None:
    name, database = "dbtest_creator", urlsplit(empty_url).path[1:]
    roles = "mcp_owner, app_definer, application_user, " + ", ".join(migrations.LOGINS)
    await superuser.execute(f"DROP ROLE IF EXISTS {name}")
    await superuser.execute(f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD 'word'")
    await superuser.execute(f"GRANT {roles} TO {name} WITH ADMIN OPTION")
    await superuser.execute(f"ALTER DATABASE {database} OWNER TO {name}")
    netloc = f"{name}:word@{urlsplit(server).netloc.rpartition('@')[2]}"
    told: list[str] = []

    try:
        applied = await migrate(
            urlsplit(empty_url)._replace(netloc=netloc).geturl(), secrets, told.append
        )
    finally:
        await superuser.execute(f"ALTER DATABASE {database} OWNER TO CURRENT_USER")
        async with connected(empty_url) as connection:
            await connection.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER")
            await connection.execute(f"DROP OWNED BY {name}")
        await superuser.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")

    assert len(applied) == len(list(migrations.MIGRATIONS.glob("*.sql")))
    assert any("not a superuser" in line for line in told)
