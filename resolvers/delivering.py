"""Sending what webhooks are to be told, at least once and in no promised order.

Deliveries wait in the database (``docs/adr/0015-webhooks.md``). Any number of processes send them;
one that dies lets go of what it was sending when its lease ends.
"""

import asyncio
import random
import re
import time
from datetime import timedelta

import structlog

from db import deliveries
from db.deliveries import Claimed, Outcome
from db.sealing import NotOpened
from db.session import Database
from resolvers.beside import going_on
from resolvers.metrics import DELIVERIES, WEBHOOKS_GIVEN_UP
from resolvers.outgoing import NotCalled, Outgoing, Reply
from resolvers.signing import signatures

log = structlog.stdlib.get_logger("resolvers.delivering")

LOOK = 1.0
"""Seconds between two looks at what is due."""
AT_ONCE = 50
"""Deliveries that a process sends at once."""
EACH = 5
"""Deliveries of one webhook under way at once, in all processes."""
SECONDS = 10.0
"""Time that an endpoint has to answer."""
LEASE = timedelta(seconds=60)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=8)
MOST_ATTEMPTS = 12
"""Each pause is three times the one before: about a day and a half."""
GONE = 410

A_TIME = re.compile(r"[0-9]{1,6}")
"""A Retry-After that is heeded, in seconds."""

PURPOSE = "webhook"
"""What the secrets are sealed for."""


class Delivering:
    """The sender of a process. ``patience``: how long nothing may arrive at a webhook."""

    def __init__(self, database: Database, outgoing: Outgoing, patience: timedelta) -> None:
        self._database, self._outgoing, self._patience = database, outgoing, patience

    async def deliver(self) -> int:
        """Send what is due, until nothing is. How many deliveries that were."""
        count = 0
        while claimed := await self._claim(AT_ONCE):
            await asyncio.gather(*map(self._send, claimed))
            count += len(claimed)
        return count

    async def keep_delivering(self) -> None:
        """Send for as long as the process runs; a slow endpoint holds up its own only."""
        under_way: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as sending:
            while True:
                with going_on("webhooks could not be looked after"):
                    claimed = await self._claim(AT_ONCE - len(under_way))
                    under_way |= {sending.create_task(self._send_safely(each)) for each in claimed}
                under_way = await _changed(under_way)

    async def _claim(self, most: int) -> list[Claimed]:
        return await deliveries.claim(self._database, most, EACH, LEASE) if most else []

    async def _send_safely(self, claimed: Claimed) -> None:
        with going_on("a delivery could not be sent"):
            await self._send(claimed)

    async def _send(self, claimed: Claimed) -> None:
        outcome = await self._tried(claimed)
        given_up = await deliveries.finish(self._database, claimed, outcome, self._patience)
        DELIVERIES.labels(_called(outcome)).inc()
        if given_up:
            WEBHOOKS_GIVEN_UP.inc()
            log.warning("webhook was given up", webhook=str(claimed.webhook_id))

    async def _tried(self, claimed: Claimed) -> Outcome:
        try:
            reply = await self._outgoing.call(
                "POST",
                claimed.url,
                headers=await self._headers(claimed),
                content=claimed.payload.encode(),
                seconds=SECONDS,
            )
        except NotCalled as refused:
            return Outcome(ok=False, error=refused.code, delay=pause(claimed.attempt))
        except NotOpened:
            error = "SECRET_UNREADABLE"
            return Outcome(ok=False, error=error, delay=pause(claimed.attempt))
        return _outcome(claimed, reply)

    async def _headers(self, claimed: Claimed) -> dict[str, str]:
        moment, id = int(time.time()), str(claimed.id)
        sealed = await deliveries.secrets(self._database, claimed.webhook_id)
        owners = claimed.workspace_id, claimed.webhook_id
        opened = [
            self._database.sealing.open(PURPOSE, each, *owners).decode() for each in sealed
        ]
        return {
            "Content-Type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": str(moment),
            "webhook-signature": signatures(opened, id, moment, claimed.payload),
        }


def _called(outcome: Outcome) -> str:
    if outcome.ok:
        return "delivered"
    return "retried" if outcome.delay else "given_up"


def _outcome(claimed: Claimed, reply: Reply) -> Outcome:
    if reply.ok:
        return Outcome(True, reply.status, duration_ms=reply.milliseconds)
    gone = reply.status == GONE
    delay = None if gone else pause(claimed.attempt, reply.headers.get("retry-after", ""))
    error = "ENDPOINT_GONE" if gone else "NOT_ACCEPTED"
    return Outcome(False, reply.status, error, reply.milliseconds, delay, gone)


def pause(attempt: int, wanted: str = "") -> timedelta | None:
    """How long to wait after this attempt failed, at least the seconds ``wanted``; None: for ever.

    Somewhat more or less than that, so that what failed together is not tried together.
    """
    if attempt >= MOST_ATTEMPTS:
        return None
    grown = FIRST_PAUSE * 3 ** (attempt - 1) * random.uniform(0.8, 1.2)  # noqa: S311
    asked = timedelta(seconds=int(wanted)) if A_TIME.fullmatch(wanted) else grown
    return min(max(grown, asked), LONGEST_PAUSE)


async def _changed(under_way: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Those still under way when one has ended, or it is time to look again."""
    if not under_way:
        await asyncio.sleep(LOOK)
        return under_way
    _, pending = await asyncio.wait(
        under_way, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED
    )
    return pending
