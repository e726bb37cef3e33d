"""Load on one server: how many requests a second it answers, how late, and with how much work."""

import asyncio
import math
import os
import shutil
import time
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

LUA = Path(__file__).with_name("wrk.lua")


class Shot(NamedTuple):
    """Times are in milliseconds.

    ``server_ms`` and ``postgres_ms`` are CPU time a request, None where the system does not tell.
    """

    rate: float
    p50: float
    p99: float
    errors: int
    server_ms: float | None
    postgres_ms: float | None


class Target(NamedTuple):
    """A server to ask: its process, and that of the PostgreSQL behind it."""

    port: int
    process: int
    postmaster: int


async def shoot(target: Target, asked: Path, connections: int, seconds: float) -> Shot:
    """Ask again and again on so many connections, each waiting for its answer.

    ``asked`` has a line for each who asks in turn: the token, a tab, the body.
    """
    drive = _wrk if shutil.which("wrk") else _asyncio
    before = work_of([target.process]), work_of(_backends(target.postmaster))
    requests, elapsed, errors, p50, p99 = await drive(target.port, asked, connections, seconds)
    after = work_of([target.process]), work_of(_backends(target.postmaster))
    own, postgres = (
        _spent(then, now) * 1000 / max(requests, 1) if now else None
        for then, now in zip(before, after, strict=True)
    )
    return Shot(requests / elapsed, p50, p99, errors, own, postgres)


Told = tuple[int, float, int, float, float]


async def _wrk(port: int, asked: Path, connections: int, seconds: float) -> Told:
    process = await asyncio.create_subprocess_exec(
        "wrk",
        *("-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "--timeout", "20s"),
        *("-s", str(LUA)),
        f"http://127.0.0.1:{port}/graphql",
        env={"PATH": os.environ.get("PATH", ""), "ASKED": str(asked)},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    told = output.decode().partition("TOLD ")[2].split()
    requests, micros, errors, p50, p99 = map(float, told)
    return int(requests), micros / 1e6, int(errors), p50 / 1000, p99 / 1000


async def _asyncio(port: int, asked: Path, connections: int, seconds: float) -> Told:
    """The same where there is no wrk. It takes more of the processor than wrk does."""
    lines = asked.read_text().splitlines()  # noqa: ASYNC240
    turns = cycle([_request(port, *line.split("\t", 1)) for line in lines])
    took: list[float] = []
    errors = 0
    began = time.perf_counter()

    async def one() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        while (start := time.perf_counter()) < began + seconds:
            writer.write(next(turns))
            errors += await _read_answer(reader) != b"200"
            took.append((time.perf_counter() - start) * 1000)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    took.sort()
    p50, p99 = (took[len(took) * percent // 100] for percent in (50, 99))
    return len(took), time.perf_counter() - began, errors, p50, p99


def _request(port: int, token: str, body: str) -> bytes:
    return (
        f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}"
    ).encode()


async def _read_answer(reader: asyncio.StreamReader) -> bytes:
    """The status of an answer that was read to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return head.split(b" ", 2)[1]


# The processor's time, as Linux tells it

Work = dict[int, float]
"""Seconds that each process has worked."""


def work_of(processes: list[int]) -> Work:
    found: Work = {}
    for process in processes:
        with suppress(OSError):  # it has just ended, or this is no Linux
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            found[process] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def _spent(before: Work, after: Work) -> float:
    return sum(seconds - before.get(process, 0) for process, seconds in after.items())


def _backends(postmaster: int) -> list[int]:
    """The processes of PostgreSQL that answer the API's login."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == postmaster and b"mcp_api" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found
