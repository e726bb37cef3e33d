"""Sessions: seen by whom they are of, ended by them, and good for nothing from then on."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets import ConnectionClosed, Subprotocol
from websockets.asyncio.client import connect

from graphql_api.app import create_app
from graphql_api.auth import asker_of
from graphql_api.schema import schema
from graphql_api.settings import read_settings
from resolvers import accounts, profiles
from resolvers.accounts import SessionEnded, SignedIn, TokenReused
from resolvers.context import Resources
from resolvers.ended import EndedSessions
from resolvers.errors import NotFound, Unauthenticated
from tests.graphql_api.sign_in.people import Person, a_person, events
from tests.graphql_api.wires import serving

SOON = 5.0
SESSIONS = "{ viewer { sessions { id isCurrent ipAddress userAgent createdAt } } }"
SECRET = "the secret that every test of the database uses"


@pytest.fixture
async def person(resources: Resources) -> Person:
    return await a_person(resources)


async def listed(person: Person) -> list[dict[str, Any]]:
    context = await person.context()
    answer = await schema.execute(SESSIONS, None, context)
    await context.end()
    assert answer.errors is None
    assert answer.data
    return answer.data["viewer"]["sessions"]


def as_of(person: Person, session: SignedIn) -> Person:
    return replace(person, session=session)


async def test_one_s_sessions_are_listed_with_the_one_that_asks(person: Person) -> None:
    other = await person.sign_in()
    found = {each["id"]: each for each in await listed(person)}
    assert set(found) == {str(person.session.session_id), str(other.session_id)}
    assert [each["isCurrent"] for each in found.values()].count(True) == 1
    assert found[str(person.session.session_id)]["isCurrent"]
    assert {each["ipAddress"] for each in found.values()} == {person.client.address}
    assert {each["userAgent"] for each in found.values()} == {"tests"}


async def test_a_session_that_is_ended_is_good_for_nothing(person: Person) -> None:
    other = await person.sign_in()
    await profiles.end_session(await person.context(), other.session_id)
    with pytest.raises(Unauthenticated, match="ended"):
        await as_of(person, other).context()
    with pytest.raises(SessionEnded):
        await accounts.refresh_session(person.resources, other.refresh_token)
    assert [each["id"] for each in await listed(person)] == [str(person.session.session_id)]
    assert "account.session_ended" in await events(person)


async def test_another_process_knows_within_two_seconds(person: Person) -> None:
    elsewhere = replace(person, resources=replace(person.resources, ended=EndedSessions()))
    assert await elsewhere.context()
    await profiles.end_session(await person.context(), person.session.session_id)
    async with asyncio.timeout(2):
        while True:
            try:
                await elsewhere.context()
            except Unauthenticated:
                return
            await asyncio.sleep(0)


async def test_all_others_are_ended_at_once(person: Person) -> None:
    others = [await person.sign_in() for _ in range(3)]
    assert await profiles.end_other_sessions(await person.context()) == 3
    for other in others:
        with pytest.raises(Unauthenticated):
            await as_of(person, other).context()
    assert await person.context()


async def test_nobody_ends_another_s_session(resources: Resources, person: Person) -> None:
    eve = await a_person(resources)
    for session_id in (person.session.session_id, uuid4()):
        with pytest.raises(NotFound):
            await profiles.end_session(await eve.context(), session_id)
    assert await person.context()


async def test_nobody_sees_another_s_sessions_and_log(
    resources: Resources, person: Person
) -> None:
    eve = await a_person(resources)
    assert [each["id"] for each in await listed(eve)] == [str(eve.session.session_id)]
    context = await eve.context()
    rows = await context.session.fetch(
        "SELECT 1 FROM audit_logs WHERE user_id = $1", [person.id]
    )
    await context.end()
    assert rows == []


async def test_of_eight_refreshes_of_one_token_one_wins_and_the_session_ends(
    person: Person,
) -> None:
    answers = await asyncio.gather(
        *(
            accounts.refresh_session(person.resources, person.session.refresh_token)
            for _ in range(8)
        ),
        return_exceptions=True,
    )
    [won] = [each for each in answers if isinstance(each, SignedIn)]
    assert sum(isinstance(each, TokenReused) for each in answers) == 7
    with pytest.raises(Unauthenticated):
        await asker_of(f"Bearer {won.access_token}", person.client, person.resources)
    again = as_of(person, await person.sign_in())
    assert (await events(again)).count("account.refresh_token_reused") == 1


async def test_signing_out_ends_the_access_token_too(person: Person) -> None:
    assert await accounts.sign_out(person.resources, person.session.refresh_token)
    with pytest.raises(Unauthenticated):
        await person.context()


async def test_a_token_without_a_session_is_good_until_it_expires(person: Person) -> None:
    token, _ = person.resources.tokens.issue(person.id)
    asker = await asker_of(f"Bearer {token}", person.client, person.resources)
    assert asker.session_id is None


@pytest.fixture
async def served(people_url: str) -> AsyncGenerator[str]:
    settings = read_settings(database_url=people_url, secret_key=SECRET, pool_size=4)
    async with serving(create_app(settings), lifespan=True) as address:
        yield address


async def test_a_socket_is_closed_when_its_session_is_ended_elsewhere(
    person: Person, served: str
) -> None:
    url, protocol = f"ws://{served}/graphql", Subprotocol("graphql-transport-ws")
    async with connect(url, subprotocols=[protocol]) as socket, asyncio.timeout(SOON):
        shown = {"authorization": f"Bearer {person.session.access_token}"}
        await socket.send(json.dumps({"type": "connection_init", "payload": shown}))
        assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        await profiles.end_session(await person.context(), person.session.session_id)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 4401
    assert closed.value.rcvd.reason == "Unauthorized: the session has ended"


async def test_who_ends_the_own_session_over_a_socket_is_answered_first(
    person: Person, served: str
) -> None:
    url, protocol = f"ws://{served}/graphql", Subprotocol("graphql-transport-ws")
    query = "mutation ($id: ID!) { revokeSession(id: $id) { errors { code } } }"
    async with connect(url, subprotocols=[protocol]) as socket, asyncio.timeout(SOON):
        shown = {"authorization": f"Bearer {person.session.access_token}"}
        await socket.send(json.dumps({"type": "connection_init", "payload": shown}))
        await socket.recv()
        payload = {"query": query, "variables": {"id": str(person.session.session_id)}}
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        answer = json.loads(await socket.recv())
        assert answer["payload"]["data"] == {"revokeSession": {"errors": []}}
        assert json.loads(await socket.recv())["type"] == "complete"
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_a_request_with_a_token_of_an_ended_session_is_401(
    person: Person, served: str
) -> None:
    await profiles.end_session(await person.context(), person.session.session_id)
    async with httpx.AsyncClient() as client:
        response = await client.post(
            f"http://{served}/graphql",
            json={"query": "{ viewer { user { id } } }"},
            headers={"authorization": f"Bearer {person.session.access_token}"},
        )
    assert response.status_code == 401
