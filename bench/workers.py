"""How many requests a second one machine answers with one, two … processes that share the port."""

import os
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

import httpx

from bench.load import Target, shoot, work_of
from bench.place import Place, measured, sent
from bench.say import say
from bench.servers import PATIENCE, CannotMeasure, Server, running


class Load(NamedTuple):
    """What is asked; ``most`` is the largest number of processes."""

    scale: str
    query: str
    most: int
    connections: int
    seconds: float
    rounds: int


class Answered(NamedTuple):
    """Requests a second; ``busiest`` is the part of the work that the busiest process did."""

    rate: float
    p99: float
    busiest: float
    server_ms: float
    postgres_ms: float


async def grow(load: Load, data: Path) -> dict[int, Answered]:
    """The medians for each number of processes. Raises CannotMeasure where a request fails."""
    shots: dict[int, list[Answered]] = {count: [] for count in range(1, load.most + 1)}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place = await stack.enter_async_context(measured(load.scale, data))
        asked = folder / "asked.txt"
        asked.write_text(sent("ours", load.query, place.askers) or "")
        servers = {
            count: (
                await stack.enter_async_context(
                    running(["ours"], place.url, place.secret, folder, workers=count)
                )
            )[0]
            for count in shots
        }
        for server in servers.values():
            await _answered_once(server)
        for number in range(load.rounds + 1):
            say(f"Round {number} of {load.rounds}" if number else "Warming up")
            for count, server in servers.items():
                answered = await _ask(load, server, asked, place)
                if number:
                    shots[count].append(answered)
    return {
        count: Answered(*map(median, zip(*answered, strict=True)))
        for count, answered in shots.items()
    }


async def _answered_once(server: Server) -> None:
    """The port is open before anybody answers there."""
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        await client.get(f"http://127.0.0.1:{server.port}/health/ready")


async def _ask(load: Load, server: Server, asked: Path, place: Place) -> Answered:
    processes = _processes(server.process)
    before = work_of(processes)
    target = Target(server.port, server.process, place.postmaster)
    shot = await shoot(target, asked, load.connections, load.seconds)
    if shot.errors:
        raise CannotMeasure(f"{shot.errors} requests failed.")
    after = work_of(processes)
    done = [after[process] - before[process] for process in processes]
    requests = shot.rate * load.seconds
    busiest, own = max(done) / (sum(done) or 1), sum(done) * 1000 / requests
    return Answered(shot.rate, shot.p99, busiest, own, shot.postgres_ms or 0)


def _processes(server: int) -> list[int]:
    """The processes that answer: the server's workers, or the server itself."""
    children = Path(f"/proc/{server}/task/{server}/children")
    if not children.exists():
        raise CannotMeasure("It is Linux that tells how much each process works.")
    workers = [
        int(child)
        for child in children.read_text().split()
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    return workers or [server]


def table(load: Load, found: dict[int, Answered]) -> str:
    """As Markdown."""
    lines = [
        f"`{load.query}`, {load.connections} connections, {os.cpu_count()} cores",
        "",
        "| processes | requests/s | times one | p99 ms | busiest | CPU ms: server + PostgreSQL |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for count, each in found.items():
        lines.append(
            f"| {count} | {each.rate:,.0f} | {each.rate / found[1].rate:.2f} | {each.p99:.1f} "
            f"| {each.busiest:.0%} | {each.server_ms:.2f} + {each.postgres_ms:.2f} |"
        )
    return "\n".join(lines)
