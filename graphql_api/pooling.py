"""``graphql-api pgbouncer``: what PgBouncer has to be told about our database."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from db.pgbouncer import Pooling, main_file, users_file
from graphql_api.home import Report, home
from graphql_api.settings import BadSettings, Settings, read_settings

HOW_TO_GO_ON = """\
Start it: pgbouncer {main}
Give the servers, beside their other settings:
  DATABASE_URL=postgresql://graphql@{address}:{port}/{name}
  DIRECT_DATABASE_URL=(what DATABASE_URL is now)
  STATEMENT_CACHE_SIZE=0"""


def pgbouncer(
    *,
    to: Annotated[Path, Parameter(help="Folder for pgbouncer.ini and userlist.txt.")],
    listen: Annotated[
        str, Parameter(help="Address and port on which PgBouncer is to listen.")
    ] = "127.0.0.1:6432",
    size: Annotated[int, Parameter(help="Connections to PostgreSQL for each of our logins.")] = 20,
    data: Annotated[Path | None, Parameter(help="Folder of the embedded PostgreSQL.")] = None,
) -> int:
    """Write the configuration of a PgBouncer in transaction mode for this database.

    The second file has the passwords of our logins, which derive from SECRET_KEY.
    """
    from graphql_api.cli import report  # noqa: PLC0415 # which has this command

    address, _, port = listen.rpartition(":")
    if not address or not port.isdecimal():
        raise BadSettings([f"--listen is an address and a port, 127.0.0.1:6432, not {listen}."])
    pooling = Pooling(address, int(port), size)
    asyncio.run(configure(read_settings(data=data), to, pooling, report))
    return 0


async def configure(settings: Settings, to: Path, pooling: Pooling, report: Report) -> None:
    """Write ``pgbouncer.ini`` and ``userlist.txt``, which only the folder's owner may read."""
    async with home(settings, report, share=True) as place:
        folder = _folder(to)
        main, users = folder / "pgbouncer.ini", folder / "userlist.txt"
        timeout = settings.statement_timeout_seconds
        _write(main, main_file(place.url, str(users), timeout, pooling))
        _write(users, users_file(place.secrets))
        name = place.url.partition("?")[0].rpartition("/")[2]
    where = {"address": pooling.address, "port": pooling.port}
    report(HOW_TO_GO_ON.format(main=main, name=name, **where))


def _folder(to: Path) -> Path:
    to.mkdir(parents=True, exist_ok=True)
    return to.absolute()


def _write(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)
