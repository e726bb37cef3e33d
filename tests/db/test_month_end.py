"""A month ends while executions run: nothing fails, and nothing of an execution is split.

The clock that ids are made by is set shortly before the end of this month.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from db import runtime
from db.runtime import Outcome, Start
from db.secrets import Secrets
from db.session import Database, Viewer, connect
from tests.db.world import Team, World

WRITERS = 6
AROUND = timedelta(seconds=0.4)
"""How long before and after the end of the month something is reported."""

SHIFT = """
CREATE FUNCTION app.shifted_clock() RETURNS timestamptz LANGUAGE sql AS
$$ SELECT clock_timestamp() + interval '{seconds} seconds' $$;
GRANT EXECUTE ON FUNCTION app.shifted_clock() TO PUBLIC;
"""
# every column default and every function that makes an id calls this one
UUID7 = "SELECT pg_get_functiondef('app.uuid7'::regproc)"

WHERE = """
SELECT e.id,
       max(e.status),
       e.tableoid::regclass::text,
       s.tableoid::regclass::text,
       array_agg(DISTINCT l.tableoid::regclass::text),
       array_agg(l.seq ORDER BY l.seq)
  FROM executions e
  JOIN execution_streams s ON s.execution_id = e.id
  JOIN execution_logs l ON l.execution_id = e.id
 WHERE e.trigger_type = 'shifted'
 GROUP BY e.id, e.tableoid, s.tableoid
"""


class Clock:
    """The shifted one, as far as a process can tell."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self.end = (now.replace(day=1) + timedelta(days=32)).replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        )
        self.shift = self.end - AROUND - now

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


async def report(database: Database, team: Team, clock: Clock) -> list[tuple[UUID, int]]:
    """One run that takes until after the end of the month, and short ones all the time: the ids
    of all of them, and how many lines each has."""
    viewer = Viewer(team.editor)

    async def begin() -> UUID:
        return (await runtime.start(database, viewer, Start(team.workflow, "shifted"))).execution_id

    async def say(run: UUID, count: int) -> None:
        rows = json.dumps([{"message": f"{clock.now()}"}] * count)
        await runtime.report_lines(database, viewer, run, rows, nodes=[], attempt=None)

    async def end(run: UUID) -> None:
        await runtime.finish(database, viewer, run, Outcome("success"), attempt=None)

    long, said = await begin(), 0
    found: list[tuple[UUID, int]] = []
    while clock.now() < clock.end + AROUND:
        short = await begin()
        await say(short, 2)
        await say(long, 3)
        await end(short)
        said += 3
        found.append((short, 2))
    await end(long)
    return [*found, (long, said)]


async def test_a_month_ends_and_nothing_fails_or_is_split(world: World, secrets: Secrets) -> None:
    team = await world.team()
    clock = Clock()
    made = await world.superuser.fetchval(UUID7)
    await world.superuser.execute(SHIFT.format(seconds=clock.shift.total_seconds()))
    await world.superuser.execute(made.replace("clock_timestamp()", "app.shifted_clock()"))
    async with connect(world.url, secrets, size=WRITERS) as database:
        runs = await asyncio.gather(*(report(database, team, clock) for _ in range(WRITERS)))

    found = {row[0]: row[1:] for row in await world.superuser.fetch(WHERE)}
    assert set(found) == {run for many in runs for run, _ in many}
    months: set[str] = set()
    for run, lines in (each for many in runs for each in many):
        status, execution, stream, logs, seqs = found[run]
        assert (status, seqs) == ("success", list(range(1, lines + 1)))
        month = execution.removeprefix("executions_")
        assert (stream, logs) == (f"execution_streams_{month}", [f"execution_logs_{month}"])
        months.add(month)
    before, after = clock.end - timedelta(days=1), clock.end
    assert {found[many[-1][0]][1] for many in runs} == {f"executions_y{before:%Y}m{before:%m}"}
    assert months == {f"y{each:%Y}m{each:%m}" for each in (before, after)}
