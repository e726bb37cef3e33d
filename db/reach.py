"""Whether a PostgreSQL server can be used, said in a sentence before anything is done to it."""

import asyncpg

OLDEST = 15
PATIENCE = 10  # seconds


class CannotUse(Exception):
    """The server of DATABASE_URL cannot be used; the message says why and what to do."""


async def check(url: str, *, superuser: bool = True) -> None:
    """Raises CannotUse unless the server answers, is of a known release, and obeys the user."""
    connection = await _connect(url)
    try:
        release = connection.get_server_version().major
        may = await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    finally:
        await connection.close()
    if release < OLDEST:
        raise CannotUse(f"The server is PostgreSQL {release}; {OLDEST} or newer is needed.")
    if superuser and not may:
        raise CannotUse(
            "The user of DATABASE_URL is no superuser, and migrations need one: they make roles. "
            "Name a superuser, or migrate with one and set MIGRATE_ON_START=false here."
        )


async def _connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    try:
        return await asyncpg.connect(url, timeout=PATIENCE)
    except asyncpg.ClientConfigurationError as error:
        raise CannotUse(f"DATABASE_URL is wrong: {error}") from error
    except asyncpg.InvalidCatalogNameError as error:
        raise CannotUse(
            f"The server of DATABASE_URL has no such database: {error}. Make it with createdb."
        ) from error
    except asyncpg.PostgresError as error:
        raise CannotUse(f"The server of DATABASE_URL refuses: {error}.") from error
    except TimeoutError as error:
        raise CannotUse(f"The server of DATABASE_URL did not answer in {PATIENCE} s.") from error
    except OSError as error:
        raise CannotUse(f"The server of DATABASE_URL cannot be reached: {error}.") from error
