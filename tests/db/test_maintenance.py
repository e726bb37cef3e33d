"""Months are made ahead, and what is older than its plan keeps goes: whole months, rows else."""

import asyncio
import datetime as dt
import json
import time
from uuid import UUID

import asyncpg
import pytest

from db import maintenance
from db.maintenance import Done, MaintenanceFailed, maintain
from db.partitions import MONTHS_AHEAD, upkeep
from db.secrets import Secrets
from db.session import Viewer, as_login
from tests.db.world import Team, World

TODAY = dt.datetime.now(dt.UTC)
YEARS_AGO = dt.datetime(2010, 3, 10, tzinfo=dt.UTC)
TABLES = ["audit_logs", "execution_logs", "execution_originals", "execution_streams", "executions"]
OF_2010 = [f"{table}_y2010m03" for table in TABLES]


def silent(_: str) -> None:
    """What maintenance reports."""


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "PAUSE", 0.02)


async def ran(world: World, secrets: Secrets) -> Done:
    done = await maintain(world.url, secrets, silent)
    assert done is not None
    return done


async def months(world: World, *moments: dt.datetime) -> None:
    for moment in moments:
        await world.superuser.execute("SELECT ops.ensure_partitions($1, 1)", moment.date())


async def executed(
    world: World, team: Team, at: dt.datetime, *, lines: int = 3, status: str = "success"
) -> UUID:
    """An execution of that time, with its log."""
    await months(world, at)
    execution: UUID = await world.superuser.fetchval(
        "INSERT INTO executions (id, workspace_id, workflow_id, trigger_type, status)"
        " VALUES (app.uuid7($1), $2, $3, 'manual', $4) RETURNING id",
        at,
        team.workspace,
        team.workflow,
        status,
    )
    await world.superuser.execute(
        "INSERT INTO execution_logs (execution_id, seq, workspace_id, message)"
        " SELECT $1, n, $2, 'line' FROM generate_series(1, $3) n",
        execution,
        team.workspace,
        lines,
    )
    return execution


async def audited(world: World, team: Team, at: dt.datetime) -> None:
    await months(world, at)
    await world.superuser.execute(
        "INSERT INTO audit_logs (id, workspace_id, action, resource_type)"
        " VALUES (app.uuid7($1), $2, 'workflow.update', 'workflow')",
        at,
        team.workspace,
    )


async def has(world: World, execution: UUID) -> tuple[bool, int]:
    """Whether an execution is there, and how many lines of its log."""
    row = await world.superuser.fetchrow(
        "SELECT EXISTS (SELECT FROM executions WHERE id = $1),"
        " (SELECT count(*)::int FROM execution_logs WHERE execution_id = $1)",
        execution,
    )
    return tuple(row or ())  # pyright: ignore[reportReturnType]


async def plan(world: World, team: Team, name: str, **limits: object) -> None:
    await world.superuser.execute(
        "UPDATE workspaces SET plan_type = $2, plan_limits = $3 WHERE id = $1",
        team.workspace,
        name,
        json.dumps(limits),
    )


def days_ago(days: float) -> dt.datetime:
    return TODAY - dt.timedelta(days=days)


async def test_missing_months_are_made(world: World, secrets: Secrets) -> None:
    for table in reversed(TABLES):
        last = await world.superuser.fetchval(
            "SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = $1::regclass",
            table,
        )
        await world.superuser.execute(f"ALTER TABLE {table} DETACH PARTITION {last}")
        await world.superuser.execute(f"DROP TABLE {last}")

    done = await ran(world, secrets)

    assert done.months_ahead == MONTHS_AHEAD


async def test_months_that_no_plan_needs_are_dropped_with_their_rows(
    world: World, secrets: Secrets
) -> None:
    team = await world.team()
    old = await executed(world, team, YEARS_AGO)

    done = await ran(world, secrets)

    assert sorted(done.months_dropped) == OF_2010
    assert await has(world, old) == (False, 0)
    assert done.gone["executions"] == 1
    assert done.gone["log_lines"] == 0


async def test_a_month_stays_while_one_workspace_keeps_it_longer(
    world: World, secrets: Secrets
) -> None:
    team, keeper = await world.team(), await world.team()
    await plan(world, keeper, "enterprise", logDays=36500, executionDays=36500, auditDays=36500)
    theirs, kept = [await executed(world, each, YEARS_AGO) for each in (team, keeper)]

    done = await ran(world, secrets)

    assert done.months_dropped == []
    assert await has(world, theirs) == (False, 0)
    assert await has(world, kept) == (True, 3)


async def test_logs_go_before_their_executions_by_the_days_of_the_plan(
    world: World, secrets: Secrets
) -> None:
    team = await world.team()
    await plan(world, team, "free")
    gone, bare, whole = [await executed(world, team, days_ago(days)) for days in (91, 15, 13)]

    done = await ran(world, secrets)

    assert [await has(world, each) for each in (gone, bare, whole)] == [
        (False, 0),
        (True, 0),
        (True, 3),
    ]
    assert done.gone["executions"] == 1


async def test_a_workspace_that_was_deleted_long_ago_is_removed(
    world: World, secrets: Secrets
) -> None:
    team = await world.team()
    await world.superuser.execute(
        "UPDATE workspaces SET deleted_at = now() - app.workspace_grace() WHERE id = $1",
        team.workspace,
    )

    done = await ran(world, secrets)

    assert done.gone["workspaces"] == 1


async def test_another_plan_keeps_them_longer(world: World, secrets: Secrets) -> None:
    team = await world.team()
    await plan(world, team, "pro")
    execution = await executed(world, team, days_ago(89))

    await ran(world, secrets)

    assert await has(world, execution) == (True, 3)


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"logDays": 2}, (True, 0)),
        ({"logDays": 2, "executionDays": 2}, (False, 0)),
        ({"executionDays": 2}, (False, 0)),
        ({"logDays": 100, "executionDays": 100}, (True, 3)),
        ({"logDays": 99999999, "executionDays": 99999999}, (True, 3)),
        ({"logDays": -1}, (True, 0)),
        ({"logDays": "2"}, (True, 3)),
        ({"logDays": None, "executionDays": [1]}, (True, 3)),
    ],
)
async def test_a_workspace_may_have_days_of_its_own(
    shared_world: World, secrets: Secrets, limits: dict[str, object], left: tuple[bool, int]
) -> None:
    team = await shared_world.team()
    await plan(shared_world, team, "free", **limits)
    execution = await executed(shared_world, team, days_ago(3))

    await ran(shared_world, secrets)

    assert await has(shared_world, execution) == left


async def test_a_plan_that_is_not_known_is_kept_as_long_as_the_longest(
    world: World, secrets: Secrets
) -> None:
    team = await world.team()
    await plan(world, team, "a plan of next year")
    execution = await executed(world, team, days_ago(364))

    await ran(world, secrets)

    assert await has(world, execution) == (True, 3)


async def test_what_still_runs_stays(world: World, secrets: Secrets) -> None:
    team = await world.team()
    running = await executed(world, team, YEARS_AGO, status="running")

    done = await ran(world, secrets)

    assert await has(world, running) == (True, 3)
    assert done.months_dropped == ["audit_logs_y2010m03"]


async def test_what_was_masked_in_a_line_goes_with_it(world: World, secrets: Secrets) -> None:
    team = await world.team()
    await plan(world, team, "free")
    execution = await executed(world, team, days_ago(15))
    for part in ("line", "input_data"):
        await world.superuser.execute(
            "INSERT INTO execution_originals (execution_id, part, workspace_id, sealed, key_id)"
            " VALUES ($1, $2, $3, 'sealed', 'k')",
            execution,
            part,
            team.workspace,
        )

    await ran(world, secrets)
    left = await world.superuser.fetch("SELECT part FROM execution_originals")

    assert [row[0] for row in left] == ["input_data"]


async def test_many_rows_go_in_batches(
    world: World, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "ROWS", 10)
    team = await world.team()
    old = [await executed(world, team, days_ago(20), lines=12) for _ in range(3)]

    done = await ran(world, secrets)

    assert done.gone["log_lines"] == 36
    assert [await has(world, each) for each in old] == [(True, 0)] * 3


async def test_hundreds_of_executions_are_walked_through_once(
    world: World, secrets: Secrets
) -> None:
    team = await world.team()
    await months(world, days_ago(20))
    await world.superuser.execute(
        "INSERT INTO executions (id, workspace_id, workflow_id, trigger_type, status)"
        " SELECT app.uuid7($1::timestamptz + make_interval(secs => n)), $2, $3, 'manual', 'success'"
        " FROM generate_series(1, 250) n",
        days_ago(20),
        team.workspace,
        team.workflow,
    )
    last = await executed(world, team, days_ago(19))

    await ran(world, secrets)
    due = await world.superuser.fetch("SELECT app.expired_workspaces()")

    assert await has(world, last) == (True, 0)
    assert due == []


async def test_audit_rows_go_by_the_plan_and_none_younger_than_a_month(
    world: World, secrets: Secrets
) -> None:
    team = await world.team()
    await plan(world, team, "free", auditDays=1)
    for days in (400, 40, 20):
        await audited(world, team, days_ago(days))

    done = await ran(world, secrets)
    left = await world.superuser.fetchval(
        "SELECT count(*) FROM audit_logs WHERE workspace_id = $1 AND action = 'workflow.update'"
        " AND timestamp < now() - interval '1 day'",
        team.workspace,
    )

    assert done.gone["audit_rows"] == 2
    assert left == 1


async def test_nobody_else_takes_audit_rows_away(world: World) -> None:
    team = await world.team()
    await audited(world, team, YEARS_AGO)

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await world.superuser.execute("DELETE FROM audit_logs")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with world.acting(Viewer(team.owner)) as connection:
            await connection.execute("SELECT app.expire_audit($1, 10)", team.workspace)


async def test_of_many_processes_one_does_it(world: World, secrets: Secrets) -> None:
    team = await world.team()
    await executed(world, team, YEARS_AGO)

    done = await asyncio.gather(*(maintain(world.url, secrets, silent) for _ in range(6)))

    dropped = [name for each in done if each for name in each.months_dropped]
    assert sorted(dropped) == OF_2010


async def test_what_was_done_a_moment_ago_is_not_done_again(world: World, secrets: Secrets) -> None:
    await ran(world, secrets)

    again = await maintain(world.url, secrets, silent, unless_within=maintenance.EVERY)
    found = await upkeep(world.database)

    assert again is None
    assert found.months_ahead == MONTHS_AHEAD
    assert found.maintained is not None


async def test_what_was_deleted_and_can_no_longer_be_restored_goes_for_good(
    world: World, secrets: Secrets
) -> None:
    gone, kept, other = [await world.team() for _ in range(3)]
    ran_once = await executed(world, gone, days_ago(1))
    for team, days in ((gone, 31), (kept, 29)):
        await world.superuser.execute(
            "UPDATE workspaces SET deleted_at = $2 WHERE id = $1", team.workspace, days_ago(days)
        )
    await world.superuser.execute(
        "UPDATE workflows SET deleted_at = $2 WHERE id = $1", other.workflow, days_ago(31)
    )

    done = await ran(world, secrets)
    left = await world.superuser.fetch("SELECT id FROM workspaces")

    assert {row[0] for row in left} == {kept.workspace, other.workspace}
    assert await has(world, ran_once) == (False, 0)
    assert await has(world, other.execution) == (False, 0)
    assert (done.gone["workspaces"], done.gone["workflows"]) == (1, 1)
    assert (done.gone["executions"], done.gone["log_lines"]) == (1, 3)


class TestBesideOthers:
    """Transactions of others that are open the whole time."""

    async def test_an_open_reader_of_the_parent_keeps_a_month_for_the_next_run(
        self, world: World, secrets: Secrets
    ) -> None:
        team = await world.team()
        await executed(world, team, YEARS_AGO)
        async with world.acting(Viewer(team.owner)) as reader:
            await reader.fetch("SELECT count(*) FROM executions, execution_logs, audit_logs")

            during = await ran(world, secrets)
        after = await ran(world, secrets)

        assert during.months_dropped == []
        assert "execution_logs_y2010m03" in during.waiting
        assert sorted(after.months_dropped) == OF_2010

    async def test_nobody_waits_long_behind_it(self, world: World, secrets: Secrets) -> None:
        team = await world.team()
        await executed(world, team, YEARS_AGO)
        longest = 0.0
        over = asyncio.Event()

        async def others() -> None:
            nonlocal longest
            async with world.database.api.connection() as connection:
                while not over.is_set():
                    began = time.monotonic()
                    await connection.fetch("SELECT count(*) FROM execution_logs, executions")
                    longest = max(longest, time.monotonic() - began)

        async with world.acting(Viewer(team.owner)) as reader:
            await reader.fetch("SELECT count(*) FROM execution_logs")
            asking = asyncio.create_task(others())
            await ran(world, secrets)
            over.set()
            await asking

        assert 0 < longest < 2

    async def test_a_writer_in_the_way_keeps_its_row_for_the_next_run(
        self, world: World, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(maintenance, "ATTEMPTS", 1)
        team = await world.team()
        execution = await executed(world, team, days_ago(100))
        async with world.superuser.transaction():
            await world.superuser.execute(
                "SELECT FROM execution_streams WHERE execution_id = $1 FOR UPDATE", execution
            )
            during = await ran(world, secrets)
        assert during.waiting == [f"executions of workspace {team.workspace}"]

        after = await ran(world, secrets)

        assert after.gone["executions"] == 1

    async def test_writers_go_on_while_months_are_dropped(
        self, world: World, secrets: Secrets
    ) -> None:
        team = await world.team()
        for month in range(1, 7):
            await executed(world, team, YEARS_AGO.replace(month=month))
        over = asyncio.Event()

        async def write() -> int:
            count = 0
            async with world.database.api.connection():
                while not over.is_set():
                    execution = await executed_now(world, team)
                    count += 1
                    assert (await has(world, execution))[0]
            return count

        writing = asyncio.create_task(write())
        dropped: list[str] = []
        for _ in range(10):  # a month that somebody held is the next run's
            done = await ran(world, secrets)
            dropped += done.months_dropped
            if not done.waiting:
                break
        over.set()

        assert await writing > 0
        assert len(dropped) == len(set(dropped)) == 6 * len(TABLES)


async def executed_now(world: World, team: Team) -> UUID:
    connection = await asyncpg.connect(world.url)
    try:
        return await connection.fetchval(
            "INSERT INTO executions (workspace_id, workflow_id, trigger_type, status)"
            " VALUES ($1, $2, 'manual', 'success') RETURNING id",
            team.workspace,
            team.workflow,
        )
    finally:
        await connection.close()


async def test_maintenance_cannot_drop_what_is_still_needed(world: World, secrets: Secrets) -> None:
    team = await world.team()
    connection = await asyncpg.connect(as_login(world.url, "mcp_maintenance", secrets))
    this_month = f"execution_logs_y{TODAY:%Y}m{TODAY:%m}"
    try:
        for name in (this_month, "users", "execution_logs", "x; DROP TABLE users"):
            assert not await connection.fetchval("SELECT ops.drop_month($1)", name)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM ops.retention")
    finally:
        await connection.close()

    assert await has(world, team.execution) == (True, 0)


async def test_a_database_that_is_away_is_said_in_a_line(secrets: Secrets) -> None:
    with pytest.raises(MaintenanceFailed, match="broke off"):
        await maintain("postgresql://x@127.0.0.1:1/nowhere", secrets, silent)
