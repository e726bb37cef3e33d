"""GraphQL over HTTP as clients meet it: media types, methods, bodies, refusals."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.types import Message
from structlog.testing import capture_logs
from structlog.typing import EventDict

from graphql_api.http import GRAPHQL, JSON, Refused, Rules, negotiated
from graphql_api.log import with_told
from tests.graphql_api.wires import ADA, World, serving, small_app

AUDITS = Path(__file__).parent / "audits"
PATH = "/graphql"
HELLO = {"query": "{ hello }"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def client(world: World) -> AsyncGenerator[httpx.AsyncClient]:
    rules = Rules(most_bytes=10_000, seconds=0.3)
    async with client_of(world, rules) as client:
        yield client


@pytest.fixture
async def by_get(world: World) -> AsyncGenerator[httpx.AsyncClient]:
    async with client_of(world, Rules(get=True)) as client:
        yield client


def client_of(world: World, rules: Rules) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(small_app(world, rules), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://server")


async def post(client: httpx.AsyncClient, query: str, **headers: str) -> httpx.Response:
    return await client.post(PATH, json={"query": query}, headers=headers)


def code(response: httpx.Response) -> str:
    body = response.json()
    assert "data" not in body
    return body["errors"][0]["extensions"]["code"]


# Media types


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("text/html, */*;q=0.1", JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0.5, {JSON}", JSON),
        (f"{GRAPHQL.upper()}; charset=utf-8; q=1.0, {JSON};q=0.9", GRAPHQL),
        (f"*/*, {JSON};q=0", GRAPHQL),
        (f"{JSON};q=high, {GRAPHQL};q=0.1", GRAPHQL),
    ],
)
def test_the_answer_has_the_media_type_that_the_client_prefers(
    accept: str | None, media: str
) -> None:
    assert negotiated(accept) == media


@pytest.mark.parametrize("accept", ["text/html", "image/*", f"{JSON};q=0", ",", "*/*;q=0", "q=1"])
def test_a_client_that_takes_neither_media_type_is_refused(accept: str) -> None:
    with pytest.raises(Refused) as refused:
        negotiated(accept)
    assert refused.value.status == 406


async def test_an_answer_is_typed_and_not_kept(client: httpx.AsyncClient) -> None:
    response = await post(client, "{ hello }", accept=GRAPHQL)
    assert response.json() == {"data": {"hello": "Hello world"}}
    assert response.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_request_error_is_400_in_the_media_type_of_graphql(
    client: httpx.AsyncClient,
) -> None:
    for query in ("{", "{ nothing }", "query ($n: Int!) { echo(number: $n) }"):
        response = await post(client, query, accept=GRAPHQL)
        assert response.status_code == 400
        assert response.headers["content-type"].startswith(GRAPHQL)
        assert "data" not in response.json()


async def test_a_request_error_is_200_in_plain_json(client: httpx.AsyncClient) -> None:
    for query in ("{", "{ nothing }", "query ($n: Int!) { echo(number: $n) }"):
        response = await post(client, query, accept=JSON)
        assert response.status_code == 200
        assert "data" not in response.json()


async def test_the_way_that_was_taken_is_told(client: httpx.AsyncClient) -> None:
    assert (await post(client, "{ hello }")).headers["x-graphql-plan"] == "loaders"
    assert "x-graphql-plan" not in (await post(client, "{")).headers


@pytest.mark.parametrize(
    "given",
    [
        "application/json",
        "application/json; charset=utf-8",
        'Application/JSON;charset="UTF-8"',
        "application/json; charset=utf8; profile=x",
    ],
)
async def test_json_in_utf_8_is_read(client: httpx.AsyncClient, given: str) -> None:
    body = '{"query": "{ hello(name: \\"Ω\\") }"}'
    response = await client.post(PATH, content=body.encode(), headers={"content-type": given})
    assert response.json() == {"data": {"hello": "Hello Ω"}}


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/json; charset*=%ff''%ff",
        "application/jsonp",
        "text/plain; application/json",
    ],
)
async def test_what_a_form_on_a_foreign_page_could_send_is_not_read(
    client: httpx.AsyncClient, given: str | None
) -> None:
    headers = {} if given is None else {"content-type": given}
    response = await client.post(PATH, content=json.dumps(HELLO).encode(), headers=headers)
    assert (response.status_code, code(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert response.headers["accept-post"] == JSON


async def test_a_compressed_body_is_refused_with_what_is_read(client: httpx.AsyncClient) -> None:
    response = await client.post(PATH, json=HELLO, headers={"content-encoding": "gzip"})
    assert (response.status_code, code(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert response.headers["accept-encoding"] == "identity"


# Bodies


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "BAD_REQUEST"),
        (b"null", "BAD_REQUEST"),
        (b'"x"', "BAD_REQUEST"),
        (b"1", "BAD_REQUEST"),
        (b"{", "BAD_REQUEST"),
        (b"{}", "BAD_REQUEST"),
        (b'{"query": null}', "BAD_REQUEST"),
        (b'{"query": 1}', "BAD_REQUEST"),
        (b'{"query": ["{ hello }"]}', "BAD_REQUEST"),
        (b'{"query": "{ hello }", "variables": []}', "BAD_REQUEST"),
        (b'{"query": "{ hello }", "variables": "{}"}', "BAD_REQUEST"),
        (b'{"query": "{ hello }", "operationName": {}}', "BAD_REQUEST"),
        (b'{"query": "{ hello }", "extensions": 0}', "BAD_REQUEST"),
        (b'{"query": "{ hello }"} {}', "BAD_REQUEST"),
        (b'{"query": "\xff"}', "BAD_REQUEST"),
        (b'{"query": "{ hello }", "ignored": "\xff"}', "BAD_REQUEST"),
        (b'{"query": "\\ud800"}', "BAD_REQUEST"),
        (b'{"query": "{ hello }", "variables": {"a": "\\udc00"}}', "BAD_REQUEST"),
        (b'\xef\xbb\xbf{"query": "{ hello }"}', "BAD_REQUEST"),
        ('{"query": "{ hello }"}'.encode("utf-16"), "BAD_REQUEST"),
        (b'{"query": "{ hello }", "variables": {"a": NaN}}', "BAD_REQUEST"),
        (b'{"query": "{ hello }", "variables": {"a": 1e999}}', "BAD_REQUEST"),
        (
            b'{"query": "{ hello }", "variables": ' + b'{"a":' * 999 + b"1" + b"}" * 1000,
            "BAD_REQUEST",
        ),
        (
            b'{"query": "{ hello }", "variables": {"a": ' + b"[" * 200 + b"]" * 200 + b"}}",
            "BAD_REQUEST",
        ),
        (b'{"query": "{ hello }", "x": ' + b"[" * 4000 + b"]" * 4000 + b"}", "BAD_REQUEST"),
        (b'[{"query": "{ hello }"}]', "BATCHING_NOT_SUPPORTED"),
        (b" \n[]", "BATCHING_NOT_SUPPORTED"),
    ],
)
async def test_a_body_that_is_no_request_is_refused(
    client: httpx.AsyncClient, raw: bytes, told: str
) -> None:
    response = await client.post(PATH, content=raw, headers={"content-type": JSON})
    assert (response.status_code, code(response)) == (400, told)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"query": "{ hello }", "variables": null, "operationName": null, "extensions": null}',
        b'{"query": "{ hello }", "extensions": {"any": 1}, "unknown": [1]}',
        b'{"query": "{ nothing }", "query": "{ hello }"}',
        b' {"query": "query A { hello } query B { a: hello }", "operationName": "A"} ',
    ],
)
async def test_a_body_with_more_or_less_is_read(client: httpx.AsyncClient, raw: bytes) -> None:
    response = await client.post(PATH, content=raw, headers={"content-type": JSON})
    assert response.json() == {"data": {"hello": "Hello world"}}


async def test_variables_reach_the_fields_as_they_were_sent(client: httpx.AsyncClient) -> None:
    value = {"deep": [[{"a": None}]], "big": 12345678901234567890, "text": "Ω\u0000"}
    query = "query ($value: JSON) { echo(value: $value) }"
    response = await client.post(PATH, json={"query": query, "variables": {"value": value}})
    assert response.json() == {"data": {"echo": value}}


async def test_a_body_that_is_said_to_be_too_large_is_not_read(client: httpx.AsyncClient) -> None:
    response = await client.post(PATH, json={"query": " " * 10_001})
    assert (response.status_code, code(response)) == (413, "LIMIT_EXCEEDED")
    told = response.json()["errors"][0]["extensions"]
    assert (told["limit"], told["allowed"]) == ("body", 10_000)


async def test_a_body_without_a_length_is_read_no_further_than_allowed(world: World) -> None:
    asked_for = 0

    async def endless() -> Message:
        nonlocal asked_for
        asked_for += 1
        return {"type": "http.request", "body": b" " * 1000, "more_body": True}

    status, _ = await asgi(world, headers=[(b"content-type", b"application/json")], receive=endless)
    assert status == 413
    assert asked_for == 11


async def test_a_body_that_does_not_arrive_is_not_waited_for(client: httpx.AsyncClient) -> None:
    async def stuck() -> AsyncGenerator[bytes]:
        yield b'{"query": '
        await asyncio.Event().wait()

    response = await client.post(PATH, content=stuck(), headers={"content-type": JSON})
    assert (response.status_code, code(response)) == (408, "REQUEST_TIMEOUT")


async def test_a_body_that_breaks_off_harms_nobody(world: World) -> None:
    async def broken() -> Message:
        return {"type": "http.disconnect"}

    status, _ = await asgi(world, headers=[(b"content-type", b"application/json")], receive=broken)
    assert status == 400


# Methods


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"])
async def test_other_methods_are_refused_with_those_allowed(
    client: httpx.AsyncClient, method: str
) -> None:
    response = await client.request(method, PATH, params=HELLO)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST, OPTIONS"


async def test_options_tells_the_methods(by_get: httpx.AsyncClient) -> None:
    response = await by_get.options(PATH)
    assert (response.status_code, response.headers["allow"]) == (204, "GET, POST, OPTIONS")


async def test_a_query_can_be_asked_by_get_where_that_is_allowed(by_get: httpx.AsyncClient) -> None:
    query = "query A($name: String) { hello(name: $name) } query B { hello }"
    given = {"query": query, "variables": '{"name": "Ω&="}', "operationName": "A", "extensions": ""}
    response = await by_get.get(PATH, params=given)
    assert response.json() == {"data": {"hello": "Hello Ω&="}}


async def test_a_mutation_is_not_done_by_get(by_get: httpx.AsyncClient, world: World) -> None:
    response = await by_get.get(PATH, params={"query": 'mutation { rename(name: "x") }'})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert world.renamed == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "query={hello}&query={hello}",
        "query={hello}&variables=[]",
        "query={hello}&variables={",
        "query={hello}&variables=%ff",
        "query={hello}&extensions=1",
        "variables={}",
    ],
)
async def test_a_get_that_is_no_request_is_refused(by_get: httpx.AsyncClient, query: str) -> None:
    assert (await by_get.get(f"{PATH}?{quote(query, safe='=&%')}")).status_code == 400


async def test_a_subscription_is_sent_to_the_websocket(client: httpx.AsyncClient) -> None:
    response = await post(client, "subscription { count(to: 3) }")
    assert (response.status_code, code(response)) == (400, "SUBSCRIPTION_OVER_HTTP")


# Who asks


async def test_a_sign_in_that_is_not_good_is_401(client: httpx.AsyncClient) -> None:
    response = await post(client, "{ hello }", authorization="Bearer stale")
    assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"].startswith("Bearer ")


async def test_who_may_not_ask_is_403(client: httpx.AsyncClient) -> None:
    response = await post(client, "{ hello }", authorization="Bearer banned")
    assert (response.status_code, code(response)) == (403, "FORBIDDEN")


async def test_a_key_is_told_what_is_left_of_its_requests(client: httpx.AsyncClient) -> None:
    for left in (2, 1, 0):
        response = await post(client, "{ hello }", authorization="Bearer key")
        assert response.status_code == 200
        assert response.headers["ratelimit-policy"] == '"hour";q=3;w=3600'
        assert re.fullmatch(rf'"hour";r={left};t=(89|90)', response.headers["ratelimit"])
    response = await post(client, "{ hello }", authorization="Bearer key")
    assert (response.status_code, code(response)) == (429, "RATE_LIMITED")
    assert re.fullmatch(r'"hour";r=0;t=(89|90)', response.headers["ratelimit"])
    assert response.headers["retry-after"] in ("89", "90")


async def test_who_asked_too_often_is_told_when_to_come_back(client: httpx.AsyncClient) -> None:
    response = await post(client, "{ hello }", authorization="Bearer busy")
    assert (response.status_code, code(response)) == (429, "RATE_LIMITED")
    assert 88 <= int(response.headers["retry-after"]) <= 90


async def test_where_a_request_comes_from_is_known(client: httpx.AsyncClient, world: World) -> None:
    await post(client, "{ hello }", **{"user-agent": "a" * 9_000})
    assert world.clients[0].address == "127.0.0.1"
    assert world.clients[0].user_agent == "a" * 500


async def test_an_address_that_is_none_is_not_taken_for_one(world: World) -> None:
    headers = [(b"content-type", b"application/json")]
    await asgi(world, b'{"query": "{ hello }"}', headers=headers, client=("unix:'; --", 0))
    await asgi(world, b'{"query": "{ hello }"}', headers=headers, client=("fe80::1%eth0", 0))
    assert [client.address for client in world.clients] == ["", "fe80::1"]


# What fails on our side


async def test_a_database_out_of_reach_is_503(client: httpx.AsyncClient) -> None:
    asked = [post(client, '{ hello(name: "nobody") }')]
    asked.append(post(client, "{ hello }", authorization="Bearer dark"))
    for response in await asyncio.gather(*asked):
        assert (response.status_code, code(response)) == (503, "UNAVAILABLE")
        assert response.headers["retry-after"] == "1"


async def test_what_takes_too_long_is_given_up(client: httpx.AsyncClient, world: World) -> None:
    response = await post(client, "{ hang }")
    assert (response.status_code, code(response)) == (504, "TIMEOUT")
    assert world.closed.is_set()


async def test_a_fault_of_ours_is_not_told_but_logged(client: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        response = await post(client, '{ hello(name: "bug") }')
    assert (response.status_code, code(response)) == (500, "INTERNAL")
    assert "secret" not in response.text
    told = response.json()["errors"][0]["extensions"]["requestId"]
    assert told == response.headers["x-request-id"]
    assert "a secret of ours" in str(next(filter(is_a_fault, lines))["exc_info"])


def is_a_fault(line: EventDict) -> bool:
    return line["event"] == "request failed"


# Other pages, and the log


async def test_a_page_of_a_known_origin_may_ask(client: httpx.AsyncClient) -> None:
    origin = "https://app.example.com"
    asks = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    response = await client.options(PATH, headers={"origin": origin, **asks})
    assert response.headers["access-control-allow-origin"] == origin
    assert "access-control-allow-credentials" not in response.headers
    response = await post(client, "{ hello }", origin=origin)
    assert "X-Graphql-Plan" in response.headers["access-control-expose-headers"]


async def test_a_page_of_another_origin_may_not_ask(client: httpx.AsyncClient) -> None:
    asks = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    response = await client.options(PATH, headers=asks)
    assert response.status_code == 400
    assert "access-control-allow-origin" not in response.headers


async def test_a_request_has_the_id_that_the_client_gave(client: httpx.AsyncClient) -> None:
    response = await post(client, "{ hello }", **{"x-request-id": "build-17.3_a"})
    assert response.headers["x-request-id"] == "build-17.3_a"


@pytest.mark.parametrize("given", ["", "a" * 65, "a b", "<script>", "Ω", 'a"b'])
async def test_an_id_that_is_no_plain_word_is_replaced(
    client: httpx.AsyncClient, given: str
) -> None:
    response = await client.post(PATH, json=HELLO, headers=[(b"x-request-id", given.encode())])  # pyright: ignore[reportArgumentType]
    assert len(response.headers["x-request-id"]) == 32


async def test_a_request_is_one_line_of_the_log(client: httpx.AsyncClient) -> None:
    body = {"query": "query Greet { hello }", "operationName": "Greet"}
    headers = {"authorization": "Bearer ada", "x-request-id": "r-1"}
    with capture_logs([with_told]) as lines:
        await client.post(f"{PATH}?token=secret", json=body, headers=headers)
    (line,) = lines
    assert line.pop("milliseconds") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "request_id": "r-1",
        "operation": "Greet",
        "viewer": str(ADA),
        "plan": "loaders",
    }


async def test_a_line_of_the_log_cannot_be_forged(client: httpx.AsyncClient) -> None:
    with capture_logs([with_told]) as lines:
        await client.post(PATH, json={**HELLO, "operationName": "a\nb"})
        await client.get("/graphql/a%0Ab")
    assert lines[0]["operation"] is None
    assert lines[1]["path"] == "/graphql/a%0Ab"


# Whatever is sent


async def asgi(
    world: World,
    *chunks: bytes,
    headers: list[tuple[bytes, bytes]],
    method: str = "POST",
    query: bytes = b"",
    client: tuple[str, int] = ("192.0.2.1", 1),
    receive: Any = None,
    rules: Rules | None = None,
) -> tuple[int, bytes]:
    """Status and body of the answer to exactly these bytes."""
    coming = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    coming.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def arrive() -> Message:
        return coming.pop(0)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": query,
        "headers": headers,
        "client": client,
        "server": ("server", 80),
    }
    app = small_app(world, rules or Rules(most_bytes=10_000))
    await app(scope, receive or arrive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], body


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.text() | st.sampled_from(
    [
        "{ hello }",
        "query ($number: Int, $value: JSON) { echo(number: $number, value: $value) }",
        "mutation ($name: String!) { rename(name: $name) }",
        "subscription { events }",
        "{" * 300,
        "{ ...F } fragment F on Query { ...F }",
    ]
)
BODIES = st.one_of(
    st.binary(max_size=200),
    VALUES.map(json.dumps).map(str.encode),
    st.fixed_dictionaries(
        {},
        optional={
            "query": DOCUMENTS | VALUES,
            "variables": st.dictionaries(
                st.sampled_from(["number", "value", "name"]) | st.text(), VALUES, max_size=3
            )
            | VALUES,
            "operationName": st.text() | VALUES,
            "extensions": VALUES,
        },
    )
    .map(json.dumps)
    .map(str.encode),
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"accept",
                b"content-type",
                b"content-encoding",
                b"content-length",
                b"authorization",
                b"user-agent",
                b"x-request-id",
                b"origin",
            ]
        ),
        st.binary(max_size=60)
        | st.sampled_from(
            [b"application/json", b"*/*", GRAPHQL.encode(), b"application/json;q=.5"]
        ),
    ),
    max_size=5,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=BODIES,
    headers=HEADERS,
    method=st.sampled_from(["POST", "POST", "POST", "GET", "HEAD", "OPTIONS", "X"]),
    query=st.binary(max_size=80) | st.sampled_from([b"query={hello}", b"query=%ff&variables=1"]),
    is_json=st.booleans(),
)
@example(b'{"query": "{ hello }"}', [(b"content-length", "²".encode("latin-1"))], "POST", b"", True)
async def test_nothing_that_a_client_sends_is_answered_with_500(
    body: bytes, headers: list[tuple[bytes, bytes]], method: str, query: bytes, is_json: bool
) -> None:
    if is_json:
        headers = [(b"content-type", b"application/json"), *headers]
    status, answer = await asgi(
        World(), body, headers=headers, method=method, query=query, rules=Rules(get=True)
    )
    assert 200 <= status < 500
    if answer and method != "OPTIONS":
        json.loads(answer)


# Other people's audits


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.skipif(
    not (AUDITS / "node_modules").is_dir(), reason="run `npm ci` in tests/graphql_api/audits"
)
async def test_all_audits_of_graphql_http_are_ok(world: World) -> None:
    async with serving(small_app(world, Rules(get=True))) as address:
        audits = await asyncio.create_subprocess_exec(
            "node", AUDITS / "http.mjs", f"http://{address}/graphql", stdout=asyncio.subprocess.PIPE
        )
        told, _ = await audits.communicate()
    results = json.loads(told)
    assert len(results) == 61
    assert [result for result in results if result["status"] != "ok"] == []
