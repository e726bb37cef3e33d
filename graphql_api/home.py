"""The database that a command works on: the server of DATABASE_URL, else the embedded one.

Nothing here knows a request; it is what happens before there is one.
"""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_urlsafe
from typing import NamedTuple

from pydantic import SecretStr

from db.embedded import default_folder, embedded
from db.migrate import migrate, pending
from db.secrets import Secrets
from graphql_api.settings import HOW_TO_MAKE_ONE, BadSettings, Settings

Report = Callable[[str], None]

SECRET = "secret-key"  # noqa: S105 # the name of the file


class NotServed(Exception):
    """The server could not start; the message says why and what to do."""


class Home(NamedTuple):
    """Where the data is. ``folder`` is that of the embedded server, None with DATABASE_URL."""

    url: str
    secret: str
    secrets: Secrets
    folder: Path | None


@asynccontextmanager
async def home(
    settings: Settings, report: Report, *, share: bool = False, lost: Report | None = None
) -> AsyncGenerator[Home]:
    """The database itself, reachable while the block lasts; ``share`` and ``lost`` as in
    ``embedded``.
    """
    if settings.database_url:
        if not settings.secret_key:
            raise BadSettings(
                [f"SECRET_KEY is needed with DATABASE_URL; make one: {HOW_TO_MAKE_ONE}."]
            )
        itself = settings.direct_database_url or settings.database_url
        yield _home(settings, itself, settings.secret_key, None)
        return
    folder = settings.data or default_folder()
    async with embedded(
        folder, report, share=share, lost=lost, archive=settings.archive
    ) as url:
        yield _home(settings, SecretStr(url), settings.secret_key or _kept(folder), folder)


async def bring_up(place: Home, settings: Settings, report: Report) -> None:
    """Apply the new migrations, or with MIGRATE_ON_START=false refuse to go on without them."""
    if settings.migrate_on_start or place.folder:
        await migrate(place.url, place.secrets, report)
    elif missing := await pending(place.url):
        raise BadSettings(
            [f"Run `graphql-api migrate` first: {len(missing)} are missing, from {missing[0]} on."]
        )


def _home(settings: Settings, url: SecretStr, secret: SecretStr, folder: Path | None) -> Home:
    previous = settings.secret_key_previous
    before = previous.get_secret_value() if previous else None
    try:
        secrets = Secrets(secret.get_secret_value(), before)
    except ValueError as error:
        raise BadSettings([f"{error}."]) from error
    return Home(url.get_secret_value(), secret.get_secret_value(), secrets, folder)


def _kept(folder: Path) -> SecretStr:
    """The secret of the embedded database, made once; only the folder's owner may read it."""
    file = folder / SECRET
    if not file.exists():
        unfinished = folder / f"{SECRET}.new"
        unfinished.touch(mode=0o600)
        unfinished.write_text(token_urlsafe(48))
        owner = folder.stat()
        os.chown(unfinished, owner.st_uid, owner.st_gid)
        unfinished.rename(file)
    return SecretStr(file.read_text())
