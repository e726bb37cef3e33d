"""The queue for connections has an end, and waiting in it, too."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from db import pools
from db.errors import BadValue, Busy, OutOfRoom, refusal_of
from db.pgbouncer import LOGINS, PASSED_ON, Pooling, main_file, users_file
from db.pools import Pool
from db.secrets import Secrets
from db.session import SERVER_SETTINGS, alone, pool_of
from tests.conftest import NewDatabase


@pytest.fixture
async def pool(new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Pool]:
    """One connection, for which two may wait."""
    monkeypatch.setattr(pools, "MOST_WAITING", 2)
    async with pool_of(await new_database(), 1, 8.0, 100) as pool:
        yield pool


@pytest.fixture
async def faults() -> AsyncGenerator[list[object]]:
    """What the event loop is told of that nobody waits for."""
    loop, told = asyncio.get_running_loop(), list[object]()
    loop.set_exception_handler(lambda _, context: told.append(context))
    yield told
    loop.set_exception_handler(None)


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not so():  # noqa: ASYNC110 # what changes has no event
            await asyncio.sleep(0)


async def in_line(pool: Pool, count: int) -> None:
    """Returns when so many wait for a connection."""
    await until(lambda: pool.waiting >= count)


async def test_who_finds_the_queue_full_is_refused_at_once(pool: Pool) -> None:
    async with pool.connection():
        waiting = [asyncio.ensure_future(alone(pool, "SELECT 7")) for _ in range(2)]
        await in_line(pool, 2)
        with pytest.raises(Busy, match="2 requests wait"):
            await alone(pool, "SELECT 7")
    assert await asyncio.gather(*waiting) == [7, 7]


async def test_who_waits_too_long_is_refused(pool: Pool) -> None:
    pool.patience = 0.05
    async with pool.connection():
        with pytest.raises(Busy, match=r"within 0\.05 seconds"):
            await pool.acquire()
        assert pool.taken
    assert await alone(pool, "SELECT 7") == 7


async def test_who_waits_where_none_can_be_opened_is_told_so() -> None:
    """Not that others have them: nobody has."""
    pool = Pool(asyncio.Event().wait, 1)  # pyright: ignore[reportArgumentType] # opens none
    first = asyncio.create_task(pool.acquire())
    await until(lambda: pool.taken)
    pool.patience = 0.05
    with pytest.raises(TimeoutError):
        await pool.acquire()
    first.cancel()


async def test_a_turn_that_comes_just_as_its_time_is_over_is_taken(
    pool: Pool, faults: list[object]
) -> None:
    connection = await pool.acquire()
    pool.patience = 0
    waiting = asyncio.create_task(pool.acquire())
    await in_line(pool, 1)
    # In the same turn of the loop as the deadline.
    asyncio.get_running_loop().call_soon(pool.release, connection)
    assert await waiting is connection
    assert faults == []
    pool.release(connection)


async def test_a_connection_that_comes_just_after_the_time_is_over_is_the_next_ones(
    pool: Pool,
) -> None:
    connection = await pool.acquire()
    pool.patience = 0
    waiting = asyncio.create_task(pool.acquire())
    await in_line(pool, 1)
    asyncio.get_running_loop().call_later(0, pool.release, connection)
    with pytest.raises(Busy):
        await waiting
    assert await alone(pool, "SELECT 7") == 7


async def test_who_gives_up_waiting_makes_room(pool: Pool) -> None:
    async with pool.connection():
        for _ in range(5):
            waiting = asyncio.ensure_future(alone(pool, "SELECT 7"))
            await in_line(pool, 1)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert pool.waiting == 0
    assert await alone(pool, "SELECT 7") == 7


async def test_who_came_first_is_served_first(pool: Pool) -> None:
    served: list[str] = []

    async def ask(name: str) -> None:
        async with pool.connection():
            served.append(name)

    async with pool.connection():
        first = asyncio.ensure_future(ask("first"))
        await in_line(pool, 1)
    await ask("second")  # just as the connection is given back
    await first
    assert served == ["first", "second"]


async def test_a_turn_that_was_given_up_is_the_next_ones(pool: Pool) -> None:
    async with pool.connection():
        first, second = (asyncio.ensure_future(alone(pool, "SELECT 7")) for _ in range(2))
        await in_line(pool, 2)
    first.cancel()  # its turn has come, but it has not run since
    assert await asyncio.wait_for(second, 5) == 7


async def test_a_full_disk_has_a_name_of_its_own(pool: Pool) -> None:
    raised = "DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
    with pytest.raises(OutOfRoom, match="could not extend file"), refusal_of():
        await alone(pool, raised)


async def test_a_transaction_left_open_is_not_handed_to_the_next(
    pool: Pool, faults: list[object]
) -> None:
    connection = await pool.acquire()
    await connection.execute("BEGIN")
    pool.release(connection)
    async with pool.connection() as next_one:
        assert not next_one.is_in_transaction()
    assert len(faults) == 1


async def test_who_fails_gives_the_connection_back(pool: Pool) -> None:
    async def fails() -> None:
        async with pool.connection():
            raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        await fails()
    assert await alone(pool, "SELECT 7") == 7


async def test_a_connection_that_could_not_be_opened_can_be_opened_later(pool: Pool) -> None:
    pool.patience = 0
    with pytest.raises(TimeoutError):
        await pool.acquire()
    pool.patience = 4
    assert await alone(pool, "SELECT 7") == 7


async def test_a_connection_is_free_as_soon_as_it_is_given_back(pool: Pool) -> None:
    async with pool.connection():
        assert pool.idle == 0
    assert pool.idle == 1


async def test_a_broken_connection_is_replaced(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.close()
    assert await alone(pool, "SELECT 7") == 7


async def test_a_connection_that_was_used_often_is_replaced(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "MOST_USES", 3)
    backends = [await alone(pool, "SELECT pg_backend_pid()") for _ in range(4)]
    assert backends[0] == backends[2] != backends[3]
    assert pool.open == 1


async def test_a_connection_that_was_given_many_statements_is_replaced(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "SELECT pg_backend_pid() -- {}"
    monkeypatch.setattr(pools, "MOST_REMEMBERED", 2 * len(asked))
    again = [await alone(pool, asked.format("again")) for _ in range(5)]
    other = [await alone(pool, asked.format(number)) for number in range(3)]
    assert len(set(again)) == 1
    assert other[0] == again[0] != other[2]
    assert pool.open == 1


async def test_the_settings_stay_when_a_statement_fails(pool: Pool) -> None:
    with pytest.raises(BadValue):
        await alone(pool, "SELECT 1 / 0")
    assert await alone(pool, "SHOW enable_seqscan") == "off"


async def test_an_end_waits_for_who_has_a_connection(new_database: NewDatabase) -> None:
    async with pool_of(await new_database(), 1, 8.0, 100) as pool:
        connection = await pool.acquire()
        using = asyncio.ensure_future(connection.fetchval("SELECT 7 FROM pg_sleep(0.05)"))
        using.add_done_callback(lambda _: pool.release(connection))
    assert await using == 7
    assert connection.is_closed()


async def test_an_end_breaks_off_who_does_not_give_a_connection_back(
    new_database: NewDatabase,
) -> None:
    async with pool_of(await new_database(), 2, 8.0, 100) as pool:
        connection = await pool.acquire()
        pool.patience = 0.05
    assert connection.is_closed()


def test_pgbouncer_sets_what_it_does_not_pass_on() -> None:
    text = main_file("postgresql://me@db:5433/platform", "/users", 8.0, Pooling(port=7000, size=5))
    lines = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    database = lines["platform"]
    assert "host=db port=5433 dbname=platform" in database
    for name, value in SERVER_SETTINGS.items():
        if name not in PASSED_ON:
            assert f"SET {name} = {value}" in database
            assert name in lines["ignore_startup_parameters"]
    assert (lines["pool_mode"], lines["listen_port"]) == ("transaction", "7000")


def test_pgbouncer_is_told_of_a_socket_and_every_login(secrets: Secrets) -> None:
    text = main_file("postgresql://postgres@/platform?host=/run/pg", "/users", 8.0, Pooling())
    assert "host=/run/pg port=5432 dbname=platform" in text
    for login in LOGINS:
        assert f'"{login}" "{secrets.password(login)}"' in users_file(secrets)
