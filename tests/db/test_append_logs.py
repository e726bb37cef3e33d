"""Lines of a log: each once, numbered without a gap, in the order of their commits."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from db.filters import where
from db.logs import CONDITIONS, LogLevel
from db.session import Viewer
from tests.db.world import Team, World

if TYPE_CHECKING:
    from asyncpg import Record

BLOCKED = """
SELECT EXISTS (SELECT FROM pg_stat_activity
                WHERE wait_event_type = 'Lock' AND datname = current_database())
"""

APPEND = "SELECT * FROM app.append_logs($1, $2)"


@pytest.fixture
def world(shared_world: World) -> World:
    """Every test has a team of its own in it."""
    return shared_world


@pytest.fixture
async def team(world: World) -> Team:
    return await world.team()


def lines(*messages: str, **more: Any) -> list[dict[str, Any]]:
    return [{"id": str(uuid4()), "message": message, **more} for message in messages]


async def append(
    world: World, team: Team, sent: list[dict[str, Any]], by: Viewer | None = None
) -> "Record":
    async with world.acting(by or Viewer(team.editor)) as connection:
        row = await connection.fetchrow(APPEND, team.execution, json.dumps(sent))
    assert row is not None
    return row


async def delete(world: World, execution: UUID) -> None:
    connection = await asyncpg.connect(world.url)
    await connection.execute("DELETE FROM executions WHERE id = $1", execution)
    await connection.close()


async def kept(world: World, execution: UUID) -> list[tuple[int, str]]:
    rows = await world.superuser.fetch(
        "SELECT seq, message FROM execution_logs WHERE execution_id = $1 ORDER BY seq", execution
    )
    return [(row[0], row[1]) for row in rows]


async def test_lines_are_numbered_in_the_order_given(world: World, team: Team) -> None:
    first = await append(world, team, lines("a", "b"))
    second = await append(world, team, lines("c"))

    assert tuple(first) == (1, 2, 2)
    assert tuple(second) == (3, 3, 1)
    assert await kept(world, team.execution) == [(1, "a"), (2, "b"), (3, "c")]


async def test_what_a_line_leaves_out_is_filled_in(world: World, team: Team) -> None:
    await append(world, team, [{"message": "bare"}])
    await append(
        world,
        team,
        [
            {
                "message": "full",
                "level": "error",
                "node_id": "n1",
                "metadata": {"a": 1},
                "timestamp": "2026-11-01T12:00:00Z",
            }
        ],
    )

    bare, full = await world.superuser.fetch(
        'SELECT level, node_id, metadata, "timestamp" AS at FROM execution_logs'
        " WHERE execution_id = $1 ORDER BY seq",
        team.execution,
    )

    assert (bare["level"], bare["node_id"], bare["metadata"]) == ("info", None, None)
    assert (full["level"], full["node_id"], full["metadata"]) == ("error", "n1", '{"a": 1}')
    assert full["at"].isoformat() == "2026-11-01T12:00:00+00:00"


async def test_sending_again_changes_nothing(world: World, team: Team) -> None:
    sent = lines("a", "b")
    await append(world, team, sent)

    again = await append(world, team, sent)
    more = await append(world, team, [*sent, *lines("c")])

    assert again["inserted"] == 0
    assert tuple(more) == (3, 3, 1)
    assert await kept(world, team.execution) == [(1, "a"), (2, "b"), (3, "c")]


async def test_a_line_twice_in_one_batch_is_kept_once(world: World, team: Team) -> None:
    once = lines("a")[0]

    await append(world, team, [once, *lines("b"), {**once, "message": "another"}])

    assert await kept(world, team.execution) == [(1, "a"), (2, "b")]


async def test_lines_without_ids_are_new_each_time_also_beside_a_known_one(
    world: World, team: Team
) -> None:
    sent = [{"message": "a"}, *lines("b"), {"message": "c"}]

    await append(world, team, sent)
    again = await append(world, team, sent)

    assert tuple(again) == (4, 5, 2)
    assert await kept(world, team.execution) == [(1, "a"), (2, "b"), (3, "c"), (4, "a"), (5, "c")]


async def test_every_line_has_an_id_of_its_own(world: World, team: Team) -> None:
    for _ in range(3):
        await append(world, team, [{"message": "x"}] * 200)

    ids = await world.superuser.fetchval(
        "SELECT count(DISTINCT id) FROM execution_logs WHERE execution_id = $1", team.execution
    )

    assert ids == 600


async def test_an_ended_execution_takes_no_new_line_but_forgives_a_retry(
    world: World, team: Team
) -> None:
    sent = lines("a")
    await append(world, team, sent)
    await world.superuser.execute(
        "UPDATE executions SET status = 'success' WHERE id = $1", team.execution
    )

    assert (await append(world, team, sent))["inserted"] == 0
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError) as refused:
        await append(world, team, [*sent, *lines("late")])

    assert refused.value.constraint_name == "execution_streams_open"
    assert await kept(world, team.execution) == [(1, "a")]


async def test_many_at_once_leave_neither_gap_nor_double(world: World, team: Team) -> None:
    async def runtime(name: int) -> None:
        for n in range(10):
            sent = lines(*(f"{name}.{n}.{k}" for k in range(3)))
            await append(world, team, sent)
            await append(world, team, sent)

    await asyncio.gather(*(runtime(name) for name in range(4)))

    found = await kept(world, team.execution)
    assert [seq for seq, _ in found] == list(range(1, 121))
    assert len({message for _, message in found}) == 120
    for name in range(4):
        own = [message for _, message in found if message.startswith(f"{name}.")]
        assert own == [f"{name}.{n}.{k}" for n in range(10) for k in range(3)]


async def test_whoever_has_seen_a_line_has_seen_all_before_it(world: World, team: Team) -> None:
    """A second appender waits for the first one's commit: no later number is visible before."""
    first = await asyncpg.connect(world.url)
    await first.execute("BEGIN")
    await first.execute("SELECT app.become($1)", team.editor)
    await first.fetch(APPEND, team.execution, json.dumps(lines("first")))

    second = asyncio.create_task(append(world, team, lines("second")))
    async with asyncio.timeout(10):
        while not await world.superuser.fetchval(BLOCKED):
            pass
    assert await kept(world, team.execution) == []
    await first.execute("COMMIT")
    await first.close()
    await second

    assert await kept(world, team.execution) == [(1, "first"), (2, "second")]


async def test_an_execution_that_is_deleted_takes_its_lines_along(world: World, team: Team) -> None:
    beside = await world.execution(team.workspace, team.workflow)
    await append(world, team, lines("a", "b"))
    await append(world, replace(team, execution=beside), lines("c"))

    await world.superuser.execute("DELETE FROM executions WHERE id = $1", team.execution)

    assert await kept(world, team.execution) == []
    assert await kept(world, beside) == [(1, "c")]


async def test_a_line_that_is_appended_during_the_deletion_goes_too(
    world: World, team: Team
) -> None:
    writer = await asyncpg.connect(world.url)
    await writer.execute("BEGIN")
    await writer.execute("SELECT app.become($1)", team.editor)
    await writer.fetch(APPEND, team.execution, json.dumps(lines("late")))

    deleting = asyncio.create_task(delete(world, team.execution))
    async with asyncio.timeout(10):
        while not await world.superuser.fetchval(BLOCKED):
            pass
    await writer.execute("COMMIT")
    await writer.close()
    await deleting

    assert await kept(world, team.execution) == []


async def test_nothing_is_appended_after_the_deletion(world: World, team: Team) -> None:
    async with world.superuser.transaction():
        await world.superuser.execute("DELETE FROM executions WHERE id = $1", team.execution)
        late = asyncio.create_task(append(world, team, lines("late")))
        async with asyncio.timeout(10):
            while not await world.superuser.fetchval(BLOCKED):
                pass

    with pytest.raises(asyncpg.NoDataFoundError):
        await late
    assert await kept(world, team.execution) == []


async def test_many_who_append_and_delete_leave_no_line_without_its_execution(
    world: World, team: Team
) -> None:
    runs = [await world.execution(team.workspace, team.workflow) for _ in range(12)]

    async def runtime(run: UUID) -> None:
        with suppress(asyncpg.NoDataFoundError):
            for _ in range(20):
                await append(world, replace(team, execution=run), [*lines("a"), {"message": "b"}])

    await asyncio.gather(*map(runtime, runs), *(delete(world, run) for run in runs))

    assert not await world.superuser.fetchval(
        "SELECT EXISTS (SELECT FROM execution_logs WHERE execution_id = ANY ($1))", runs
    )


async def test_lines_are_written_under_the_lock_of_their_stream_only(world: World) -> None:
    """No foreign key holds a line to its execution: its stream does (docs/adr/0023)."""
    writers = await world.superuser.fetch(
        "SELECT oid::regprocedure::text FROM pg_proc"
        r" WHERE prosrc ~* '(insert\s+into|update)\s+(public\.)?execution_logs\M' ORDER BY 1"
    )
    roles = await world.superuser.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname ~ '^(mcp_|app)' AND ("
        " has_table_privilege(oid, 'execution_logs', 'INSERT, UPDATE, TRUNCATE')"
        " OR has_any_column_privilege(oid, 'execution_logs', 'INSERT, UPDATE')) ORDER BY 1"
    )

    assert [row[0] for row in writers] == [
        "app.report_lines(uuid,jsonb,text[],integer)",
        "app.report_new_lines(uuid,jsonb,text[],integer)",
    ]
    assert [row[0] for row in roles] == ["app_definer", "mcp_owner"]


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ([{"message": None}], asyncpg.NotNullViolationError),
        ([{"message": "x", "level": "loud"}], asyncpg.CheckViolationError),
        ([{"message": "x" * 65537}], asyncpg.CheckViolationError),
        ([{"message": "x", "id": "no uuid"}], asyncpg.DataError),
        ([{"message": "x", "timestamp": "no moment"}], asyncpg.DataError),
        ({"message": "x"}, asyncpg.DataError),
    ],
)
async def test_one_bad_line_refuses_the_batch(
    world: World, team: Team, sent: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await append(world, team, [*lines("good"), *sent] if isinstance(sent, list) else sent)

    assert await kept(world, team.execution) == []


async def test_who_may_append(world: World, team: Team) -> None:
    other = await world.team()
    writer = await world.api_key(team.workspace, team.owner, "logs:write")
    reader = await world.api_key(team.workspace, team.owner, "logs:read", "executions:read")
    foreign = await world.api_key(other.workspace, other.owner, "logs:write")

    await append(world, team, lines("by key"), Viewer(api_key_id=writer))
    for viewer in (Viewer(team.viewer), Viewer(api_key_id=reader)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await append(world, team, lines("x"), viewer)
    for stranger in (Viewer(), Viewer(other.owner), Viewer(api_key_id=foreign)):
        with pytest.raises(asyncpg.NoDataFoundError):
            await append(world, team, lines("x"), stranger)

    assert await kept(world, team.execution) == [(1, "by key")]


@pytest.mark.parametrize("plans", ["auto", "force_generic_plan", "force_custom_plan"])
async def test_appending_does_not_read_the_log(world: World, team: Team, plans: str) -> None:
    """The cost of a batch must not grow with the log it is appended to."""
    await world.superuser.execute(
        "INSERT INTO execution_logs (execution_id, seq, workspace_id, message)"
        " SELECT $1, n, $2, 'old' FROM generate_series(1, 3000) n",
        team.execution,
        team.workspace,
    )
    await world.superuser.execute(
        "UPDATE execution_streams SET last_seq = 3000 WHERE execution_id = $1", team.execution
    )
    await world.superuser.execute("ANALYZE execution_logs")
    month = await world.superuser.fetchval(
        "SELECT tableoid::regclass::text FROM execution_logs WHERE execution_id = $1 LIMIT 1",
        team.execution,
    )
    read = "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = $1"

    async with world.superuser.transaction():
        await world.superuser.execute(f"SET LOCAL plan_cache_mode = {plans}")
        await world.superuser.execute("SELECT app.become($1)", team.editor)
        before = await world.superuser.fetchval(read, month)
        for _ in range(8):  # beyond the fifth, the plan may become a generic one
            await world.superuser.execute(APPEND, team.execution, json.dumps(lines("a", "b", "c")))
        after = await world.superuser.fetchval(read, month)

    assert after - before < 200


@pytest.mark.parametrize("levels", [[LogLevel.ERROR], [LogLevel.WARN, LogLevel.ERROR]])
async def test_what_went_wrong_is_found_without_reading_the_log(
    world: World, team: Team, levels: list[LogLevel]
) -> None:
    await append(world, team, [{"message": "well"}] * 3_000)
    await append(world, team, [{"message": "badly", "level": "error"}] * 3)
    wanted = where(levels, lambda given: (CONDITIONS, {"level": given}))
    test = wanted.text.replace("{}", "$2")
    query = f"SELECT message FROM execution_logs WHERE execution_id = $1 AND {test} ORDER BY seq"
    read = (
        "SELECT sum(idx_tup_fetch)::bigint FROM pg_stat_xact_user_tables"
        " WHERE relname ~ '^execution_logs_'"
    )

    async with world.acting(Viewer(team.viewer)) as connection:
        before = await connection.fetchval(read)
        found = await connection.fetch(f"{query} LIMIT 20", team.execution, levels)
        after = await connection.fetchval(read)

    assert [row[0] for row in found] == ["badly"] * 3
    assert (after or 0) - (before or 0) <= 10
