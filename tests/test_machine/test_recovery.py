"""A database that is destroyed comes back as it was at a moment.

Each of these makes servers that really write to the disk, and takes some seconds for it.
"""
# ruff: noqa: S603, S607

import asyncio
import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from db import backup, restoring
from db.backup import BackupFailed
from db.embedded import ARCHIVE_SCRIPT, embedded

if TYPE_CHECKING:
    from asyncpg import Connection, Record

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "postgresql.conf"


ARCHIVED = "SELECT last_archived_wal >= $1, pg_sleep(0.05) FROM pg_stat_archiver"


def silent(_: str) -> None:
    pass


@pytest.fixture
def archive(folder: Path) -> Path:
    return folder / "archive"


@pytest.fixture
def original(folder: Path) -> Path:
    return folder / "data"


@asynccontextmanager
async def running(data: Path, archive: Path | None = None) -> AsyncGenerator["Server"]:
    async with embedded(data, silent, archive=archive) as url:
        connection: Connection[Record] = await asyncpg.connect(url)
        try:
            yield Server(url, connection)
        finally:
            await connection.close()


class Server:
    def __init__(self, url: str, connection: "Connection[Record]") -> None:
        self.url, self._connection = url, connection

    async def write(self, *words: str) -> datetime:
        """Commit these, and give a moment after the commit and before the next one."""
        await self._connection.execute("CREATE TABLE IF NOT EXISTS said (word text)")
        for word in words:
            await self._connection.execute("INSERT INTO said VALUES ($1)", word)
        return await self._connection.fetchval("SELECT clock_timestamp()")

    async def said(self) -> list[str]:
        rows = await self._connection.fetch("SELECT word FROM said ORDER BY word")
        return [row[0] for row in rows]

    async def archived(self) -> None:
        """Wait until all that was written is in the archive."""
        name = await self._connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
        async with asyncio.timeout(20):
            while True:
                kept, _ = await self._connection.fetchrow(ARCHIVED, name) or (False, None)
                if kept:
                    return


async def backed_up(server: Server, archive: Path) -> Path:
    copy = await backup.backup(server.url, archive, silent)
    (archive / backup.SECRET).write_text("s" * 40)
    return copy


async def test_a_destroyed_database_is_recovered_to_a_moment(
    original: Path, archive: Path, folder: Path
) -> None:
    async with running(original, archive) as server:
        await server.write("before the backup")
        await backed_up(server, archive)
        moment = await server.write("after the backup")
        await server.write("the mistake")
        await server.archived()
    shutil.rmtree(original)

    began = time.monotonic()
    await restoring.restore(archive, moment, folder / "again", silent)
    took = time.monotonic() - began
    async with running(folder / "again") as again:
        found = await again.said()
        await again.write("it goes on")
        kept = await again.said()

    assert found == ["after the backup", "before the backup"]
    assert "it goes on" in kept
    assert (folder / "again" / backup.SECRET).read_text() == "s" * 40
    assert took < 30


async def test_without_a_moment_all_that_was_kept_comes_back(
    original: Path, archive: Path, folder: Path
) -> None:
    async with running(original, archive) as server:
        await backed_up(server, archive)
        await server.write("last")
        await server.archived()
    shutil.rmtree(original)

    await restoring.restore(archive, None, folder / "again", silent)
    async with running(folder / "again") as again:
        assert await again.said() == ["last"]


async def test_a_copy_alone_is_whole(original: Path, archive: Path, folder: Path) -> None:
    async with running(original) as server:
        await server.write("one", "two")
        await backed_up(server, archive)
    shutil.rmtree(original)

    await restoring.restore(archive, None, folder / "again", silent)
    async with running(folder / "again") as again:
        assert await again.said() == ["one", "two"]


async def test_what_cannot_be_restored_is_said_and_leaves_nothing(
    original: Path, archive: Path, folder: Path
) -> None:
    target = folder / "again"
    before = datetime.now(UTC)
    async with running(original, archive) as server:
        await server.write("one")
        copy = await backed_up(server, archive)
    later = datetime.now(UTC) + timedelta(days=1)

    with pytest.raises(BackupFailed, match="no backup from before"):
        await restoring.restore(archive, before, target, silent)
    with pytest.raises(BackupFailed, match="ends before that moment"):
        await restoring.restore(archive, later, target, silent)
    assert not target.exists()
    with pytest.raises(BackupFailed, match="not empty"):
        await restoring.restore(archive, None, original, silent)
    damage(copy)
    with pytest.raises(BackupFailed, match="pg_verifybackup failed"):
        await restoring.restore(archive, None, target, silent)
    assert not target.exists()


def damage(copy: Path) -> None:
    """Change one byte of a table."""
    table = max((copy / "base").rglob("[0-9]*"), key=lambda path: path.stat().st_size)
    content = bytearray(table.read_bytes())
    content[100] ^= 1
    table.write_bytes(content)


async def test_a_server_of_ones_own_is_prepared_to_read_on(
    original: Path, archive: Path, folder: Path
) -> None:
    async with running(original, archive) as server:
        await backup.backup(server.url, archive, silent)
        moment = await server.write("wanted")
        await server.write("unwanted")
        await server.archived()

    restoring.prepare(archive, moment, folder / "pgdata", silent)
    told = (folder / "pgdata" / "postgresql.auto.conf").read_text()

    assert (folder / "pgdata" / "recovery.signal").exists()
    assert str(archive / "wal") in told
    assert moment.astimezone(UTC).isoformat() in told


class TestKeepingWal:
    """The script that PostgreSQL calls for every finished file of its log."""

    @pytest.fixture
    def wal(self, folder: Path) -> Path:
        (folder / "wal").mkdir()
        return folder / "wal"

    @pytest.fixture
    def segment(self, folder: Path) -> Path:
        file = folder / "segment"
        file.write_bytes(os.urandom(100_000))
        return file

    def keep(self, segment: Path, wal: Path, name: str = "0" * 24) -> int:
        ran = subprocess.run(
            ["sh", ARCHIVE_SCRIPT, wal, segment, name], capture_output=True, check=False
        )
        return ran.returncode

    def kept(self, wal: Path, name: str = "0" * 24) -> bytes:
        return subprocess.run(
            ["gzip", "-dc", wal / f"{name}.gz"], capture_output=True, check=True
        ).stdout

    def test_a_file_is_kept_whole(self, wal: Path, segment: Path) -> None:
        assert self.keep(segment, wal) == 0
        assert self.kept(wal) == segment.read_bytes()
        assert len(list(wal.iterdir())) == 1

    def test_the_same_file_again_is_well(self, wal: Path, segment: Path) -> None:
        assert [self.keep(segment, wal) for _ in range(2)] == [0, 0]

    def test_another_file_of_that_name_is_refused_and_the_first_stays(
        self, wal: Path, segment: Path
    ) -> None:
        first = segment.read_bytes()
        self.keep(segment, wal)
        segment.write_bytes(b"another")

        assert self.keep(segment, wal) == 1
        assert self.kept(wal) == first

    def test_of_two_servers_at_once_one_is_refused(self, wal: Path, folder: Path) -> None:
        files = [folder / "a", folder / "b"]
        for file in files:
            file.write_bytes(file.name.encode() * 3_000_000)
        processes = [
            subprocess.Popen(
                ["sh", ARCHIVE_SCRIPT, wal, file, "0" * 24], stderr=subprocess.DEVNULL
            )
            for file in files
        ]
        codes = [process.wait() for process in processes]

        winner = files[codes.index(0)]
        assert sorted(map(bool, codes)) == [False, True]
        assert self.kept(wal) == winner.read_bytes()

    def test_one_that_breaks_off_half_way_leaves_nothing(self, wal: Path, segment: Path) -> None:
        limited = 'ulimit -f 10; exec sh "$0" "$@"'
        ran = subprocess.run(
            ["sh", "-c", limited, ARCHIVE_SCRIPT, wal, segment, "0" * 24], check=False
        )

        assert ran.returncode != 0
        assert list(wal.iterdir()) == []

    def test_a_folder_that_is_not_there_is_an_error(self, folder: Path, segment: Path) -> None:
        assert self.keep(segment, folder / "none") != 0


SETTING = re.compile(r"^([a-z_.]+) = (.+)$", re.MULTILINE)


async def test_the_settings_for_production_are_ones_that_postgresql_takes(server: str) -> None:
    settings = SETTING.findall(CONFIGURATION.read_text())
    connection = await asyncpg.connect(server)
    try:
        for name, value in settings:
            given = value if value.startswith("'") else f"'{value}'"
            await connection.execute(f"ALTER SYSTEM SET {name} = {given}")
            await connection.execute(f"ALTER SYSTEM RESET {name}")
    finally:
        await connection.close()

    assert len(settings) > 30


async def test_a_setting_that_is_none_would_be_found(server: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        with pytest.raises(asyncpg.UndefinedObjectError):
            await connection.execute("ALTER SYSTEM SET wal_keep_segments = 32")
    finally:
        await connection.close()


def test_every_paragraph_of_them_begins_with_its_reason() -> None:
    text = CONFIGURATION.read_text()
    blocks = [block for block in text.split("\n\n") if SETTING.search(block)]

    assert blocks
    assert [block for block in blocks if not block.startswith("#")] == []
