"""Giving up executions that nobody has heard of for too long, and telling those who watch them.

Every process looks now and then; of those that look at the same moment, one acts.
"""

import asyncio
from collections.abc import Callable

from db import runtime
from db.errors import TookTooLong, Unavailable
from db.secrets import Secrets
from resolvers.streams import Streams

LOOK = 15.0
"""Seconds between two looks."""
MOST = 500
"""Executions that one statement ends."""

Report = Callable[[str], None]


async def reap(url: str, secrets: Secrets, streams: Streams) -> int:
    """End the silent executions there are. How many there were."""
    count = 0
    while True:
        ended = await runtime.reap(url, secrets, MOST)
        for each in ended:
            streams.wake(each.execution_id, each.last_seq, closed=True)
            streams.touch(each.execution_id, each.workspace_id)
        count += len(ended)
        if len(ended) < MOST:
            return count


async def keep_reaping(url: str, secrets: Secrets, streams: Streams, report: Report) -> None:
    """Do so for as long as the process runs."""
    while True:
        await asyncio.sleep(LOOK)
        try:
            if ended := await reap(url, secrets, streams):
                report(f"gave up {ended} silent executions")
        except (Unavailable, TookTooLong) as error:
            report(f"silent executions were not given up, and will be looked for again: {error}")
