"""Guesses are counted exactly, by place and by account, and lock nobody out for good."""

import asyncio
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from db.session import Client
from graphql_api.types.errors import told
from resolvers import accounts, allowances
from resolvers.accounts import InvalidCredentials, SignedIn
from resolvers.allowances import Allowance, Turn
from resolvers.context import Resources
from resolvers.errors import RateLimited
from tests.graphql_api.sign_in.people import PASSWORD, Person, a_person, somewhere

if TYPE_CHECKING:
    from asyncpg import Connection, Record

WRONG = "wrong horse battery"


@pytest.fixture
async def person(resources: Resources) -> Person:
    return await a_person(resources)


async def guess(resources: Resources, email: str, client: Client) -> str:
    """The code of the refusal."""
    with pytest.raises((InvalidCredentials, RateLimited)) as refused:
        await accounts.sign_in(resources, client, email=email, password=WRONG)
    return refused.value.code


async def pass_by(superuser: "Connection[Record]", time: timedelta) -> None:
    """Every allowance as it is when this time has passed."""
    await superuser.execute(
        "UPDATE secret.allowances SET spent_until = spent_until - $1::interval", time
    )


async def test_of_many_guesses_at_once_exactly_ten_are_answered(
    resources: Resources, person: Person
) -> None:
    client = somewhere()
    codes = await asyncio.gather(
        *(guess(resources, person.email, client) for _ in range(30))
    )
    assert codes.count("INVALID_CREDENTIALS") == 10
    assert codes.count("RATE_LIMITED") == 20


async def test_guesses_at_an_account_that_does_not_exist_are_counted_alike(
    resources: Resources,
) -> None:
    client, email = somewhere(), f"{uuid4()}@example.org"
    codes = [await guess(resources, email, client) for _ in range(11)]
    assert codes == ["INVALID_CREDENTIALS"] * 10 + ["RATE_LIMITED"]


async def test_the_refusal_says_when_to_try_again(
    resources: Resources, person: Person, superuser: "Connection[Record]"
) -> None:
    client = somewhere()
    for _ in range(10):
        await guess(resources, person.email, client)
    with pytest.raises(RateLimited) as refused:
        await accounts.sign_in(resources, client, email=person.email, password=PASSWORD)
    left = refused.value.reset_at - datetime.now(UTC)
    assert timedelta(0) < left <= timedelta(minutes=1)
    assert vars(told(refused.value)[0])["reset_at"] == refused.value.reset_at
    await pass_by(superuser, left)
    assert await accounts.sign_in(resources, client, email=person.email, password=PASSWORD)


async def test_whoever_guesses_from_many_places_does_not_lock_the_owner_out(
    resources: Resources, person: Person
) -> None:
    for _ in range(10):
        client = somewhere()
        for _ in range(10):
            await guess(resources, person.email, client)
    assert await guess(resources, person.email, somewhere()) == "RATE_LIMITED"
    assert await person.sign_in()


async def test_neighbours_of_one_network_are_one_place(
    resources: Resources, person: Person
) -> None:
    first = ip_address(somewhere().address)
    codes = [await guess(resources, person.email, Client(str(first + n))) for n in range(11)]
    assert codes[-1] == "RATE_LIMITED"


async def test_who_is_right_spends_nothing(resources: Resources, person: Person) -> None:
    client = somewhere()
    for _ in range(12):
        assert isinstance(
            await accounts.sign_in(resources, client, email=person.email, password=PASSWORD),
            SignedIn,
        )


async def test_an_allowance_is_spent_whole_or_not_at_all(resources: Resources) -> None:
    scarce = Turn(Allowance(1, timedelta(hours=1)), ("tests", uuid4().hex))
    ample = Turn(Allowance(3, timedelta(hours=1)), ("tests", uuid4().hex))
    await allowances.spend(resources, [scarce, ample])
    for _ in range(5):
        with pytest.raises(RateLimited):
            await allowances.spend(resources, [ample, scarce])
    for _ in range(2):
        await allowances.spend(resources, [ample])
    with pytest.raises(RateLimited):
        await allowances.spend(resources, [ample])


async def test_an_allowance_grows_back_to_what_it_was_and_no_further(
    resources: Resources, superuser: "Connection[Record]"
) -> None:
    turn = Turn(Allowance(2, timedelta(hours=1)), ("tests", uuid4().hex))
    for _ in range(2):
        await allowances.spend(resources, [turn])
    await pass_by(superuser, timedelta(days=30))
    for _ in range(2):
        await allowances.spend(resources, [turn])
    with pytest.raises(RateLimited):
        await allowances.spend(resources, [turn])
