"""graphql-transport-ws as clients meet it, on a real server and with other people's client."""

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from graphql_api.websocket import PROTOCOL, Rules
from tests.graphql_api.wires import World, serving, small_app

AUDITS = Path(__file__).parent / "audits"
RULES = Rules(init_seconds=2, most_operations=3, most_bytes=10_000, seconds=1, close_seconds=0.2)
SOON = 5
"""Seconds in which what is waited for must have come."""


class Talk:
    """A socket, spoken to in the messages of the protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, type: str, **more: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **more}))

    async def ask(self, query: str, id: str = "1", **more: Any) -> None:
        await self.say("subscribe", id=id, payload={"query": query, **more})

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(SOON):
            return json.loads(await self.socket.recv())

    async def greet(self, **payload: Any) -> None:
        await self.say("connection_init", payload=payload)
        assert await self.hear() == {"type": "connection_ack"}

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the close, which is the next thing to come."""
        with pytest.raises(ConnectionClosed) as closing:
            await self.hear()
        assert closing.value.rcvd is not None
        return closing.value.rcvd.code, closing.value.rcvd.reason


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def address(world: World) -> AsyncGenerator[str]:
    async with serving(small_app(world, over_socket=RULES)) as address:
        yield address


@pytest.fixture
async def stranger(address: str) -> AsyncGenerator[Talk]:
    """A socket that has said nothing yet."""
    async with connect(f"ws://{address}/graphql", subprotocols=[Subprotocol(PROTOCOL)]) as socket:
        yield Talk(socket)


@pytest.fixture
async def talk(stranger: Talk) -> Talk:
    """A socket that has been greeted."""
    await stranger.greet(authorization="Bearer ada")
    return stranger


async def happens(event: asyncio.Event) -> None:
    async with asyncio.timeout(SOON):
        await event.wait()


# Saying who one is


@pytest.mark.parametrize("offered", [[], ["graphql-ws"], ["mqtt", "graphql-ws"]])
async def test_other_protocols_are_not_spoken(address: str, offered: list[Subprotocol]) -> None:
    async with connect(f"ws://{address}/graphql", subprotocols=offered or None) as socket:
        code, reason = await Talk(socket).closed()
    assert code == 4406
    assert PROTOCOL in reason


async def test_nobody_in_particular_may_talk(stranger: Talk) -> None:
    await stranger.say("connection_init")
    assert await stranger.hear() == {"type": "connection_ack"}


async def test_who_says_nothing_is_not_waited_for(world: World) -> None:
    rules = Rules(init_seconds=0.05)
    async with (
        serving(small_app(world, over_socket=rules)) as address,
        connect(f"ws://{address}/graphql", subprotocols=[Subprotocol(PROTOCOL)]) as socket,
    ):
        assert await Talk(socket).closed() == (4408, "Connection initialisation timeout")


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Bearer stale", 4401),
        ("", 4401),
        (17, 4401),
        ("Bearer banned", 4403),
        ("Bearer busy", 1013),
        ("Bearer dark", 1013),
    ],
)
async def test_who_is_not_let_in_is_told_why(
    stranger: Talk, authorization: object, code: int
) -> None:
    await stranger.say("connection_init", payload={"authorization": authorization})
    closed, reason = await stranger.closed()
    assert closed == code
    assert len(reason) > 10


async def test_asking_comes_after_greeting(stranger: Talk) -> None:
    await stranger.ask("{ hello }")
    assert (await stranger.closed())[0] == 4401


async def test_each_operation_of_a_key_is_one_of_its_requests(stranger: Talk) -> None:
    await stranger.greet(authorization="Bearer key")
    for id in ("1", "2"):
        await stranger.ask("{ hello }", id=id)
        assert [(await stranger.hear())["type"] for _ in range(2)] == ["next", "complete"]
    await stranger.ask("{ hello }", id="3")
    refused = await stranger.hear()
    assert (refused["type"], refused["id"]) == ("error", "3")
    assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_greeting_twice_is_once_too_often(talk: Talk) -> None:
    await talk.say("connection_init")
    assert await talk.closed() == (4429, "Too many initialisation requests")


async def test_a_sign_in_that_runs_out_closes_the_socket(stranger: Talk, world: World) -> None:
    await stranger.greet(authorization="Bearer brief")
    await stranger.ask("subscription { events }")
    assert await stranger.closed() == (4401, "Unauthorized: the access token has expired")
    await happens(world.closed)


async def test_a_session_that_is_ended_closes_the_socket(stranger: Talk, world: World) -> None:
    await stranger.greet(authorization="Bearer ada")
    await stranger.ask("subscription { events }")
    world.signed_out.set()
    assert await stranger.closed() == (4401, "Unauthorized: the session has ended")
    await happens(world.closed)


async def test_a_ping_is_answered_before_and_after_greeting(stranger: Talk) -> None:
    await stranger.say("ping")
    assert await stranger.hear() == {"type": "pong"}
    await stranger.greet()
    await stranger.say("pong", payload={"any": 1})
    await stranger.say("ping", payload={"any": 1})
    assert await stranger.hear() == {"type": "pong"}


# Operations


async def test_a_query_is_answered_and_completed(talk: Talk) -> None:
    await talk.ask("query ($n: String) { hello(name: $n) }", variables={"n": "Ω \"'\\"})
    payload = {"data": {"hello": "Hello Ω \"'\\"}}
    assert await talk.hear() == {"id": "1", "type": "next", "payload": payload}
    assert await talk.hear() == {"id": "1", "type": "complete"}


async def test_a_mutation_is_done(talk: Talk, world: World) -> None:
    await talk.ask('mutation { rename(name: "x") }')
    assert (await talk.hear())["payload"] == {"data": {"rename": "x"}}
    assert world.renamed == ["x"]


async def test_a_subscription_brings_its_results_in_order(talk: Talk) -> None:
    await talk.ask("subscription { count(to: 3) }", id='a"\\')
    told = [await talk.hear() for _ in range(4)]
    assert [each["id"] for each in told] == ['a"\\'] * 4
    assert [each.get("payload") for each in told[:3]] == [{"data": {"count": n}} for n in range(3)]
    assert told[3]["type"] == "complete"


@pytest.mark.parametrize(
    "query",
    ["subscription {", "{ nothing }", "subscription ($to: Int!) { count(to: $to) }", ""],
)
async def test_a_faulty_operation_is_refused_and_the_socket_stays_open(
    talk: Talk, query: str
) -> None:
    await talk.ask(query)
    refused = await talk.hear()
    assert refused["type"] == "error"
    assert refused["payload"][0]["message"]
    await talk.ask("{ hello }")
    assert (await talk.hear())["type"] == "next"


async def test_operations_run_beside_each_other(talk: Talk, world: World) -> None:
    await talk.ask("subscription { events }", id="waiting")
    await happens(world.listening)
    await talk.ask("{ hello }", id="quick")
    assert [(await talk.hear())["id"] for _ in range(2)] == ["quick", "quick"]
    world.events.put_nowait(7)
    assert await talk.hear() == {
        "id": "waiting",
        "type": "next",
        "payload": {"data": {"events": 7}},
    }


async def test_an_operation_that_the_client_completes_is_ended(talk: Talk, world: World) -> None:
    await talk.ask("subscription { events }")
    await happens(world.listening)
    await talk.say("complete", id="1")
    await happens(world.closed)
    await talk.ask("{ hello }")
    assert (await talk.hear())["payload"] == {"data": {"hello": "Hello world"}}


async def test_a_query_that_the_client_completes_is_ended(talk: Talk, world: World) -> None:
    await talk.ask("{ hang }")
    await happens(world.listening)
    await talk.say("complete", id="1")
    await happens(world.closed)


async def test_completing_what_does_not_run_is_passed_over(talk: Talk) -> None:
    await talk.say("complete", id="unknown")
    await talk.say("ping")
    assert await talk.hear() == {"type": "pong"}


async def test_a_client_that_goes_ends_its_operations(talk: Talk, world: World) -> None:
    await talk.ask("subscription { events }")
    await happens(world.listening)
    await talk.socket.close()
    await happens(world.closed)


async def test_a_line_that_breaks_ends_its_operations(talk: Talk, world: World) -> None:
    await talk.ask("subscription { events }")
    await happens(world.listening)
    talk.socket.transport.abort()
    await happens(world.closed)


async def test_a_server_that_stops_ends_its_operations(world: World) -> None:
    async with serving(small_app(world)) as address:
        socket = await connect(f"ws://{address}/graphql", subprotocols=[Subprotocol(PROTOCOL)])
        talk = Talk(socket)
        await talk.greet()
        await talk.ask("subscription { events }")
        await happens(world.listening)
    assert world.closed.is_set()
    assert (await talk.closed())[0] == 1012


async def test_an_id_in_use_is_not_given_twice(talk: Talk, world: World) -> None:
    await talk.ask("subscription { events }")
    await happens(world.listening)
    await talk.ask("{ hello }")
    assert await talk.closed() == (4409, "Subscriber for 1 already exists")
    await happens(world.closed)


async def test_an_operation_too_many_is_refused_and_the_others_go_on(
    talk: Talk, world: World
) -> None:
    for number in range(4):
        await talk.ask("subscription { events }", id=str(number))
    refused = await talk.hear()
    assert (refused["id"], refused["type"]) == ("3", "error")
    told = refused["payload"][0]["extensions"]
    assert told == {"code": "LIMIT_EXCEEDED", "limit": "operations", "allowed": 3}
    world.events.put_nowait(1)
    assert (await talk.hear())["payload"] == {"data": {"events": 1}}


async def test_a_query_that_takes_too_long_is_given_up(world: World) -> None:
    async with (
        serving(small_app(world, over_socket=Rules(seconds=0.05))) as address,
        connect(f"ws://{address}/graphql", subprotocols=[Subprotocol(PROTOCOL)]) as socket,
    ):
        talk = Talk(socket)
        await talk.greet()
        await talk.ask("{ hang }")
        assert (await talk.hear())["payload"][0]["extensions"] == {"code": "TIMEOUT"}
        assert world.closed.is_set()


async def test_a_fault_of_ours_ends_the_operation_and_is_not_told(talk: Talk) -> None:
    with capture_logs() as lines:
        await talk.ask("subscription { broken }")
        assert (await talk.hear())["payload"] == {"data": {"broken": 1}}
        refused = await talk.hear()
    assert refused["payload"][0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(refused)
    assert "request failed" in [line["event"] for line in lines]


# Frames that are not of the protocol


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"type": 1}',
        '{"type": "connection_terminate"}',
        '{"type": "start", "id": "1", "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": "%s", "payload": {"query": "{ hello }"}}' % ("x" * 129),
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": {}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": null}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": []}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "\\ud800"}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "", "variables": %s}}'
        % ('{"a":' * 150 + "1" + "}" * 150),
        "[" * 5_000,
        '{"type": "complete"}',
        b'{"type": "ping"}',
    ],
)
async def test_a_frame_that_is_no_message_closes_the_socket_and_says_why(
    talk: Talk, frame: str | bytes
) -> None:
    await talk.socket.send(frame)
    code, reason = await talk.closed()
    assert code == 4400
    assert reason.startswith("Invalid message: ")


async def test_a_message_that_is_too_big_is_not_read(talk: Talk) -> None:
    await talk.ask("{ hello } #" + "x" * 10_000)
    assert (await talk.closed())[0] == 1009


# Slow clients and strange ones, without a server between


class Line:
    """The ASGI side of one socket: what comes is said beforehand, what goes can be held up."""

    def __init__(
        self, *coming: Message, holds: Callable[[Message], bool] = lambda _: False
    ) -> None:
        self.coming = [{"type": "websocket.connect"}, *coming]
        self.sent: list[Message] = []
        self.held = asyncio.Event()
        self._holds = holds

    async def receive(self) -> Message:
        if not self.coming:
            await asyncio.Event().wait()
        for _ in range(20):  # what came before has its turn
            await asyncio.sleep(0)
        return self.coming.pop(0)

    async def send(self, message: Message) -> None:
        if self._holds is not None and self._holds(message):
            self.held.set()
            await asyncio.Event().wait()
        self.sent.append(message)

    async def run(self, world: World, rules: Rules) -> None:
        scope = {
            "type": "websocket",
            "path": "/graphql",
            "root_path": "",
            "query_string": b"",
            "headers": [],
            "client": ("192.0.2.1", 1),
            "subprotocols": [PROTOCOL],
        }
        await small_app(world, over_socket=rules)(scope, self.receive, self.send)


def text(message: object) -> Message:
    return {"type": "websocket.receive", "text": json.dumps(message)}


def greeting(authorization: str) -> Message:
    return text({"type": "connection_init", "payload": {"authorization": authorization}})


def asking(query: str, id: str = "1") -> Message:
    return text({"type": "subscribe", "id": id, "payload": {"query": query}})


async def test_a_client_that_does_not_read_holds_up_its_subscription(world: World) -> None:
    def fourth(message: Message) -> bool:
        return "flood" in message.get("text", "") and len(line.sent) >= 5

    line = Line(greeting("Bearer ada"), asking("subscription { flood }"), holds=fourth)
    running = asyncio.create_task(line.run(world, RULES))
    await happens(line.held)
    for _ in range(100):
        await asyncio.sleep(0)
    assert world.flooded == len(line.sent) - 2 + 1
    running.cancel()
    await asyncio.wait([running])
    assert world.closed.is_set()


async def test_a_client_that_does_not_read_cannot_hold_a_socket_open(world: World) -> None:
    def all_but_greeting(message: Message) -> bool:
        return message["type"] == "websocket.close" or "flood" in message.get("text", "")

    line = Line(greeting("Bearer brief"), asking("subscription { flood }"), holds=all_but_greeting)
    async with asyncio.timeout(SOON):
        await line.run(world, RULES)
    assert world.closed.is_set()


ABOUT_OPERATIONS = {"next", "error", "complete"}
QUERIES = ["{ hello }", "subscription { count(to: 2) }", "subscription { events }", "{"]
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "query": st.sampled_from(QUERIES) | st.text(max_size=5),
        "variables": st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
        "authorization": st.sampled_from(["Bearer ada", 1]),
    },
)
FRAMES = st.one_of(
    st.text(max_size=50),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ).map(json.dumps),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(
                ["connection_init", "subscribe", "subscribe", "complete", "ping", "pong", "next"]
            )
        },
        optional={
            "id": st.sampled_from(["1", "2", "", 3]),
            "payload": PAYLOADS,
        },
    ).map(json.dumps),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames=st.lists(FRAMES, max_size=8), greeted=st.booleans())
async def test_whatever_is_sent_the_server_stays_in_its_role(
    frames: list[str], greeted: bool
) -> None:
    coming: list[Message] = [greeting("Bearer ada")] if greeted else []
    coming += [{"type": "websocket.receive", "text": frame} for frame in frames]
    line = Line(*coming, {"type": "websocket.disconnect", "code": 1001})
    with capture_logs() as lines:
        async with asyncio.timeout(SOON):
            await line.run(World(), RULES)
    assert [each for each in lines if each["log_level"] == "error"] == []
    said = [json.loads(each["text"]) for each in line.sent if each["type"] == "websocket.send"]
    assert {each["type"] for each in said} <= {
        "connection_ack",
        "pong",
        "next",
        "error",
        "complete",
    }


# Other people's client


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.skipif(
    not (AUDITS / "node_modules").is_dir(), reason="run `npm ci` in tests/graphql_api/audits"
)
async def test_the_client_of_graphql_ws_is_understood(address: str, world: World) -> None:
    world.events.put_nowait(1)
    client = await asyncio.create_subprocess_exec(
        "node",
        AUDITS / "websocket.mjs",
        f"ws://{address}/graphql",
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await client.communicate()
    got = json.loads(told)
    hello = [{"data": {"hello": "Hello world"}}]
    assert (got["query"], got["after"], got["afterCancelling"]) == (hello, hello, hello)
    assert got["counted"] == [{"data": {"count": n}} for n in range(3)]
    assert got["faulty"][0]["refused"][0]["extensions"]["code"] == "SYNTAX_ERROR"
    assert got["first"] == {"done": False, "value": {"data": {"events": 1}}}
    assert world.closed.is_set()
