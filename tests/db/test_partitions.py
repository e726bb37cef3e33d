"""Months of executions, logs and audit rows: made ahead, found by id, dropped when old."""

import asyncio
import datetime as dt
from uuid import UUID

import asyncpg
import pytest

from db import partitions
from db.secrets import Secrets
from db.session import as_login
from tests.db.world import World

TABLES = ["audit_logs", "execution_logs", "execution_originals", "execution_streams", "executions"]
A_MONTH = dt.date(2031, 5, 17)
MAKE = "SELECT create_monthly_partition($1, $2)"


async def partitions_of(world: World, table: str) -> list[str]:
    rows = await world.superuser.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::text::regclass"
        " ORDER BY 1",
        table,
    )
    return [row[0] for row in rows]


async def test_four_months_ahead_are_there_from_the_start(world: World) -> None:
    this_month = dt.datetime.now(dt.UTC).date().replace(day=1)
    five_on = (this_month + dt.timedelta(days=5 * 31)).replace(day=1)

    assert await partitions.months_ahead(world.database) >= partitions.MONTHS_AHEAD
    for table in TABLES:
        assert f"{table}_y{this_month:%Y}m{this_month:%m}" in await partitions_of(world, table)
        assert f"{table}_y{five_on:%Y}m{five_on:%m}" not in await partitions_of(world, table)


async def test_every_partitioned_table_is_known(world: World) -> None:
    rows = await world.superuser.fetch("SELECT ops.partitioned_tables()")

    assert [row[0] for row in rows] == TABLES


async def test_making_a_month_twice_makes_it_once(world: World) -> None:
    assert await world.superuser.fetchval(MAKE, "executions", A_MONTH)
    assert not await world.superuser.fetchval(MAKE, "executions", A_MONTH)
    assert not await world.superuser.fetchval(MAKE, "executions", A_MONTH.replace(day=31))


async def test_a_month_is_named_as_ordered_and_begins_at_its_first_moment(world: World) -> None:
    await world.superuser.fetchval(MAKE, "executions", A_MONTH)
    moments = ("2031-05-01 00:00Z", "2031-05-31 23:59:59.999Z")
    ids = [await world.superuser.fetchval(f"SELECT app.uuid7('{each}')") for each in moments]
    assert "executions_y2031m05" in await partitions_of(world, "executions")
    bounds = await world.superuser.fetchval(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'executions_y2031m05'"
    )
    low, high = (UUID(part.split("'")[1]) for part in bounds.split(") TO "))
    assert low < ids[0] < ids[1] < high
    assert high.int >> 80 == int(dt.datetime(2031, 6, 1, tzinfo=dt.UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("table", "month"),
    [
        ("users", A_MONTH),
        ("executions_y2026m11", A_MONTH),
        ("executions; DROP TABLE users; --", A_MONTH),
        ('executions" (id uuid); DROP TABLE users; --', A_MONTH),
        ("secret.viewer_keys", A_MONTH),
        ("EXECUTIONS", A_MONTH),
        ("", A_MONTH),
        (None, A_MONTH),
        ("executions", None),
        ("executions", dt.date(1, 1, 1)),
        ("executions", dt.date(9999, 12, 31)),
    ],
)
async def test_what_is_no_monthly_table_or_no_month_is_refused(
    shared_world: World, table: str | None, month: dt.date | None
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await shared_world.superuser.fetchval(MAKE, table, month)

    assert await shared_world.superuser.fetchval("SELECT to_regclass('users') IS NOT NULL")


async def test_of_two_who_make_the_same_month_one_makes_it(world: World) -> None:
    async def make() -> bool:
        connection = await asyncpg.connect(world.url)
        try:
            return await connection.fetchval(MAKE, "execution_logs", A_MONTH)
        finally:
            await connection.close()

    assert sorted(await asyncio.gather(make(), make())) == [False, True]


async def test_an_open_reader_is_not_in_the_way(world: World) -> None:
    async with world.database.api.connection() as reader, reader.transaction():
        await reader.fetch("SELECT count(*) FROM executions, execution_logs, audit_logs")

        assert all([await world.superuser.fetchval(MAKE, table, A_MONTH) for table in TABLES])


async def test_a_writer_makes_it_wait_and_the_next_attempt_succeeds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "PAUSE", 0.05)
    team = await world.team()
    last = (await partitions_of(world, "execution_originals"))[-1]
    await world.superuser.execute(f"DROP TABLE {last}")
    waited = asyncio.Event()
    writer = await asyncpg.connect(world.url)
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute("UPDATE executions SET status = 'success' WHERE id = $1", team.execution)

    async def end_when_waited_for() -> None:
        async with asyncio.timeout(20):
            await waited.wait()
        await transaction.rollback()
        await writer.close()

    def report(line: str) -> None:
        if "wait for a writer" in line:
            waited.set()

    await asyncio.gather(partitions.ensure(world.superuser, report), end_when_waited_for())

    assert waited.is_set()
    assert last in await partitions_of(world, "execution_originals")


async def test_a_new_month_keeps_the_policies_of_its_parent(world: World) -> None:
    await world.superuser.fetchval(MAKE, "executions", A_MONTH)

    assert await world.superuser.fetchval(
        "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class"
        " WHERE relname = 'executions_y2031m05'"
    )
    async with world.database.api.connection() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM executions_y2031m05")


async def test_a_look_up_by_id_touches_one_partition(world: World) -> None:
    team = await world.team()

    plan = await world.superuser.fetch(
        f"EXPLAIN (COSTS OFF) SELECT status FROM executions WHERE id = '{team.execution}'"
    )

    assert sum("executions_y" in row[0] for row in plan) == 1


async def test_maintenance_makes_months_and_reads_nothing(world: World, secrets: Secrets) -> None:
    connection = await asyncpg.connect(as_login(world.url, "mcp_maintenance", secrets))
    try:
        made = await connection.fetchval("SELECT ops.ensure_partitions('2031-01-01', 2)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT id FROM executions")
    finally:
        await connection.close()

    assert made == 2 * len(TABLES)
