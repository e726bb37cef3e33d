"""Brings a database to its newest shape, and installs what derives from the secret.

The files of ``migrations/`` are applied in the order of their names, each once and in a transaction
of its own; ``ops.migrations`` keeps the name and the SHA-256 of each. A file that was applied is
never edited: the next change is the next file. There is no way back but a backup.

What cannot run in a transaction (``CREATE INDEX CONCURRENTLY``) has a file that begins with
``OUTSIDE``. Its statements run one by one, and all of them again if one fails: they must bear that.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg

from db import partitions, scram
from db.secrets import Secrets

if TYPE_CHECKING:
    from asyncpg import Connection, Record

Report = Callable[[str], None]

MIGRATIONS = Path(__file__).with_name("migrations")
LOGINS = ("mcp_api", "mcp_auth", "mcp_worker", "mcp_stream", "mcp_maintenance")
OLDEST_SERVER = 15

ONE_AT_A_TIME = 0x6D6967726174696F  # any number that nothing else locks
PATIENCE = "60s"  # for another who migrates
LOCK_TIMEOUT = "2s"  # for a table in use: everybody else waits behind us
STATEMENT_TIMEOUT = "60s"  # of what may hold a lock meanwhile
ATTEMPTS = 5
PAUSE = 2.0  # seconds, for whoever waited behind us
OUTSIDE = "-- Outside a transaction.\n"
COMMENT = re.compile(r"--[^\n]*")

BOOK = """
CREATE SCHEMA IF NOT EXISTS ops;
CREATE TABLE IF NOT EXISTS ops.migrations (
    name       text        PRIMARY KEY,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


class MigrationFailed(Exception):
    """The database could not be brought to its newest shape; the message says what to do."""


class DatabaseUnreachable(MigrationFailed):
    """There is no database to migrate."""


class MigrationsBusy(MigrationFailed):
    """Somebody else migrates, or uses a table, for longer than we wait."""


class MigrationChanged(MigrationFailed):
    """A file was edited after it had been applied."""


class MigrationMissing(MigrationFailed):
    """A file that was applied is not here: the database is of a newer program."""


class MigrationOutOfOrder(MigrationFailed):
    """A new file stands before one that was applied."""


class MigrationBroken(MigrationFailed):
    """A file's SQL fails; nothing of that file was kept."""


class Migration(NamedTuple):
    name: str
    sql: str

    @property
    def digest(self) -> str:
        return sha256(self.sql.encode()).hexdigest()


async def migrate(
    url: str, secrets: Secrets, report: Report, folder: Path = MIGRATIONS
) -> list[str]:
    """Apply what is missing, and answer the names of the files applied.

    ``url`` is a superuser's, or one's who owns the database and has CREATEROLE. Logins get their
    derived passwords, the viewer's keys are installed, and the partitions of the coming months are
    made. Raises MigrationFailed.
    """
    async with _connected(url) as connection:
        await _alone(connection)
        await connection.execute(BOOK)
        connection.add_log_listener(lambda _, message: report(str(message)))
        missing = _missing(await _applied(connection), _files(folder))
        for migration in missing:
            await _apply(connection, migration)
            report(f"applied {migration.name}")
        await _set_passwords(connection, secrets)
        await _install_viewer_keys(connection, secrets)
        await partitions.ensure(connection, report)
    return [migration.name for migration in missing]


async def pending(url: str, folder: Path = MIGRATIONS) -> list[str]:
    """The names of the files that ``migrate`` would apply. Raises MigrationFailed."""
    async with _connected(url) as connection:
        return [each.name for each in _missing(await _applied(connection), _files(folder))]


def _files(folder: Path) -> list[Migration]:
    return [
        Migration(path.name, path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("[0-9]*.sql"))
    ]


def _missing(applied: dict[str, str], files: list[Migration]) -> list[Migration]:
    """The files that were not applied; those that were must still be the same."""
    present = {each.name: each for each in files}
    for name, digest in applied.items():
        if name not in present:
            raise MigrationMissing(
                f"{name} was applied to this database and is not here: "
                "run the version of the program that has it"
            )
        if present[name].digest != digest:
            raise MigrationChanged(
                f"{name} was edited after it had been applied: "
                "restore it, and put the change into a new file"
            )
    missing = [each for each in files if each.name not in applied]
    newest = max(applied, default="")
    for each in missing:
        if each.name < newest:
            raise MigrationOutOfOrder(
                f"{each.name} stands before {newest}, which was applied: give it the next number"
            )
    return missing


@asynccontextmanager
async def _connected(url: str) -> "AsyncGenerator[Connection[Record]]":
    try:
        connection: Connection[Record] = await asyncpg.connect(
            url, server_settings={"application_name": "graphql-api migrate"}
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseUnreachable(f"the database does not let us in: {error}") from error
    try:
        version: int = await connection.fetchval(
            "SELECT current_setting('server_version_num')::int"
        )
        if version < OLDEST_SERVER:
            raise MigrationFailed("PostgreSQL 15 or newer is needed")
        yield connection
    finally:
        await connection.close()


async def _alone(connection: "Connection[Record]") -> None:
    """Wait until nobody else migrates; the lock goes with the connection."""
    await connection.execute(f"SET lock_timeout = '{PATIENCE}'")
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", ONE_AT_A_TIME)
    except asyncpg.LockNotAvailableError as error:
        raise MigrationsBusy(f"somebody else has been migrating for {PATIENCE}: wait") from error
    await connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")


async def _applied(connection: "Connection[Record]") -> dict[str, str]:
    """The digests of the files that were applied, by name."""
    if await connection.fetchval("SELECT to_regclass('ops.migrations') IS NULL"):
        return {}
    rows = await connection.fetch("SELECT name, sha256 FROM ops.migrations")
    return {row["name"]: row["sha256"] for row in rows}


async def _apply(connection: "Connection[Record]", migration: Migration) -> None:
    apply = _apply_outside if migration.sql.startswith(OUTSIDE) else _apply_inside
    try:
        await _patiently(lambda: _beside_others(lambda: apply(connection, migration)))
    except asyncpg.LockNotAvailableError as error:
        raise MigrationsBusy(
            f"{migration.name} waited {ATTEMPTS} times {LOCK_TIMEOUT} for a table in use: end the "
            "transaction that holds it (pg_stat_activity), and try again"
        ) from error
    except asyncpg.QueryCanceledError as error:
        raise MigrationBroken(
            f"{migration.name} takes longer than {STATEMENT_TIMEOUT}, in everybody's way: do it in "
            "steps (nothing of it was kept)"
        ) from error
    except asyncpg.PostgresError as error:
        kept = "" if apply is _apply_outside else " (nothing of it was kept)"
        raise MigrationBroken(
            f"{migration.name}{_line(migration.sql, error)}: {error}{kept}"
        ) from error


async def _apply_inside(connection: "Connection[Record]", migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
        before = await connection.fetchval("SELECT pg_current_xact_id()::text")
        await connection.execute(migration.sql)
        if before != await connection.fetchval("SELECT pg_current_xact_id_if_assigned()::text"):
            raise MigrationBroken(f"{migration.name} ends the transaction that it runs in")
        await connection.execute("RESET ROLE")
        await _note(connection, migration)


async def _apply_outside(connection: "Connection[Record]", migration: Migration) -> None:
    """Each statement alone; waiting for others is no harm here, because nobody waits behind us."""
    await connection.execute("SET lock_timeout = 0")
    try:
        for statement in COMMENT.sub("", migration.sql).split(";\n"):
            if statement.strip():
                await connection.execute(statement)
    finally:
        await connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'; RESET ROLE")
    await _note(connection, migration)


async def _note(connection: "Connection[Record]", migration: Migration) -> None:
    await connection.execute(
        "INSERT INTO ops.migrations (name, sha256) VALUES ($1, $2)",
        migration.name,
        migration.digest,
    )


async def _patiently(change: Callable[[], Any]) -> None:
    """Again where a table was in use, after those had their turn who waited behind us."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await change()
        except asyncpg.LockNotAvailableError:
            if attempt == ATTEMPTS:
                raise
            await asyncio.sleep(PAUSE)
    return None


def _line(sql: str, error: asyncpg.PostgresError) -> str:
    position: Any = error.position
    if not position:
        return ""
    return f", line {sql.count(chr(10), 0, int(position) - 1) + 1}"


async def _beside_others(change: Callable[[], Any]) -> None:
    """Roles belong to the whole server, where another database may be migrated at the same time."""
    for attempt in range(ATTEMPTS):
        try:
            return await change()
        except asyncpg.InternalServerError as error:
            if "tuple concurrently updated" not in str(error) or attempt == ATTEMPTS - 1:
                raise
    return None


async def _set_passwords(connection: "Connection[Record]", secrets: Secrets) -> None:
    kept: dict[str, str | None] = {}
    if await _is_superuser(connection):
        rows = await connection.fetch(
            "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY ($1)", LOGINS
        )
        kept = {row["rolname"]: row["rolpassword"] for row in rows}
    for login in LOGINS:
        password = secrets.password(login)
        if scram.verifies(kept.get(login), password):
            continue
        statement = f"ALTER ROLE {login} PASSWORD '{scram.verifier(password)}'"
        await _beside_others(lambda sql=statement: connection.execute(sql))


async def _install_viewer_keys(connection: "Connection[Record]", secrets: Secrets) -> None:
    """Exactly these keys sign viewers: the secret's, and the one's before the last rotation."""
    wanted = [(each.kid, *_pads(each.derive("viewer"))) for each in reversed(secrets.known())]
    async with connection.transaction():
        if await _is_superuser(connection):
            await connection.execute("SET LOCAL log_parameter_max_length = 0")
        await connection.execute(
            "DELETE FROM secret.viewer_keys WHERE kid <> ALL ($1)", [kid for kid, _, _ in wanted]
        )
        await connection.executemany(
            """
            INSERT INTO secret.viewer_keys AS k (kid, ipad, opad) VALUES ($1, $2, $3)
                ON CONFLICT (kid) DO UPDATE
               SET ipad = excluded.ipad, opad = excluded.opad, installed_at = excluded.installed_at
             WHERE (k.ipad, k.opad) <> (excluded.ipad, excluded.opad)
            """,
            wanted,
        )


def _pads(key: bytes) -> tuple[bytes, bytes]:
    """The two keys of HMAC's two hashes (RFC 2104), of a block of 64 bytes each."""
    block = key.ljust(64, b"\0")
    return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)


async def _is_superuser(connection: "Connection[Record]") -> bool:
    return await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
