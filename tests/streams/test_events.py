"""Subscriptions over server-sent events, on a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.streams.conftest import Bearer
from tests.streams.watching import LOGS, SOON, Process

EVENTS = {"Accept": "text/event-stream"}
WORKSPACES = "{ workspaces { nodes { name } } }"


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """Each event, with its data."""
    kind, data = "", ""
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            kind, data = (value[1:], data) if name == "event" else (kind, data + value[1:])
        elif kind:
            yield kind, json.loads(data) if data else None
            kind, data = "", ""


async def all_of(response: httpx.Response) -> list[tuple[str, Any]]:
    async with asyncio.timeout(SOON):
        return [each async for each in events(response)]


def asked(query: str = LOGS, **variables: object) -> dict[str, Any]:
    given = {name: str(value) for name, value in variables.items()}
    return {"query": query, "variables": given}


@pytest.fixture
async def client(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{address}", timeout=SOON) as client:
        yield client


async def test_a_log_is_followed_to_its_end(
    here: Process, execution: UUID, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    await here.append(execution, "a")
    async with client.stream(
        "POST", "/graphql", json=asked(id=execution), headers=bearer() | EVENTS
    ) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        found = events(response)
        _, first = await anext(found)
        await here.append(execution, "b")
        await here.end(execution)
        rest = [each async for each in found]
    lines = [line["seq"] for _, result in [("", first), *rest[:-1]] for line in rows(result)]
    assert lines == [1, 2]
    assert rest[-1] == ("complete", None)
    assert rest[-2][1]["data"]["executionLogs"]["ended"] == "SUCCESS"


def rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    return result["data"]["executionLogs"]["lines"]


async def test_get_follows_too_and_after_resumes(
    here: Process, execution: UUID, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    await here.append(execution, "a", "b")
    params = {"query": LOGS, "variables": json.dumps({"id": str(execution)})}
    async with client.stream("GET", "/graphql/stream", params=params, headers=bearer()) as response:
        _, first = await anext(events(response))
    cursor = first["data"]["executionLogs"]["cursor"]
    await here.append(execution, "c")
    await here.end(execution)
    async with client.stream(
        "POST", "/graphql", json=asked(id=execution, after=cursor), headers=bearer() | EVENTS
    ) as response:
        found = await all_of(response)
    assert [line["seq"] for line in rows(found[0][1])] == [3]


@pytest.mark.parametrize("query", ["subscription {", "{ nothing }", LOGS])
async def test_what_cannot_be_executed_is_said_in_the_stream(
    client: httpx.AsyncClient, bearer: Bearer, query: str
) -> None:
    async with client.stream(
        "POST", "/graphql", json={"query": query}, headers=bearer() | EVENTS
    ) as response:
        assert response.status_code == 200
        [(kind, result), last] = await all_of(response)
    assert (kind, last) == ("next", ("complete", None))
    assert result["errors"]


async def test_a_query_is_one_event(client: httpx.AsyncClient, bearer: Bearer) -> None:
    async with client.stream(
        "POST",
        "/graphql",
        json={"query": WORKSPACES},
        headers=bearer() | EVENTS,
    ) as response:
        [(_, result), _] = await all_of(response)
    assert result["data"]["workspaces"]["nodes"]


async def test_get_changes_nothing(client: httpx.AsyncClient, bearer: Bearer) -> None:
    params = {"query": 'mutation { signOut(input: {refreshToken: "x"}) { errors { code } } }'}
    async with client.stream(
        "GET", "/graphql", params=params, headers=bearer() | EVENTS
    ) as response:
        [(_, result), _] = await all_of(response)
    assert "data" not in result


async def test_a_bad_token_is_refused_before_the_stream(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/graphql", json=asked(), headers={"Authorization": "Bearer x"} | EVENTS
    )
    assert response.status_code == 401


async def test_a_token_that_runs_out_ends_the_stream(
    here: Process, execution: UUID, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    headers = bearer(minutes=0.03) | EVENTS
    async with client.stream(
        "POST", "/graphql", json=asked(id=execution), headers=headers
    ) as response:
        [(_, result), last] = await all_of(response)
    assert result["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert last == ("complete", None)


async def test_who_does_not_ask_for_events_gets_json(
    client: httpx.AsyncClient, bearer: Bearer
) -> None:
    response = await client.post("/graphql", json={"query": "{ __typename }"}, headers=bearer())
    assert response.headers["content-type"].startswith("application/json")
