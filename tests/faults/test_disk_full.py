"""The database's disk is full: writes are refused whole, reads go on, and nobody has to help.

The tables lie on a disk of their own, which needs a system that lets us mount one; the log of the
database (WAL) lies elsewhere, as the operator's guide asks.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.faults.conftest import Measured
from tests.faults.served import WORKSPACES, served
from tests.faults.servers import Postgres, postgres

if TYPE_CHECKING:
    from collections.abc import Generator

ROOM = 16 * 1024 * 1024
MOUNT = shutil.which("mount", path="/usr/bin:/bin:/usr/sbin:/sbin")


@contextmanager
def disk(place: Path) -> "Generator[None]":
    """A small disk with what is in ``place``, mounted there."""
    owner = place.stat()
    size = sum(file.stat().st_size for file in place.rglob("*")) + ROOM
    before = place.rename(place.with_name("before"))
    place.mkdir()
    options = f"size={size},mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    words = [str(MOUNT), "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    mounted = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    if mounted.returncode:
        place.rmdir()
        before.rename(place)
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        subprocess.run(["cp", "-a", f"{before}/.", str(place)], check=True)  # noqa: S603, S607
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S603, S607


def fill(place: Path) -> Path:
    """A file that takes all the room there is."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as output, suppress(OSError):
        while True:
            output.write(b"\0" * 4096)
    return filler


@pytest.fixture
async def small() -> AsyncGenerator[tuple[Postgres, Path]]:
    """A PostgreSQL whose tables lie on a small disk, and where that is."""
    if MOUNT is None or os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a disk takes root on Linux")
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with postgres(folder) as running:
            await running.stop(signal.SIGINT)
            tables = folder / "data/postgres/base"
            with disk(tables):
                await running.start()
                yield running, tables
                await running.stop(signal.SIGINT)


async def read_from_many_addresses(server: str) -> set[bool]:
    """Whether what each cost was counted; so many budgets that there is no room for all."""
    counted: set[bool] = set()
    for number in range(1, 100):
        there = httpx.AsyncHTTPTransport(local_address=f"127.0.1.{number}")
        async with httpx.AsyncClient(transport=there) as client:
            answer = await client.post(f"{server}/graphql", json={"query": "{ __typename }"})
        assert answer.json()["data"] == {"__typename": "Query"}
        counted.add("extensions" in answer.json())
    return counted


async def test_writes_are_refused_whole_and_reads_go_on_until_there_is_room(
    small: tuple[Postgres, Path], measured: Measured
) -> None:
    running, tables = small
    long = [Random(number).randbytes(20_000).hex() for number in range(100)]  # noqa: S311
    given = {"MAX_BODY_BYTES": str(ROOM), "MAX_COST_PER_HOUR": "10000000"}
    async with served(running.url, **given) as server:
        execution = await server.begin()
        assert (await server.append(execution, "there was room")).status_code == 200
        filler = fill(tables)
        assert shutil.disk_usage(tables).free == 0
        refused = await server.append(execution, *long)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
        assert "disk is full" in refused.json()["errors"][0]["message"]
        assert (await server.ask(WORKSPACES)).json()["data"]["viewer"]["workspaces"]["nodes"]
        assert await read_from_many_addresses(server.address) == {True, False}
        assert (await server.client.get("/health/ready")).status_code == 200
        lines = "SELECT FROM execution_logs WHERE execution_id = $1"
        assert await running.execute(lines, execution) == 1
        filler.unlink()
        began = time.monotonic()
        written = await server.append(execution, *long)
        measured("disk full, then room again: first write", time.monotonic() - began)
        assert written.json()["data"]["appendExecutionLogs"] == {"errors": [], "lastSeq": 101}
