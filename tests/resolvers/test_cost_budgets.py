"""Budgets of cost by the hour: never more than there is, however many spend it at once."""

import asyncio
import random
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from db import cost_budgets
from db.secrets import Secrets
from db.session import Client, Database, Viewer, connect
from resolvers.context import Asker
from resolvers.cost_budgets import Budgets, OverBudget, Spent, budgets, digest_of

if TYPE_CHECKING:
    from asyncpg import Connection, Record

HOUR = timedelta(hours=1)


WITHIN_ONE = """
SELECT pg_sleep_until(date_trunc('hour', now()) + '1 hour')
 WHERE now() > date_trunc('hour', now()) + interval '59 minutes 50 seconds'
"""
"""A test that began in the last seconds of an hour would spend of two."""


@pytest.fixture(autouse=True)
async def within_one_hour(superuser: "Connection[Record]") -> None:
    await superuser.execute(WITHIN_ONE)


@pytest.fixture
async def elsewhere(database_url: str, secrets: Secrets) -> AsyncGenerator[Database]:
    """The pools of another process."""
    async with connect(database_url, secrets, size=4) as database:
        yield database


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The parts that were taken from the database, as they are."""
    parts: list[int] = []
    take = cost_budgets.take

    async def noted(*given: Any) -> cost_budgets.PartRow:
        found = await take(*given)
        parts.append(found.part)
        return found

    monkeypatch.setattr(cost_budgets, "take", noted)
    return parts


def somebody() -> Asker:
    return Asker(Viewer(uuid4()))


async def spent(process: Budgets, asker: Asker, cost: int) -> int:
    """What was spent: the cost, or nothing."""
    try:
        await process.spend(asker, cost)
    except OverBudget:
        return 0
    return cost


async def told(process: Budgets, asker: Asker, cost: int) -> Spent:
    found = await process.spend(asker, cost)
    assert found
    return found


async def refusal(process: Budgets, asker: Asker, cost: int) -> Spent:
    with pytest.raises(OverBudget) as refused:
        await process.spend(asker, cost)
    return refused.value.spent


async def test_of_2000_requests_at_once_in_two_processes_no_more_than_the_budget_passes(
    database: Database, elsewhere: Database, superuser: "Connection[Record]"
) -> None:
    asker, budget = somebody(), 20_000
    here, there = Budgets(database, budget), Budgets(elsewhere, budget)
    chance = random.Random(1)  # noqa: S311
    costs = [chance.randint(1, 40) for _ in range(2000)]
    passed = await asyncio.gather(
        *(spent(chance.choice((here, there)), asker, cost) for cost in costs)
    )

    assert sum(costs) > 1.5 * budget
    assert budget - 3 * 40 <= sum(passed) <= budget
    assert await superuser.fetchval("SELECT max(taken) FROM secret.cost_budgets") <= budget


async def test_where_every_request_costs_the_same_the_budget_is_spent_to_the_last(
    database: Database, elsewhere: Database
) -> None:
    asker = somebody()
    here, there = Budgets(database, 1_000), Budgets(elsewhere, 1_000)
    passed = await asyncio.gather(
        *(spent(process, asker, 1) for process in (here, there) for _ in range(1_000))
    )
    assert sum(passed) == 1_000


async def test_viewers_have_a_budget_each(database: Database) -> None:
    process, id = Budgets(database, 10), uuid4()
    askers = [
        Asker(Viewer(user_id=id)),
        Asker(Viewer(api_key_id=id)),
        Asker(client=Client("192.0.2.1")),
        Asker(client=Client("192.0.2.2")),
        Asker(client=Client("2001:db8::1")),
    ]
    assert [await spent(process, asker, 10) for asker in askers] == [10] * 5
    assert [await spent(process, asker, 1) for asker in askers] == [0] * 5
    assert await spent(process, Asker(client=Client("2001:db8::2")), 1) == 0


async def test_while_a_part_is_at_hand_nothing_is_asked_of_the_database(
    database: Database, taken: list[int]
) -> None:
    process, asker = Budgets(database, 2_000), somebody()
    for _ in range(100):
        await process.spend(asker, 1)
    assert taken == [100]

    await process.spend(asker, 1)
    assert taken == [100, 95]


async def test_a_whole_budget_is_taken_in_few_statements(
    database: Database, taken: list[int]
) -> None:
    process, asker = Budgets(database, 100_000), somebody()
    passed = [await spent(process, asker, 10) for _ in range(10_000)]
    assert sum(passed) == 100_000
    assert len(taken) < 300


async def test_who_waits_for_a_part_waits_for_one_statement(
    database: Database, taken: list[int]
) -> None:
    process, asker = Budgets(database, 2_000), somebody()
    await asyncio.gather(*(process.spend(asker, 1) for _ in range(100)))
    assert taken == [100]


async def test_who_is_over_budget_is_refused_without_a_statement_each_time(
    database: Database, taken: list[int]
) -> None:
    process, asker = Budgets(database, 10, clock=lambda: 100.0), somebody()
    for _ in range(50):
        assert (await refusal(process, asker, 11)).remaining == 10
    assert taken == [0]


async def test_a_refusal_spends_nothing(database: Database) -> None:
    process, asker = Budgets(database, 10), somebody()
    refused = await refusal(process, asker, 11)
    assert (refused.requested, refused.budget, refused.remaining) == (11, 10, 10)
    assert (await told(process, asker, 10)).remaining == 0


async def test_what_is_left_is_told_with_the_end_of_the_hour(database: Database) -> None:
    process, asker = Budgets(database, 1_000), somebody()
    found = [await told(process, asker, 7) for _ in range(3)]
    assert [each.remaining for each in found] == [993, 986, 979]
    assert timedelta() < found[0].resets_at - datetime.now(UTC) <= HOUR
    assert found[0].resets_at.minute == found[0].resets_at.second == 0


async def test_a_process_that_ends_gives_back_what_it_has_not_spent(
    database: Database, elsewhere: Database
) -> None:
    asker = somebody()
    async with budgets(database, 1_000, pytest.fail) as before:
        assert before
        assert await spent(before, asker, 10) == 10
    after = Budgets(elsewhere, 1_000)
    assert await spent(after, asker, 990) == 990
    assert await spent(after, asker, 1) == 0


async def test_what_a_killed_process_had_at_hand_lapses(
    database: Database, elsewhere: Database
) -> None:
    asker = somebody()
    await spent(Budgets(database, 1_000), asker, 10)
    after = Budgets(elsewhere, 1_000)
    assert await spent(after, asker, 951) == 0
    assert await spent(after, asker, 950) == 950


async def test_what_was_given_back_is_not_spent_by_who_gave_it(
    database: Database, elsewhere: Database
) -> None:
    asker, here, there = somebody(), Budgets(database, 1_000), Budgets(elsewhere, 1_000)
    await spent(here, asker, 10)
    await here.give_back()
    assert await spent(there, asker, 990) == 990
    assert await spent(here, asker, 1) == 0


async def test_a_part_is_not_spent_after_its_hour(database: Database, taken: list[int]) -> None:
    now = 100.0
    process, asker = Budgets(database, 1_000, clock=lambda: now), somebody()
    await process.spend(asker, 1)
    now += 3600
    await process.spend(asker, 1)
    assert len(taken) == 2


async def test_a_new_hour_has_the_whole_budget(
    database: Database, superuser: "Connection[Record]"
) -> None:
    now = 100.0
    process, asker = Budgets(database, 1_000, clock=lambda: now), somebody()
    assert await spent(process, asker, 1_000) == 1_000
    assert await spent(process, asker, 1) == 0

    now += 3600
    await superuser.execute(
        "UPDATE secret.cost_budgets SET window_start = window_start - $1::interval", HOUR
    )
    assert await spent(process, asker, 1_000) == 1_000
    assert await spent(process, asker, 1) == 0


async def test_what_is_given_back_of_an_hour_that_is_over_adds_nothing(
    database: Database, superuser: "Connection[Record]"
) -> None:
    viewer = somebody().viewer
    found = await cost_budgets.take(database, digest_of(viewer), 500, 1_000)
    over = found.resets_at - HOUR
    await cost_budgets.give_back(database, [digest_of(viewer)], [over], [500])
    assert await superuser.fetchval("SELECT taken FROM secret.cost_budgets") == 500


async def test_a_process_holds_parts_of_so_many_viewers_and_gives_back_the_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.cost_budgets.MOST_HELD", 4)
    process, askers = Budgets(database, 1_000), [somebody() for _ in range(9)]
    for asker in askers:
        await process.spend(asker, 1)
    assert [await spent(process, asker, 999) for asker in askers] == [999] * 9


FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON secret.cost_budgets EXECUTE FUNCTION full_disk();
"""


async def test_while_the_disk_is_full_requests_are_not_counted(
    database: Database, superuser: "Connection[Record]"
) -> None:
    await superuser.execute(FULL)
    assert await Budgets(database, 10).spend(somebody(), 5) is None


async def test_maintenance_forgets_hours_that_are_over(
    database: Database, superuser: "Connection[Record]"
) -> None:
    process = Budgets(database, 1_000)
    await process.spend(somebody(), 1)
    await superuser.execute(
        "UPDATE secret.cost_budgets SET window_start = window_start - 3 * $1::interval", HOUR
    )
    await process.spend(somebody(), 1)
    await superuser.execute("SELECT app.forget_expired()")
    assert await superuser.fetchval("SELECT count(*) FROM secret.cost_budgets") == 1
