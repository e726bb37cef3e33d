"""Hints over NATS: lines come at once, and within 1.5 seconds while the bus is dead."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from uuid import UUID

import pytest

from db.secrets import Secrets
from db.session import Database
from db.streams import Reader
from resolvers.nats_hints import NatsHints
from tests.streams.bus import INSTALLED, Bus
from tests.streams.watching import SOON, Process, Watcher, process

pytestmark = pytest.mark.skipif(not INSTALLED, reason="nats-server or nats-py is not installed")


@pytest.fixture
async def bus() -> AsyncGenerator[Bus]:
    bus = Bus()
    bus.start()
    yield bus
    bus.kill()


@pytest.fixture
async def pair(
    watched: Database, reader: Reader, secrets: Secrets, bus: Bus
) -> AsyncGenerator[tuple[Process, Process]]:
    """Two processes on this bus."""
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(
                process(watched, reader, secrets, bus=NatsHints(bus.url))
            )
            for _ in range(2)
        ]
        yield one, other


async def told_at_once(writer: Process, watcher: Watcher, execution: UUID) -> None:
    """Write until three lines in a row came sooner than by looking, which is once a second."""
    quick = 0
    async with asyncio.timeout(2 * SOON):
        while quick < 3:
            await writer.append(execution, "line")
            began = time.monotonic()
            await watcher.lines(1)
            quick = quick + 1 if time.monotonic() - began < 0.3 else 0


async def test_lines_come_at_once_over_the_bus(
    pair: tuple[Process, Process], execution: UUID
) -> None:
    writer, other = pair
    async with other.watch(id=execution) as watcher:
        await told_at_once(writer, watcher, execution)


async def test_lines_come_within_a_second_and_a_half_while_the_bus_is_dead(
    pair: tuple[Process, Process], execution: UUID, bus: Bus
) -> None:
    writer, other = pair
    async with other.watch(id=execution) as watcher:
        await writer.append(execution, "before")
        await watcher.lines(1)
        bus.kill()
        for _ in range(3):
            await writer.append(execution, "while it is dead")
            async with asyncio.timeout(1.5):
                await watcher.lines(1)


async def test_the_bus_is_used_again_when_it_is_back(
    pair: tuple[Process, Process], execution: UUID, bus: Bus
) -> None:
    writer, other = pair
    async with other.watch(id=execution) as watcher:
        await told_at_once(writer, watcher, execution)
        bus.kill()
        await writer.append(execution, "while it is dead")
        await watcher.lines(1)
        bus.start()
        await told_at_once(writer, watcher, execution)
