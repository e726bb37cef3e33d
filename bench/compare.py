"""A comparison: the same queries to each server in turn, again and again, in changing order."""

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from bench.load import Shot, Target, shoot
from bench.place import Place, measured, sent, tidy
from bench.queries import same
from bench.report import Case, Figures, medians
from bench.say import say
from bench.servers import CannotMeasure, Server, has, present, running

OK = 200
WAYS = {"ours": "compiled", "loaders": "loaders"}
MUTATION = '{"query": "mutation'
WARM_UP = 1.0  # seconds


class Plan(NamedTuple):
    """What to measure. Without rounds only the answers are compared."""

    scale: str
    seconds: float
    rounds: int
    connections: list[int]
    queries: list[str]
    servers: list[str]


class Asked(NamedTuple):
    server: Server
    query: str
    file: Path
    """What the askers send, a line each."""


async def compare(plan: Plan, data: Path) -> Figures:
    """The medians. Raises CannotMeasure where answers differ or a request fails."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            measured(plan.scale, data) as place,
            running(present(plan.servers), place.url, place.secret, Path(folder)) as servers,
        ):
            asked = _asked(plan.queries, servers, place, Path(folder))
            for query in plan.queries:
                await _check([each for each in asked if each.query == query], place)
            shots: dict[Case, list[Shot]] = {}
            for number in range(plan.rounds and plan.rounds + 1):
                say(f"Round {number} of {plan.rounds}" if number else "Warming up")
                for connections in plan.connections:
                    for query in plan.queries:
                        turn = [each for each in asked if each.query == query]
                        for each in turn[:: 1 if number % 2 else -1]:
                            shot = await _shoot(plan, each, place, connections, number)
                            if number:
                                case = Case(query, connections, each.server.name)
                                shots.setdefault(case, []).append(shot)
            await tidy(place.url)
            return medians({case: shots[case] for case in _ordered(plan, shots)})


def _ordered(plan: Plan, shots: dict[Case, list[Shot]]) -> list[Case]:
    return sorted(
        shots,
        key=lambda case: (
            plan.queries.index(case.query),
            case.connections,
            plan.servers.index(case.server),
        ),
    )


def _asked(queries: list[str], servers: list[Server], place: Place, folder: Path) -> list[Asked]:
    """Who is asked what: a query goes to the servers that have it."""
    found: list[Asked] = []
    for server in servers:
        for query in queries:
            lines = sent(server.dialect, query, place.askers)
            if lines and has(server.name, query):
                file = folder / f"{server.dialect}-{query}.txt"
                file.write_text(lines)
                found.append(Asked(server, query, file))
    return found


async def _shoot(plan: Plan, each: Asked, place: Place, connections: int, number: int) -> Shot:
    target = Target(each.server.port, each.server.process, place.postmaster)
    seconds = plan.seconds if number else min(WARM_UP, plan.seconds)
    shot = await shoot(target, each.file, connections, seconds)
    if shot.errors:
        raise CannotMeasure(f"{each.server.name} failed {shot.errors} times at {each.query}.")
    return shot


async def _check(asked: list[Asked], place: Place) -> None:
    """See that all give the same answer."""
    answers: dict[str, Any] = {}
    for each in asked:
        address = f"http://127.0.0.1:{each.server.port}"
        async with httpx.AsyncClient(base_url=address, timeout=30) as client:
            token, content = each.file.read_text().splitlines()[0].split("\t", 1)
            answers[each.server.name] = await answer_of(client, each.server.name, content, token)
    expected = same(next(iter(answers.values())))
    for name, answer in answers.items():
        if same(answer) != expected:
            said = json.dumps(answer)[:2000]
            raise CannotMeasure(f"At {asked[0].query} {name} answers otherwise: {said}")
    size = len(json.dumps(expected))
    say(f"{asked[0].query}: {', '.join(answers)} give the same answer of {size:,} characters")


async def answer_of(client: httpx.AsyncClient, name: str, content: str, token: str) -> Any:
    """The data. Raises CannotMeasure where there is none, or ours took the wrong way."""
    response = await client.post(
        "/graphql",
        content=content,
        headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
    )
    way = response.headers.get("x-graphql-plan")
    wanted = WAYS.get(name) and ("loaders" if content.startswith(MUTATION) else WAYS[name])
    if response.status_code != OK or way != wanted:
        raise CannotMeasure(f"{name} answered by {way}, {response.status_code}: {response.text}")
    answer: dict[str, Any] = response.json()
    if "errors" in answer:
        raise CannotMeasure(f"{name} failed: {response.text[:2000]}")
    return answer["data"]
