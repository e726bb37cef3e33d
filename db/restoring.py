"""A server made from a backup, as it was at a moment; the folder it is made in must be new."""

import asyncio
import shutil
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from db import backup, cluster
from db.backup import BackupFailed, Report
from db.cluster import CannotStart
from db.embedded import LOG, MARK, embedded

if TYPE_CHECKING:
    from asyncpg import Connection, Record


TOO_EARLY = "recovery ended before configured recovery target was reached"


async def restore(backups: Path, to: datetime | None, data: Path, report: Report) -> None:
    """Make ``data`` the embedded server's folder, with everything that was committed until ``to``.

    Without ``to``: with all that was kept. Nothing is left of one that fails. Raises BackupFailed.
    """
    copy = _chosen(backups, to, data, report)
    try:
        place = _unpacked(backups, copy, to, data)
        await _arrive(data, report)
        shutil.rmtree(place / backup.FETCHED)
    except BaseException:
        shutil.rmtree(data, ignore_errors=True)
        raise


def _unpacked(backups: Path, copy: Path, to: datetime | None, data: Path) -> Path:
    """The cluster in ``data``, which its server can start on."""
    place = data / cluster.CLUSTER
    data.mkdir(mode=0o700, parents=True)
    account = cluster.account_of(data)
    backup.unpack(copy, place)
    backup.bring_wal(backups, place)
    backup.aim(place, Path(backup.FETCHED), to)
    if account:
        cluster.give([place, *place.rglob("*")], account)
    shutil.copy(backups / backup.SECRET, data)
    (data / MARK).touch()
    return place


def prepare(backups: Path, to: datetime | None, data: Path, report: Report) -> None:
    """Make ``data`` the folder of another server, which reads on to ``to`` when it starts."""
    copy = _chosen(backups, to, data, report)
    backup.unpack(copy, data)
    backup.aim(data, (backups / backup.WAL).absolute(), to)


def _chosen(backups: Path, to: datetime | None, data: Path, report: Report) -> Path:
    if data.exists() and any(data.iterdir()):
        raise BackupFailed(f"{data} is not empty: name a new folder with --data DIR.")
    if data.exists():
        data.rmdir()
    copy = backup.chosen(backups, to)
    report(f"Restoring the copy {copy}")
    return copy


async def _arrive(data: Path, report: Report) -> None:
    """Run the server until it has read all it was to read."""
    losses: list[str] = []
    try:
        async with embedded(data, report, lost=losses.append) as url:
            while not losses:
                if await _is_over(url):
                    return
                await asyncio.sleep(0.1)
    except (CannotStart, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # The server may end while it is asked whether it is ready, or whether it is done.
        losses.append(str(error))
    if TOO_EARLY in (data / LOG).read_text(errors="replace"):
        raise BackupFailed(
            "What was kept ends before that moment: ask for an earlier one, or leave --to out for "
            "all there is."
        )
    raise BackupFailed(losses[0])


async def _is_over(url: str) -> bool:
    try:
        connection: Connection[Record] = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    try:
        if not await backup.arrived(connection):
            return False
        await backup.forget_aim(connection)
    finally:
        await connection.close()
    return True
