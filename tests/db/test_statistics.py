"""Statistics are counted as executions begin and end, and equal a count over all executions."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from db.session import Viewer
from tests.db.world import Team, World

# The view as it was ordered: an aggregate over every execution.
ORDERED = """
SELECT count(e.id)                                              AS total_executions,
       count(CASE WHEN e.status = 'success' THEN 1 END)         AS successful_executions,
       count(CASE WHEN e.status = 'failed' THEN 1 END)          AS failed_executions,
       round(count(CASE WHEN e.status = 'success' THEN 1 END) * 100.0
             / nullif(count(e.id), 0), 2)                       AS success_rate,
       avg(e.duration_ms)                                       AS avg_duration_ms,
       max(e.started_at)                                        AS last_executed_at
  FROM workflows w LEFT JOIN executions e ON e.workflow_id = w.id
 WHERE w.id = $1 GROUP BY w.id
"""

KEPT = """
SELECT total_executions, successful_executions, failed_executions, success_rate, avg_duration_ms,
       last_executed_at
  FROM workflow_statistics WHERE id = $1
"""

FINISH = "UPDATE executions SET status = $2, duration_ms = $3 WHERE id = $1"


@pytest.fixture
def world(shared_world: World) -> World:
    """Every test has a team of its own in it."""
    return shared_world


async def both(world: World, workflow: UUID) -> tuple[Any, Any]:
    ordered = await world.superuser.fetchrow(ORDERED, workflow)
    return await world.superuser.fetchrow(KEPT, workflow), ordered


async def outcome(world: World, workflow: UUID) -> tuple[int, int, int]:
    row = await world.superuser.fetchrow(KEPT, workflow)
    assert row is not None
    return row["total_executions"], row["successful_executions"], row["failed_executions"]


async def test_a_run_that_succeeds_is_counted_once(world: World) -> None:
    team = await world.team()
    assert await outcome(world, team.workflow) == (1, 0, 0)

    await world.superuser.execute(FINISH, team.execution, "success", 120)

    assert await outcome(world, team.workflow) == (1, 1, 0)


async def test_a_run_that_arrives_ended_is_counted_once(world: World) -> None:
    team = await world.team()

    await world.execution(team.workspace, team.workflow, "failed")

    assert await outcome(world, team.workflow) == (2, 0, 1)


async def test_other_changes_of_a_run_count_nothing(world: World) -> None:
    team = await world.team()

    await world.superuser.execute(
        "UPDATE executions SET memory_usage_mb = 5, status = 'running' WHERE id = $1",
        team.execution,
    )

    assert await outcome(world, team.workflow) == (1, 0, 0)


async def test_a_workflow_that_never_ran_has_zeros_and_no_rate(world: World) -> None:
    owner = await world.user()
    workflow = await world.workflow(await world.workspace(owner), owner)

    kept, ordered = await both(world, workflow)

    assert tuple(kept) == tuple(ordered) == (0, 0, 0, None, None, None)


async def test_the_view_answers_what_the_ordered_one_counts(world: World) -> None:
    team = await world.team()
    statuses = ["running", "success", "failed", "cancelled", "timeout", "success"]
    for n, status in enumerate(statuses):
        execution = await world.execution(team.workspace, team.workflow)
        if status != "running":
            await world.superuser.execute(FINISH, execution, status, 100 * n)

    kept, ordered = await both(world, team.workflow)

    assert tuple(kept) == tuple(ordered)
    assert kept["total_executions"] == 7


async def test_many_who_finish_at_once_lose_no_count(world: World) -> None:
    team = await world.team()
    runs = [await world.execution(team.workspace, team.workflow) for _ in range(60)]

    async def finish(share: list[UUID]) -> None:
        connection = await asyncpg.connect(world.url)
        for run in share:
            await connection.execute(FINISH, run, "success", 10)
        await connection.close()

    await asyncio.gather(*(finish(runs[n::6]) for n in range(6)))

    assert await outcome(world, team.workflow) == (61, 60, 0)
    kept, ordered = await both(world, team.workflow)
    assert tuple(kept) == tuple(ordered)


async def test_an_undone_finish_counts_nothing(world: World) -> None:
    team = await world.team()
    transaction = world.superuser.transaction()
    await transaction.start()
    await world.superuser.execute(FINISH, team.execution, "success", 10)
    await transaction.rollback()

    assert await outcome(world, team.workflow) == (1, 0, 0)


@pytest.fixture
async def team(world: World) -> Team:
    return await world.team()


async def test_the_views_show_a_viewer_only_its_own(world: World, team: Team) -> None:
    other = await world.team()
    await world.workflow(team.workspace, team.owner)

    seen = await world.seen(Viewer(team.viewer), "SELECT array_agg(id) FROM workflow_statistics")
    async with world.acting(Viewer(team.viewer)) as connection:
        dashboards = await connection.fetch("SELECT * FROM user_dashboard")

    assert team.workflow in seen
    assert other.workflow not in seen
    assert [dict(row) for row in dashboards] == [
        {
            "user_id": team.viewer,
            "total_workflows": 2,
            "active_workflows": 0,
            "total_executions": 1,
            "total_workspaces": 1,
        }
    ]


async def test_a_key_has_no_dashboard(world: World, team: Team) -> None:
    key = await world.api_key(team.workspace, team.owner, "workspace:read", "workflows:read")

    assert await world.seen(Viewer(api_key_id=key), "SELECT count(*) FROM user_dashboard") == 0
