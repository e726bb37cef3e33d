"""What dashboards watch: an execution, the executions of a workspace, deployments, workflows."""

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from resolvers.errors import Forbidden, InvalidInput, NotFound
from tests import sample
from tests.streams.watching import Process, begin, superuser_of

if TYPE_CHECKING:
    from asyncpg import Connection, Record

EXECUTION = """
subscription ($id: ID!) {
  executionUpdated(executionId: $id) { databaseId status workflow { name } }
}
"""
CHANGES = """
subscription ($id: ID!, $after: String) {
  workspaceExecutions(workspaceId: $id, after: $after) {
    executions { databaseId status } others cursor
  }
}
"""
RUNNING = CHANGES.replace("after: $after", "after: $after, filter: {status: [RUNNING]}")
TEAM = sample.of("workspace 1")
# A change that counts nothing: a counter would be locked until the transaction ends.
CHANGE = "UPDATE executions SET memory_usage_mb = 1 WHERE id = $1"


async def test_an_execution_is_sent_as_it_is_and_when_it_ends(
    here: Process, execution: UUID
) -> None:
    async with here.watch(EXECUTION, id=execution) as watcher:
        assert await watcher.next() == {
            "databaseId": str(execution),
            "status": "RUNNING",
            "workflow": {"name": "Flow 1"},
        }
        await here.end(execution)
        assert (await watcher.next())["status"] == "SUCCESS"
        with pytest.raises(StopAsyncIteration):
            await watcher.next()


async def test_the_end_that_nobody_tells_is_sent(here: Process, execution: UUID) -> None:
    async with here.watch(EXECUTION, id=execution) as watcher:
        await watcher.next()
        await here.end(execution, "failed", said=False)
        assert (await watcher.next())["status"] == "FAILED"


async def test_an_unknown_execution_is_not_found(here: Process) -> None:
    async with here.watch(EXECUTION, id=sample.of("nothing")) as watcher:
        with pytest.raises(NotFound):
            await watcher.next()


async def test_executions_of_a_workspace_are_sent_as_they_begin_and_end(
    here: Process, root: "Connection[Record]"
) -> None:
    async with here.watch(CHANGES, id=TEAM) as watcher:
        assert (await watcher.next())["executions"] == []
        execution = await begin(root)
        here.streams.touch(TEAM)
        assert (await watcher.next())["executions"] == [
            {"databaseId": str(execution), "status": "RUNNING"}
        ]
        await here.end(execution)
        assert (await watcher.next())["executions"] == [
            {"databaseId": str(execution), "status": "SUCCESS"}
        ]


async def test_an_execution_that_leaves_the_filter_is_named(
    here: Process, root: "Connection[Record]"
) -> None:
    async with here.watch(RUNNING, id=TEAM) as watcher:
        await watcher.next()
        execution = await begin(root)
        here.streams.touch(TEAM)
        assert [row["databaseId"] for row in (await watcher.next())["executions"]] == [
            str(execution)
        ]
        await here.end(execution)
        change = await watcher.next()
    assert (change["executions"], change["others"]) == ([], [str(execution)])


async def test_a_change_that_is_committed_late_is_sent(
    here: Process, root: "Connection[Record]", watched_url: str
) -> None:
    """A transaction that began earlier and commits later has the lower number."""
    late, slow = await begin(root), await superuser_of(watched_url)
    async with here.watch(CHANGES, id=TEAM) as watcher:
        await watcher.next()
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute(CHANGE, late)
        early = await begin(root)
        here.streams.touch(TEAM)
        first = await watcher.next()
        await transaction.commit()
        here.streams.touch(TEAM)
        second = await watcher.next()
    await slow.close()
    assert [row["databaseId"] for row in first["executions"]] == [str(early)]
    assert [row["databaseId"] for row in second["executions"]] == [str(late)]


async def test_a_cursor_of_changes_misses_nothing(
    here: Process, root: "Connection[Record]"
) -> None:
    async with here.watch(CHANGES, id=TEAM) as watcher:
        cursor = (await watcher.next())["cursor"]
    begun = {str(await begin(root)) for _ in range(3)}
    async with here.watch(CHANGES, id=TEAM, after=cursor) as watcher:
        assert {row["databaseId"] for row in (await watcher.next())["executions"]} >= begun


async def test_many_changes_at_once_are_all_sent(here: Process, root: "Connection[Record]") -> None:
    async with here.watch(CHANGES, id=TEAM) as watcher:
        await watcher.next()
        await root.execute(
            "INSERT INTO executions (id, workspace_id, workflow_id, trigger_type)"
            " SELECT app.uuid7(), $1, $2, 'bulk' FROM generate_series(1, 450)",
            TEAM,
            sample.of("workflow 1 1"),
        )
        assert len({row["databaseId"] for row in (await watcher.next())["executions"]}) == 450


async def test_a_stranger_watches_no_workspace(here: Process) -> None:
    async with here.watch(CHANGES, viewer=sample.viewers(1)["stranger"], id=TEAM) as watcher:
        with pytest.raises(NotFound):
            await watcher.next()


async def test_what_is_no_cursor_of_changes_is_refused(here: Process) -> None:
    async with here.watch(CHANGES, id=TEAM, after="AAAA") as watcher:
        with pytest.raises(InvalidInput):
            await watcher.next()


async def test_a_deployment_is_sent_when_it_changes(
    here: Process, root: "Connection[Record]"
) -> None:
    query = "subscription ($id: ID!) { deploymentUpdated(deploymentId: $id) { healthStatus } }"
    id = sample.of("deployment 1 1 1")
    async with here.watch(query, id=id) as watcher:
        await watcher.next()
        await root.execute("UPDATE deployments SET health_status = 'degraded' WHERE id = $1", id)
        here.streams.touch(id)
        assert await watcher.next() == {"healthStatus": "degraded"}


async def test_a_workflow_is_sent_when_it_changes_and_not_once_it_is_gone(
    here: Process, root: "Connection[Record]"
) -> None:
    query = "subscription ($id: ID!) { workflowChanged(workflowId: $id) { name } }"
    id = sample.of("workflow 1 24")
    async with here.watch(query, id=id) as watcher:
        await watcher.next()
        await root.execute("UPDATE workflows SET name = 'Renamed' WHERE id = $1", id)
        assert await watcher.next() == {"name": "Renamed"}
        await root.execute("DELETE FROM workflows WHERE id = $1", id)
        with pytest.raises(Forbidden):
            await watcher.next()


async def test_what_was_there_before_is_not_sent_though_an_older_transaction_runs(
    here: Process, root: "Connection[Record]", watched_url: str
) -> None:
    before, slow = await begin(root), await superuser_of(watched_url)
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(CHANGE, before)
    async with here.watch(CHANGES, id=TEAM) as watcher:
        assert (await watcher.next())["executions"] == []
        after = await begin(root)
        here.streams.touch(TEAM)
        assert [row["databaseId"] for row in (await watcher.next())["executions"]] == [str(after)]
    await transaction.rollback()
    await slow.close()
