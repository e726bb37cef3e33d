"""A process that leaves ends its streams at once, and tells clients to connect again."""

import asyncio
import time
from collections.abc import AsyncGenerator

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from graphql_api.draining import Draining
from graphql_api.websocket import PROTOCOL, Rules
from tests.graphql_api.test_websocket import SOON, Talk, happens
from tests.graphql_api.wires import World, serving, small_app

EVENTS = "subscription { events }"
HANG = "{ hang }"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def draining() -> Draining:
    return Draining()


@pytest.fixture
async def address(world: World, draining: Draining) -> AsyncGenerator[str]:
    """A server that ends soon, whatever streams were open."""
    async with serving(small_app(world, draining=draining, over_socket=Rules())) as address:
        yield address
        began = time.monotonic()
    assert time.monotonic() - began < SOON


@pytest.fixture
async def talk(address: str) -> AsyncGenerator[Talk]:
    async with connect(f"ws://{address}/graphql", subprotocols=[Subprotocol(PROTOCOL)]) as socket:
        talk = Talk(socket)
        await talk.greet(authorization="Bearer ada")
        yield talk


@pytest.fixture
async def client(address: str) -> AsyncGenerator[httpx.AsyncClient]:
    headers = {"Accept": "text/event-stream", "Authorization": "Bearer ada"}
    async with httpx.AsyncClient(
        base_url=f"http://{address}", headers=headers, timeout=SOON
    ) as client:
        yield client


async def test_a_socket_is_closed_with_a_code_that_says_connect_again(
    talk: Talk, world: World, draining: Draining
) -> None:
    await talk.ask(EVENTS)
    await happens(world.listening)
    draining.begin()
    assert await talk.closed() == (1012, "This server is leaving: connect again")
    await happens(world.closed)


async def test_a_socket_that_waits_for_nothing_is_closed_too(
    talk: Talk, draining: Draining
) -> None:
    draining.begin()
    assert (await talk.closed())[0] == 1012


async def test_what_is_asked_over_a_socket_is_answered_before_it_closes(
    talk: Talk, world: World, draining: Draining
) -> None:
    await talk.ask(HANG)
    await happens(world.listening)
    draining.begin()
    world.events.put_nowait(7)
    assert (await talk.hear())["payload"] == {"data": {"hang": "7"}}
    assert (await talk.hear())["type"] == "complete"
    assert (await talk.closed())[0] == 1012


async def test_a_new_socket_is_sent_on(address: str, draining: Draining) -> None:
    draining.begin()
    async with connect(f"ws://{address}/graphql", subprotocols=[Subprotocol(PROTOCOL)]) as socket:
        assert (await Talk(socket).closed())[0] == 1012


async def listen(response: httpx.Response, heard: list[str]) -> None:
    async for text in response.aiter_text():
        heard.append(text)


@pytest.mark.parametrize("early", [True, False])
async def test_events_are_broken_off_without_their_end(
    client: httpx.AsyncClient, world: World, draining: Draining, *, early: bool
) -> None:
    """An end, also one without ``complete``, would be taken for that of the subscription."""
    heard: list[str] = []
    if early:
        draining.begin()
    async with client.stream("POST", "/events", json={"query": EVENTS}) as response:
        if not early:
            await happens(world.listening)
            draining.begin()
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await listen(response, heard)
    assert "".join(heard) == ": this server is leaving, connect again\nretry: 1000\n\n"


async def test_what_is_asked_for_events_is_answered_first(
    client: httpx.AsyncClient, world: World, draining: Draining
) -> None:
    asking = asyncio.create_task(client.post("/events", json={"query": HANG}))
    await happens(world.listening)
    draining.begin()
    world.events.put_nowait(7)
    response = await asking
    assert response.text.endswith("event: complete\ndata: \n\n")
    assert '{"data":{"hang":"7"}}' in response.text
