"""``python3 dev.py bench``: how to use it is in docs/performance.md."""

import asyncio
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from bench import aims, policies, report, workers
from bench.compare import Plan, compare
from bench.data import SCALES
from bench.place import measured
from bench.queries import QUERIES
from bench.report import Figures
from bench.say import say, show
from bench.servers import SERVERS, CannotMeasure
from db.cluster import CannotStart
from graphql_api.settings import BadSettings

ALL_QUERIES, ALL_SERVERS = ",".join(QUERIES), ",".join(SERVERS)
DATA = Path(__file__).parent.parent / ".data" / "bench"

app = App(
    name="bench",
    help="Measure how fast the API answers, next to others that answer the same.\n\n"
    "Works on an embedded PostgreSQL of its own or on the server of DATABASE_URL (a superuser's), "
    "in databases of the name bench_SCALE.",
    help_format="markdown",
    result_action="return_value",
)

Data = Annotated[Path, Parameter(help="Folder of the embedded PostgreSQL.")]
Scale = Annotated[str, Parameter(help=f"How many rows: {', '.join(SCALES)}.")]
Seconds = Annotated[float, Parameter(help="How long each server is asked at a time.")]
Rounds = Annotated[int, Parameter(help="How often; the median counts.")]
Connections = Annotated[str, Parameter(help="How many ask at once.")]
Queries = Annotated[str, Parameter(help=f"What is asked: {', '.join(QUERIES)}.")]
Servers = Annotated[str, Parameter(help=f"Who is asked: {', '.join(SERVERS)}.")]
Kept = Annotated[Path | None, Parameter(name="--json", help="A file to write the figures to.")]
Drawn = Annotated[Path | None, Parameter(name="--chart", help="A file to draw them in (SVG).")]


@app.default
def against_others(
    *,
    scale: Scale = "full",
    seconds: Seconds = 4,
    rounds: Rounds = 3,
    connections: Connections = "1,32",
    queries: Queries = ALL_QUERIES,
    servers: Servers = ALL_SERVERS,
    kept: Kept = None,
    drawn: Drawn = None,
    data: Data = DATA,
) -> None:
    """Compare the servers: check that their answers agree, then ask them in turns."""
    plan = Plan(scale, seconds, rounds, _numbers(connections), _words(queries), _words(servers))
    figures = asyncio.run(compare(plan, data))
    show(report.table(figures) + "\n\n" + report.ratios(figures))
    _keep(kept, plan, figures)
    if drawn:
        drawn.write_text(report.chart(figures, max(plan.connections)), encoding="utf-8")


@app.command
def check(*, scale: Scale = "tiny", queries: Queries = ALL_QUERIES, data: Data = DATA) -> None:
    """Only see that all servers give the same answers."""
    asyncio.run(compare(Plan(scale, 0, 0, [], _words(queries), list(SERVERS)), data))


@app.command
def sizes(
    *,
    scales: Annotated[str, Parameter(help="The scales to compare.")] = "small,large",
    seconds: Seconds = 4,
    rounds: Rounds = 3,
    connections: Connections = "1",
    queries: Queries = "point,nested,logs,filtered",
    kept: Kept = None,
    data: Data = DATA,
) -> None:
    """See that the time of a query does not grow with the rows stored."""
    for scale in _words(scales):
        plan = Plan(scale, seconds, rounds, _numbers(connections), _words(queries), ["ours"])
        figures = asyncio.run(compare(plan, data))
        show(f"{scale}\n\n{report.table(figures)}\n")
        _keep(kept and kept.with_stem(f"{kept.stem}-{scale}"), plan, figures)


@app.command(name="aims")
def against_aims(
    *,
    seconds: Seconds = 4,
    rounds: Rounds = 3,
    grown: Annotated[bool, Parameter(help="Measure 2 M executions too: filling is slow.")] = True,
    kept: Kept = None,
    drawn: Drawn = None,
    data: Data = DATA,
) -> None:
    """Measure everything that is aimed at, and see what is reached. It takes most of an hour."""
    plan = Plan("full", seconds, rounds, [1, aims.MANY], list(QUERIES), list(SERVERS))
    figures = asyncio.run(compare(plan, data))
    show(report.table(figures) + "\n\n" + report.ratios(figures))
    _keep(kept, plan, figures)
    if drawn:
        drawn.write_text(report.chart(figures, aims.MANY), encoding="utf-8")
    found = [*aims.compared(figures), aims.held(asyncio.run(_policies("full", 500, data)))]
    if grown:
        same = ["point", "nested", "logs", "filtered"]
        each = [
            asyncio.run(compare(Plan(scale, seconds, rounds, [1], same, ["ours"]), data))
            for scale in ("small", "large")
        ]
        found += aims.grown(*each)
    show(f"\n{aims.table(found)}")


@app.command(name="workers")
def growth_with_workers(
    *,
    most: Annotated[int, Parameter(help="The largest number of processes.")] = os.cpu_count() or 1,
    scale: Scale = "small",
    query: Annotated[str, Parameter(help=f"What is asked: {', '.join(QUERIES)}.")] = "point",
    connections: Annotated[int, Parameter(help="How many ask at once.")] = 32,
    seconds: Seconds = 4,
    rounds: Rounds = 3,
    data: Data = DATA,
) -> None:
    """See that requests a second grow with the processes that share the port, up to the cores."""
    load = workers.Load(scale, query, most, connections, seconds, rounds)
    show(workers.table(load, asyncio.run(workers.grow(load, data))))


@app.command(name="policies")
def cost_of_policies(
    *,
    scale: Scale = "full",
    times: Annotated[int, Parameter(help="How often each is asked.")] = 500,
    data: Data = DATA,
) -> None:
    """See what row level security costs on the nested graph."""
    held, free = asyncio.run(_policies(scale, times, data))
    show(f"with policies {held:.3f} ms, without {free:.3f} ms, {held / free - 1:+.1%}")


async def _policies(scale: str, times: int, data: Path) -> policies.Cost:
    async with measured(scale, data) as place:
        return await policies.cost(place.url, place.secrets, place.askers[0].ids.person, times)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _numbers(text: str) -> list[int]:
    return [int(word) for word in _words(text)]


def _keep(file: Path | None, plan: Plan, figures: Figures) -> None:
    if file is None:
        return
    kept = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.platform()}, {os.cpu_count()} cores",
        "plan": plan._asdict(),
        "figures": report.as_json(figures),
    }
    file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        app()
    except (BadSettings, CannotMeasure, CannotStart) as error:
        say(f"bench: {error}")
        sys.exit(1)
