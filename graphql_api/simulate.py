"""A runtime that only pretends: it replays a workspace's workflows over HTTP, with an API key.

What it reports is made up; how it reports is what ``docs/runtimes.md`` says, so that whoever
watches sees what they would see of a real one.
"""

import asyncio
import http.client
import json
import random
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from db import operator_keys, owners
from graphql_api.home import NotServed, Report, bring_up, home
from graphql_api.settings import Settings
from resolvers.errors import InvalidInput, NotFound
from resolvers.tokens import digest

SCOPES = ("workflows:read", "executions:read", "executions:write", "logs:read", "logs:write")
OK = 200
FAILING = 0.08
"""How many of the runs fail."""
STEP = 0.2, 1.4
"""Seconds between what a node says."""

WORKFLOWS = """
{
  workflows(first: 100) { nodes { databaseId name definition } }
}
"""
START = """
mutation ($input: StartExecutionInput!) {
  startExecution(input: $input) { errors { message } execution { databaseId } }
}
"""
APPEND = """
mutation ($input: AppendExecutionLogsInput!) {
  appendExecutionLogs(input: $input) { errors { message } cancelRequested }
}
"""
FINISH = """
mutation ($input: FinishExecutionInput!) {
  finishExecution(input: $input) { errors { message } }
}
"""

SAYINGS = (
    ("INFO", "{name}: started"),
    ("DEBUG", "{name}: request {id} to {host} took {ms} ms"),
    ("INFO", "{name}: {n} items, page {page} of {pages}"),
    ("INFO", "{name}: wrote {n} rows in {ms} ms"),
    ("WARN", "{name}: slow answer ({ms} ms), trying again in 2 s"),
    ("DEBUG", "{name}: cache hit for {id}"),
)
HOSTS = ("api.example.com", "db.internal", "queue.internal")
TRIGGERS = ("webhook", "schedule", "manual")

Data = dict[str, Any]


class Platform:
    """The server, as a runtime reaches it."""

    def __init__(self, url: str, key: str) -> None:
        self._place, self._key = urlsplit(url), key

    async def ask(self, query: str, **variables: Any) -> Data:
        """The data of an answer without errors. Raises NotServed."""
        return await asyncio.to_thread(self._ask, query, variables)

    async def report(self, mutation: str, **given: Any) -> Data:
        """The payload of a mutation without errors. Raises NotServed."""
        (payload,) = (await self.ask(mutation, input=given)).values()
        if payload["errors"]:
            raise NotServed(payload["errors"][0]["message"])
        return payload

    def _ask(self, query: str, variables: Data) -> Data:
        secure = self._place.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._place.netloc, timeout=15)
        try:
            connection.request(
                "POST",
                self._place.path or "/graphql",
                json.dumps({"query": query, "variables": variables}),
                {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
            )
            response = connection.getresponse()
            answer: Data = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotServed(f"{self._place.geturl()} does not answer: {error}") from error
        finally:
            connection.close()
        if response.status != OK or "errors" in answer:
            raise NotServed(answer["errors"][0]["message"])
        return answer["data"]


@dataclass(frozen=True, slots=True)
class Pace:
    """``rate`` runs begin a second; ``most`` in all, None for ever. A ``speed`` of 2 is twice as
    fast within a run.
    """

    rate: float = 0.5
    most: int | None = None
    speed: float = 1.0


async def simulate(
    settings: Settings, slug: str, url: str, *, key: str | None, pace: Pace, report: Report
) -> int:
    """Replay workflows until asked to stop. Raises NotFound and NotServed."""
    if pace.rate <= 0 or pace.speed <= 0:
        raise InvalidInput("The rate and the speed must be above 0.")
    async with _key(settings, slug, key, report) as good:
        platform = Platform(url, good)
        flows = (await platform.ask(WORKFLOWS))["workflows"]["nodes"]
        flows = [flow for flow in flows if flow["definition"].get("nodes")]
        if not flows:
            raise NotFound(f"{slug} has no workflow with nodes: import one first.")
        report(f"Replaying {len(flows)} workflows of {slug}; Ctrl-C to stop")
        begun = await _replay(platform, flows, pace)
    report(f"Replayed {begun} executions")
    return 0


async def _replay(platform: Platform, flows: list[Data], pace: Pace) -> int:
    """How many there were. Raises what went wrong with the first that could not be reported."""
    begun = 0
    try:
        async with asyncio.TaskGroup() as running:
            while pace.most is None or begun < pace.most:
                running.create_task(_run(platform, random.choice(flows), pace.speed))  # noqa: S311
                begun += 1
                await asyncio.sleep(1 / pace.rate)
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from faults
    return begun


async def _run(platform: Platform, flow: Data, speed: float) -> None:
    chance = random.Random()  # noqa: S311 # nothing secret is made of it
    trigger = chance.choice(TRIGGERS)
    given = {"triggerType": trigger, "triggerData": {"simulated": True}}
    started = await platform.report(START, workflowId=flow["databaseId"], **given)
    execution = started["execution"]["databaseId"]
    fails = chance.random() < FAILING
    nodes: list[Data] = flow["definition"]["nodes"]
    for node in nodes:
        lines = [_line(chance, node) for _ in range(chance.randint(2, 6))]
        said = await platform.report(APPEND, executionId=execution, lines=lines)
        if said["cancelRequested"]:
            await platform.report(FINISH, executionId=execution, status="CANCELLED")
            return
        await asyncio.sleep(chance.uniform(*STEP) / speed)
    end: Data = {"status": "SUCCESS", "outputData": {"items": chance.randint(0, 500)}}
    if fails:
        name = chance.choice(nodes)["name"]
        end = {"status": "FAILED", "errorMessage": f"{name}: the service answered 503"}
    await platform.report(
        FINISH, executionId=execution, memoryUsageMb=chance.randint(40, 400), **end
    )


def _line(chance: random.Random, node: Data) -> Data:
    level, saying = chance.choice(SAYINGS)
    facts = {
        "n": chance.randint(1, 500),
        "ms": round(chance.lognormvariate(5, 0.8)),
        "page": chance.randint(1, 3),
        "pages": 3,
        "host": chance.choice(HOSTS),
        "id": f"{chance.getrandbits(32):08x}",
    }
    return {
        "id": str(uuid4()),
        "nodeId": node["id"],
        "level": level,
        "message": saying.format(name=node["name"], **facts),
        "metadata": {"ms": facts["ms"]},
    }


@asynccontextmanager
async def _key(
    settings: Settings, slug: str, given: str | None, report: Report
) -> AsyncGenerator[str]:
    """The key that was given, or one that is good for as long as the block lasts."""
    if given is not None:
        yield given
        return
    async with home(settings, report, share=True) as place:
        await bring_up(place, settings, report)
        owned = await owners.by_slug(place.url, slug)
        if owned is None:
            known = ", ".join(await owners.slugs(place.url, 20))
            raise NotFound(f"There is no workspace with the slug {slug}. There are: {known}.")
        key = f"mcp_{secrets.token_urlsafe(32)}"
        id = await operator_keys.make(
            place.url,
            owned.workspace_id,
            owned.owner_id,
            "graphql-api simulate",
            digest=digest(key),
            prefix=key[:12],
            scopes=SCOPES,
        )
        try:
            yield key
        finally:
            await operator_keys.revoke(place.url, id)
