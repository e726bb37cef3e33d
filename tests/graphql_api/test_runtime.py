"""What runtimes report and people ask of executions, who may, and that nothing is doubled."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from db import runtime
from db.secrets import Secrets
from db.session import Viewer, connect
from resolvers import reaping
from resolvers.streams import Streams
from tests import sample
from tests.graphql_api.asking import Asking
from tests.graphql_api.platform import (
    DEFINITION,
    EDITOR,
    OPERATIONS,
    WHO,
    Data,
    Platform,
    uuid7,
)


@pytest.fixture
async def empty_queue(platform: Platform) -> None:
    await platform.superuser.execute("DELETE FROM execution_jobs")


# Beginning


async def test_a_runtime_whose_clock_is_ahead_can_finish(platform: Platform) -> None:
    ahead = uuid7(datetime.now(UTC) + timedelta(minutes=4))
    execution = await platform.running(id=ahead)
    payload = await platform.done("finishExecution", executionId=execution, status="SUCCESS")
    assert payload["execution"]["durationMs"] == 0
    assert payload["execution"]["completedAt"] == payload["execution"]["startedAt"]


async def test_an_execution_begins_as_it_is_reported(platform: Platform) -> None:
    flow = await platform.workflow()
    payload = await platform.done(
        "startExecution",
        workflowId=flow,
        triggerType="webhook",
        triggerData={"path": "/hook"},
        inputData={"n": [1, 2.5, None]},
    )
    execution = payload["execution"]
    assert execution["status"] == "RUNNING"
    assert execution["triggerType"] == "webhook"
    assert execution["triggerData"] == {"path": "/hook"}
    assert execution["inputData"] == {"n": [1, 2.5, None]}
    assert execution["workflow"]["databaseId"] == flow


async def test_starting_again_with_the_same_id_is_the_same_execution(platform: Platform) -> None:
    flow, id = await platform.workflow(), uuid7()
    first = await platform.done("startExecution", workflowId=flow, id=id)
    again = await platform.done("startExecution", workflowId=flow, id=id, triggerType="other")
    assert first["execution"] == again["execution"]
    assert first["execution"]["databaseId"] == id


async def test_many_who_start_with_the_same_id_at_once_start_one(platform: Platform) -> None:
    flow, id = await platform.workflow(), uuid7()
    payloads = await asyncio.gather(
        *(platform("startExecution", workflowId=flow, id=id) for _ in range(8))
    )
    assert [payload["errors"] for payload in payloads] == [[]] * 8
    count = "SELECT count(*) FROM executions WHERE workflow_id = $1"
    assert await platform.superuser.fetchval(count, UUID(flow)) == 1


async def test_an_id_of_another_workflows_execution_is_refused(platform: Platform) -> None:
    id = await platform.running(id=uuid7())
    error = await platform.refused("startExecution", workflowId=await platform.workflow(), id=id)
    assert (error["code"], error["path"]) == ("CONFLICT", ["input", "id"])


@pytest.mark.parametrize(
    "id",
    [
        str(uuid4()),
        uuid7(datetime.now(UTC) - timedelta(days=1, minutes=5)),
        uuid7(datetime.now(UTC) + timedelta(hours=1)),
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
    ],
    ids=["of version 4", "too old", "too new", "of the last moment there is"],
)
async def test_an_id_must_be_of_about_now(platform: Platform, id: str) -> None:
    error = await platform.refused("startExecution", workflowId=await platform.workflow(), id=id)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "id"])


async def test_an_execution_may_be_reported_a_day_late(platform: Platform) -> None:
    await platform.running(id=uuid7(datetime.now(UTC) - timedelta(hours=23)))


async def test_an_execution_is_of_its_deployments_version(platform: Platform) -> None:
    flow = await platform.workflow()
    deployment = await platform.deployment(flow)
    async with platform.database.writing(EDITOR) as transaction:
        save = "SELECT app.save_workflow($1, 1, $2::jsonb, NULL)"
        await transaction.value(save, UUID(flow), DEFINITION)
    version = "SELECT workflow_version FROM executions WHERE id = $1"
    deployed = await platform.running(workflowId=flow, deploymentId=deployment)
    newest = await platform.running(workflowId=flow)
    chosen = await platform.running(workflowId=flow, version=1)
    found = [
        await platform.superuser.fetchval(version, UUID(each))
        for each in (deployed, newest, chosen)
    ]
    assert found == [1, 2, 1]


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"version": 99}, "NOT_FOUND", "version"),
        ({"deploymentId": str(sample.of("deployment 2 1 1"))}, "NOT_FOUND", "deploymentId"),
        ({"deploymentId": "nonsense"}, "NOT_FOUND", "deploymentId"),
        ({"triggerType": " "}, "INVALID_INPUT", "triggerType"),
        ({"triggerType": "x" * 101}, "INVALID_INPUT", "triggerType"),
        ({"triggerType": "a\0b"}, "INVALID_INPUT", "triggerType"),
    ],
)
async def test_a_start_that_cannot_be_is_refused(
    platform: Platform, given: Data, code: str, field: str
) -> None:
    flow = await platform.workflow()
    error = await platform.refused("startExecution", workflowId=flow, **given)
    assert (error["code"], error["path"]) == (code, ["input", field])


# Who may

ALLOWED = ("owner", "admin", "editor", "key")
CODES = {
    "viewer": "FORBIDDEN",
    "stranger": "NOT_FOUND",
    "key for nothing": "NOT_FOUND",
    "revoked key": "NOT_FOUND",
    "nobody": "UNAUTHENTICATED",
}


async def given_to(platform: Platform, name: str) -> Data:
    """What the mutation needs to succeed."""
    if name in ("startExecution", "triggerExecution"):
        return {"workflowId": await platform.workflow()}
    if name == "claimExecution":
        return {"deploymentId": await platform.deployment(await platform.workflow())}
    execution = await platform.running()
    if name == "retryExecution":
        await platform.done("finishExecution", executionId=execution, status="FAILED")
    if name in ("retryExecution", "cancelExecution"):
        return {"id": execution}
    more: dict[str, Data] = {
        "appendExecutionLogs": {"lines": [{"message": "x"}]},
        "finishExecution": {"status": "SUCCESS"},
    }
    return {"executionId": execution, **more.get(name, {})}


EVERY = [*OPERATIONS, "cancelExecution", "retryExecution"]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("who", ALLOWED)
async def test_who_may_write_executions(platform: Platform, name: str, who: str) -> None:
    await platform.done(name, WHO[who], **await given_to(platform, name))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("who", CODES)
async def test_who_may_not_write_executions(platform: Platform, name: str, who: str) -> None:
    given = await given_to(platform, name)
    before = await platform.superuser.fetchval("SELECT count(*) FROM executions")
    error = await platform.refused(name, WHO[who], **given)
    assert error["code"] == CODES[who]
    assert await platform.superuser.fetchval("SELECT count(*) FROM executions") == before


async def test_a_key_that_may_only_append_cannot_end(platform: Platform) -> None:
    execution = await platform.running()
    key = await platform.superuser.fetchval(
        "INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, scopes, created_by)"
        " VALUES ($1, 'k', sha256('only logs'), 'mcp_', '{logs:write,executions:read}', $2)"
        " RETURNING id",
        sample.of("workspace 1"),
        EDITOR.user_id,
    )
    viewer = Viewer(api_key_id=key)
    lines = [{"message": "x"}]
    await platform.done("appendExecutionLogs", viewer, executionId=execution, lines=lines)
    error = await platform.refused(
        "finishExecution", viewer, executionId=execution, status="SUCCESS"
    )
    assert error["code"] == "FORBIDDEN"


async def test_whoever_may_write_but_not_read_gets_no_execution(platform: Platform) -> None:
    key = await platform.superuser.fetchval(
        "INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, scopes, created_by)"
        " VALUES ($1, 'k', sha256('only write'), 'mcp_', '{executions:write}', $2) RETURNING id",
        sample.of("workspace 1"),
        EDITOR.user_id,
    )
    flow = await platform.workflow()
    payload = await platform.done("startExecution", Viewer(api_key_id=key), workflowId=flow)
    assert payload["execution"] is None


# The log


async def test_lines_are_kept_once_and_in_order(platform: Platform) -> None:
    execution = await platform.running()
    lines = [{"id": str(uuid4()), "message": str(n), "nodeId": "fetch"} for n in range(5)]
    first = await platform.done("appendExecutionLogs", executionId=execution, lines=lines[:3])
    again = await platform.done("appendExecutionLogs", executionId=execution, lines=lines)
    counts = ("firstSeq", "lastSeq", "appended", "duplicates")
    assert [first[name] for name in counts] == [1, 3, 3, 0]
    assert [again[name] for name in counts] == [4, 5, 2, 3]
    kept = [(row["seq"], row["message"]) for row in await platform.lines(execution)]
    assert kept == [(n + 1, str(n)) for n in range(5)]


async def test_a_line_of_an_unknown_node_is_kept_as_nobodys(platform: Platform) -> None:
    execution = await platform.running()
    lines = [
        {"message": "a", "nodeId": "fetch"},
        {"message": "b", "nodeId": "nowhere"},
        {"message": "c", "nodeId": "x" * 300},
        {"message": "d"},
    ]
    payload = await platform.done("appendExecutionLogs", executionId=execution, lines=lines)
    assert payload["appended"] == 4
    warned = [(each["line"], each["code"]) for each in payload["warnings"]]
    assert warned == [(1, "UNKNOWN_NODE"), (2, "UNKNOWN_NODE")]
    kept = [row["node_id"] for row in await platform.lines(execution)]
    assert kept == ["fetch", None, None, None]


async def test_nodes_are_those_of_the_executed_version(platform: Platform) -> None:
    flow = await platform.workflow()
    old = await platform.running(workflowId=flow)
    async with platform.database.writing(EDITOR) as transaction:
        await transaction.value(
            "SELECT app.save_workflow($1, 1, $2::jsonb, NULL)",
            UUID(flow),
            '{"nodes": [{"id": "other", "type": "x", "name": "X"}], "edges": []}',
        )
    new = await platform.running(workflowId=flow)
    lines = [{"message": "x", "nodeId": "other"}]
    of_old = await platform.done("appendExecutionLogs", executionId=old, lines=lines)
    of_new = await platform.done("appendExecutionLogs", executionId=new, lines=lines)
    assert (len(of_old["warnings"]), len(of_new["warnings"])) == (1, 0)


async def test_what_is_too_long_is_cut_where_it_shows(platform: Platform) -> None:
    execution = await platform.running()
    lines = [{"message": "ü" * 40_000}, {"message": "x", "metadata": {"big": "y" * 20_000}}]
    payload = await platform.done("appendExecutionLogs", executionId=execution, lines=lines)
    assert payload["truncated"] == 2
    codes = [each["code"] for each in payload["warnings"]]
    assert codes == ["MESSAGE_TRUNCATED", "METADATA_TRUNCATED"]
    long, large = await platform.lines(execution)
    assert len(long["message"].encode()) <= 65_536
    assert long["message"].endswith("… [14504 bytes cut]")
    assert long["metadata"] == '{"messageBytesCut": 14504}'
    assert '"bytes": 20010' in large["metadata"]


async def test_a_character_that_cannot_be_kept_is_shown(platform: Platform) -> None:
    execution = await platform.running()
    lines = [{"message": "a\0b", "metadata": {"k\0": ["\0", "\\u0000"]}}]
    payload = await platform.done("appendExecutionLogs", executionId=execution, lines=lines)
    assert payload["warnings"][0]["code"] == "NUL_REPLACED"
    (line,) = await platform.lines(execution)
    assert line["message"] == "a␀b"
    assert line["metadata"] == '{"k␀": ["␀", "\\\\u0000"]}'


async def test_a_thousand_lines_are_appended_and_one_more_is_refused(platform: Platform) -> None:
    execution = await platform.running()
    lines = [{"id": str(uuid4()), "message": f"line {n}"} for n in range(1_001)]
    payload = await platform.done("appendExecutionLogs", executionId=execution, lines=lines[1:])
    assert payload["appended"] == 1_000
    error = await platform.refused("appendExecutionLogs", executionId=execution, lines=lines)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "lines"])


async def test_no_line_is_no_harm(platform: Platform) -> None:
    execution = await platform.running()
    payload = await platform.done("appendExecutionLogs", executionId=execution, lines=[])
    assert (payload["firstSeq"], payload["lastSeq"], payload["appended"]) == (None, 0, 0)


async def test_appending_is_one_statement(
    platform: Platform, secrets: Secrets, asking: Callable[..., Asking]
) -> None:
    """A thousand lines cost as many round trips as one."""
    execution = await platform.running()
    query = (
        "mutation ($input: AppendExecutionLogsInput!)"
        " { appendExecutionLogs(input: $input) { errors { code } appended warnings { line } } }"
    )
    said: list[str] = []
    lines = [{"message": str(n), "nodeId": "fetch"} for n in range(1_000)]
    given = {"executionId": execution, "lines": lines}
    async with connect(platform.url, secrets, size=1) as database:
        async with database.api.connection() as connection:
            connection.add_query_logger(lambda logged: said.append(logged.query))
        answer = await asking(database, "loaders")(query, EDITOR, input=given)
    assert answer["appendExecutionLogs"] == {"errors": [], "appended": 1_000, "warnings": []}
    assert len(said) == 1


# Living and ending


async def test_an_end_is_final_and_saying_it_again_is_harmless(platform: Platform) -> None:
    execution = await platform.running()
    end: Data = {
        "executionId": execution,
        "status": "FAILED",
        "outputData": {"rows": 3},
        "errorMessage": "no",
        "errorStack": "at a",
        "durationMs": 1200,
        "memoryUsageMb": 64,
    }
    other_status: Data = {**end, "status": "SUCCESS"}
    other_output: Data = {**end, "outputData": {"rows": 4}}
    first = await platform.done("finishExecution", **end)
    again = await platform.done("finishExecution", **end)
    other = await platform.refused("finishExecution", **other_status)
    changed = await platform.refused("finishExecution", **other_output)
    assert first["execution"]["status"] == "FAILED"
    assert first["execution"]["durationMs"] == 1200
    assert first["execution"]["outputData"] == {"rows": 3}
    assert again["execution"] == first["execution"]
    assert (other["code"], changed["code"]) == ("CONFLICT", "CONFLICT")


async def test_an_end_without_a_duration_takes_the_time_since_the_start(
    platform: Platform,
) -> None:
    execution = await platform.running(id=uuid7(datetime.now(UTC) - timedelta(minutes=10)))
    payload = await platform.done("finishExecution", executionId=execution, status="SUCCESS")
    again = await platform.done("finishExecution", executionId=execution, status="SUCCESS")
    assert 600_000 <= payload["execution"]["durationMs"] < 660_000
    assert again["execution"] == payload["execution"]


async def test_what_has_ended_takes_neither_lines_nor_heartbeats(platform: Platform) -> None:
    execution = await platform.running()
    line = {"id": str(uuid4()), "message": "before"}
    await platform.done("appendExecutionLogs", executionId=execution, lines=[line])
    await platform.done("finishExecution", executionId=execution, status="SUCCESS")
    again = await platform.done("appendExecutionLogs", executionId=execution, lines=[line])
    late = await platform.refused(
        "appendExecutionLogs", executionId=execution, lines=[{"message": "late"}]
    )
    alive = await platform.refused("heartbeatExecution", executionId=execution)
    assert again["duplicates"] == 1
    assert (late["code"], alive["code"]) == ("CONFLICT", "CONFLICT")


async def test_negative_measures_are_refused(platform: Platform) -> None:
    execution = await platform.running()
    error = await platform.refused(
        "finishExecution", executionId=execution, status="SUCCESS", durationMs=-1
    )
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "durationMs"])


async def test_a_runtime_hears_of_a_cancellation_at_its_next_call(platform: Platform) -> None:
    execution = await platform.running()
    before = await platform.done("heartbeatExecution", executionId=execution)
    asked = await platform.done("cancelExecution", id=execution)
    beat = await platform.done("heartbeatExecution", executionId=execution)
    said = await platform.done(
        "appendExecutionLogs", executionId=execution, lines=[{"message": "stopping"}]
    )
    ended = await platform.done("finishExecution", executionId=execution, status="CANCELLED")
    assert (before["cancelRequested"], asked["ended"]) == (False, False)
    assert (beat["cancelRequested"], said["cancelRequested"]) == (True, True)
    assert ended["execution"]["status"] == "CANCELLED"
    assert (await platform.done("cancelExecution", id=execution))["ended"] is True


async def test_what_ended_otherwise_cannot_be_cancelled(platform: Platform) -> None:
    execution = await platform.running()
    await platform.done("finishExecution", executionId=execution, status="SUCCESS")
    assert (await platform.refused("cancelExecution", id=execution))["code"] == "CONFLICT"


# Silence


async def reaped(platform: Platform, secrets: Secrets) -> dict[str, str]:
    found = await runtime.reap(platform.url, secrets, 1000)
    return {str(each.execution_id): each.status for each in found}


async def test_silent_executions_are_given_up(platform: Platform, secrets: Secrets) -> None:
    silent, talking = await platform.running(), await platform.running()
    for each in (silent, talking):
        await platform.silent_for(each, 3601)
    await platform.done("appendExecutionLogs", executionId=talking, lines=[{"message": "here"}])
    found = await reaped(platform, secrets)
    assert found[silent] == "timeout"
    assert talking not in found
    row = await platform.superuser.fetchrow(
        "SELECT status, error_message FROM executions WHERE id = $1", UUID(silent)
    )
    assert row is not None
    assert row["status"] == "timeout"
    assert row["error_message"].startswith("Nothing was heard of it for 36")


async def test_how_long_an_execution_may_be_silent_is_its_workflows(
    platform: Platform, secrets: Secrets
) -> None:
    flow = await platform.workflow()
    await platform.superuser.execute(
        "UPDATE workflows SET timeout_seconds = 30 WHERE id = $1", UUID(flow)
    )
    short, long = await platform.running(workflowId=flow), await platform.running()
    for each in (short, long):
        await platform.silent_for(each, 40)
    found = await reaped(platform, secrets)
    assert found[short] == "timeout"
    assert long not in found


async def test_a_cancelled_execution_whose_runtime_is_gone_ends(
    platform: Platform, secrets: Secrets
) -> None:
    execution = await platform.running()
    await platform.done("cancelExecution", id=execution)
    assert execution not in await reaped(platform, secrets)
    await platform.silent_for(execution, 61)
    assert (await reaped(platform, secrets))[execution] == "cancelled"


async def test_of_two_who_reap_at_once_one_does(platform: Platform, secrets: Secrets) -> None:
    execution = await platform.running()
    await platform.silent_for(execution, 4000)
    lock = "SELECT pg_advisory_xact_lock(hashtext('app.reap_executions'))"
    async with platform.superuser.transaction():
        await platform.superuser.execute(lock)
        assert await reaped(platform, secrets) == {}
    assert execution in await reaped(platform, secrets)


async def test_reaping_ends_all_and_tells_those_who_watch(
    platform: Platform, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaping, "MOST", 2)
    silent = {UUID(await platform.running()) for _ in range(5)}
    for each in silent:
        await platform.silent_for(str(each), 4000)

    class Watching(Streams):
        def wake(self, execution_id: UUID, head: int, closed: bool = False) -> None:
            told.append((execution_id, closed))

    told: list[tuple[UUID, bool]] = []
    assert await reaping.reap(platform.url, secrets, Watching()) == 5
    assert sorted(told) == sorted((each, True) for each in silent)


async def test_the_apis_own_login_cannot_reap(platform: Platform) -> None:
    async with platform.database.api.connection() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT app.reap_executions()")


# The queue


@pytest.mark.usefixtures("empty_queue")
async def test_a_runtime_takes_what_was_triggered(platform: Platform) -> None:
    first = await platform.queued(inputData={"n": 1})
    second = await platform.queued()
    taken = await platform.done("claimExecution", WHO["key"])
    assert taken["execution"]["databaseId"] == first
    assert taken["execution"]["inputData"] == {"n": 1}
    assert taken["attempt"] == 1
    assert (await platform.done("claimExecution"))["execution"]["databaseId"] == second
    assert (await platform.done("claimExecution"))["execution"] is None


@pytest.mark.usefixtures("empty_queue")
async def test_of_many_runtimes_each_takes_another(platform: Platform) -> None:
    flow = await platform.workflow()
    queued = {await platform.queued(workflowId=flow) for _ in range(40)}
    taken: list[str] = []

    async def runtime_at_work() -> None:
        while (claimed := await platform.done("claimExecution"))["execution"]:
            taken.append(claimed["execution"]["databaseId"])

    await asyncio.gather(*(runtime_at_work() for _ in range(8)))
    # One who asks while the last is being taken may find none: whoever asks again gets the rest.
    await runtime_at_work()
    assert len(taken) == 40
    assert set(taken) == queued


@pytest.mark.usefixtures("empty_queue")
async def test_what_a_silent_runtime_held_is_taken_by_one_other(platform: Platform) -> None:
    execution = await platform.queued()
    await platform.done("claimExecution", leaseSeconds=10)
    assert (await platform.done("claimExecution"))["execution"] is None
    await platform.silent_for(execution, 11)
    taken = await asyncio.gather(*(platform.done("claimExecution") for _ in range(8)))
    attempts = [each["attempt"] for each in taken if each["execution"]]
    assert attempts == [2]


@pytest.mark.usefixtures("empty_queue")
async def test_whoever_lost_an_execution_can_no_longer_report(platform: Platform) -> None:
    execution = await platform.queued()
    await platform.done("claimExecution", leaseSeconds=10)
    await platform.silent_for(execution, 11)
    await platform.done("claimExecution")
    said: dict[str, Data] = {
        "appendExecutionLogs": {"lines": [{"message": "x"}]},
        "heartbeatExecution": {},
        "finishExecution": {"status": "SUCCESS"},
    }
    for name, more in said.items():
        error = await platform.refused(name, executionId=execution, attempt=1, **more)
        assert (error["code"], error["path"]) == ("CONFLICT", ["input", "attempt"])
        await platform.done(name, executionId=execution, attempt=2, **more)


@pytest.mark.usefixtures("empty_queue")
async def test_a_line_renews_the_lease(platform: Platform) -> None:
    execution = await platform.queued()
    await platform.done("claimExecution", leaseSeconds=10)
    await platform.silent_for(execution, 11)
    await platform.done("appendExecutionLogs", executionId=execution, lines=[{"message": "x"}])
    assert (await platform.done("claimExecution"))["execution"] is None


@pytest.mark.usefixtures("empty_queue")
async def test_what_waits_is_cancelled_at_once(platform: Platform) -> None:
    execution = await platform.queued()
    payload = await platform.done("cancelExecution", id=execution)
    assert payload["ended"] is True
    assert payload["execution"]["status"] == "CANCELLED"
    assert (await platform.done("claimExecution"))["execution"] is None


@pytest.mark.usefixtures("empty_queue")
async def test_a_deployment_takes_its_own_and_what_is_nobodys(platform: Platform) -> None:
    flow = await platform.workflow()
    ours = await platform.deployment(flow)
    theirs = await platform.deployment(flow, environment="staging")
    foreign = await platform.queued()
    for_theirs = await platform.queued(workflowId=flow, deploymentId=theirs)
    for_ours = await platform.queued(workflowId=flow, deploymentId=ours)
    for_any = await platform.queued(workflowId=flow)
    taken: list[str] = []
    while (claimed := await platform.done("claimExecution", deploymentId=ours))["execution"]:
        taken.append(claimed["execution"]["databaseId"])
    assert taken == [for_ours, for_any]
    assert (await platform.done("claimExecution"))["execution"]["databaseId"] == foreign
    assert (await platform.done("claimExecution"))["execution"]["databaseId"] == for_theirs


@pytest.mark.usefixtures("empty_queue")
async def test_nobody_takes_what_another_workspace_queued(platform: Platform) -> None:
    await platform.queued()
    taken = await platform.done("claimExecution", sample.viewers(2)["key"])
    assert taken["execution"] is None


async def test_a_stopped_deployment_is_not_triggered(platform: Platform) -> None:
    flow = await platform.workflow()
    deployment = await platform.deployment(flow, status="stopped")
    error = await platform.refused("triggerExecution", workflowId=flow, deploymentId=deployment)
    assert (error["code"], error["path"]) == ("CONFLICT", ["input", "deploymentId"])


@pytest.mark.parametrize("seconds", [0, -1, 4, 86_401])
async def test_a_lease_has_its_limits(platform: Platform, seconds: int) -> None:
    error = await platform.refused("claimExecution", leaseSeconds=seconds)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "leaseSeconds"])


# Once more


@pytest.mark.usefixtures("empty_queue")
@pytest.mark.parametrize(("latest", "version"), [(False, 1), (True, 2)])
async def test_a_retry_has_the_input_and_the_version_wanted(
    platform: Platform, latest: bool, version: int
) -> None:
    flow = await platform.workflow()
    failed = await platform.running(workflowId=flow, inputData={"n": 7})
    await platform.done("finishExecution", executionId=failed, status="FAILED")
    async with platform.database.writing(EDITOR) as transaction:
        save = "SELECT app.save_workflow($1, 1, $2::jsonb, NULL)"
        await transaction.value(save, UUID(flow), DEFINITION)
    retried = (await platform.done("retryExecution", id=failed, latest=latest))["execution"]
    assert retried["databaseId"] != failed
    assert retried["inputData"] == {"n": 7}
    assert retried["triggerData"] == {"retryOf": failed}
    found = await platform.superuser.fetchval(
        "SELECT workflow_version FROM executions WHERE id = $1", UUID(retried["databaseId"])
    )
    assert found == version
    claimed = await platform.done("claimExecution")
    assert claimed["execution"]["databaseId"] == retried["databaseId"]


async def test_what_runs_is_not_retried(platform: Platform) -> None:
    error = await platform.refused("retryExecution", id=await platform.running())
    assert error["code"] == "CONFLICT"


async def test_retrying_again_with_the_same_id_is_the_same_execution(platform: Platform) -> None:
    failed = await platform.running()
    await platform.done("finishExecution", executionId=failed, status="FAILED")
    id = uuid7()
    first = await platform.done("retryExecution", id=failed, newId=id)
    again = await platform.done("retryExecution", id=failed, newId=id)
    assert first["execution"]["databaseId"] == again["execution"]["databaseId"] == id


@pytest.mark.parametrize("name", ["cancelExecutions", "retryExecutions"])
async def test_each_of_several_has_its_own_answer(platform: Platform, name: str) -> None:
    running, ended = await platform.running(), await platform.running()
    await platform.done("finishExecution", executionId=ended, status="FAILED")
    query = f"""
    mutation ($ids: [ID!]!) {{
      {name}(ids: $ids) {{
        errors {{ code }} results {{ errors {{ code path }} execution {{ databaseId }} }}
      }}
    }}
    """
    ids = [running, ended, "nonsense", str(sample.of("execution 2 1 1"))]
    payload = (await platform.ask(query, EDITOR, ids=ids))[name]
    codes = [[each["code"] for each in result["errors"]] for result in payload["results"]]
    right, wrong = (0, 1) if name == "cancelExecutions" else (1, 0)
    assert codes[right] == []
    assert codes[wrong] == ["CONFLICT"]
    assert codes[2:] == [["NOT_FOUND"], ["NOT_FOUND"]]
    many = (await platform.ask(query, EDITOR, ids=[running] * 101))[name]
    assert [each["code"] for each in many["errors"]] == ["INVALID_INPUT"]
