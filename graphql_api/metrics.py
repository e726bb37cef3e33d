"""What is counted and timed, for Prometheus; what the verbs count is in ``resolvers.metrics``.

Several processes write into files of one folder (``PROMETHEUS_MULTIPROC_DIR``), so that a scrape of
any of them tells of all. An observation is made on every request: what it counts into is looked up
once, not then.
"""

import asyncio
import os
from collections import Counter as Counts
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import structlog
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    generate_latest,
)
from prometheus_client.multiprocess import (
    MultiProcessCollector,
    mark_process_dead,  # pyright: ignore[reportUnknownVariableType]
)

from db.errors import TookTooLong, Unavailable
from db.maintenance import Done
from db.partitions import backlog, upkeep
from resolvers.context import Resources

log = structlog.stdlib.get_logger("graphql_api.metrics")

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
MOST_PENDING = 1 if FOLDER in os.environ else 1_000
"""Observations that are made together. Of several processes each makes them at once: a scrape of
any tells of all."""
OFTEN, SELDOM = 5.0, 12
"""Seconds between two looks at the pools, and looks between two at what waits in the database."""

# Requests


class _Settling:
    """Has the registry settle what is pending before it looks at what was counted."""

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        settle()
        return ()


REGISTRY.register(_Settling())  # the first that is looked at

REQUESTS = Counter(
    "graphql_requests",
    "Requests by operation (registered ones have a name here), type and outcome: ok, errors (in"
    " the answer), refused (syntax, validation, limits) or failed.",
    ["operation", "type", "outcome"],
)
SECONDS = Histogram(
    "graphql_request_seconds",
    "Time to answer a request that was not refused.",
    ["operation", "type"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
REFUSED = REQUESTS.labels("other", "unknown", "refused")
OVER_BUDGET = Counter(
    "graphql_cost_budget_refusals",
    "Requests that cost more than was left of the hour's budget, by who asked: user, key or"
    " anonymous.",
    ["viewer"],
)
STATUSES = Counter("http_responses", "Responses by status.", ["status"])

QUERIES = Counter(
    "graphql_queries",
    "Queries, by what answered them and, for the loaders, why there was no plan.",
    ["path", "reason"],
)
PLANNED = QUERIES.labels("compiled", "")
READS = Counter("graphql_reads", "Queries by the server that answered them.", ["server"])

_STAGES = Histogram(
    "graphql_stage_seconds",
    "Time in the stages of a request: reading a document not seen before, compiling it, writing"
    " its statement, the database, the loaders (or Python beside a plan), and encoding what they"
    " found.",
    ["stage"],
    buckets=(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
PARSE = _STAGES.labels("parse")
COMPILE = _STAGES.labels("compile")
WRITE = _STAGES.labels("write")
DATABASE = _STAGES.labels("database")
LOADERS = _STAGES.labels("loaders")
ENCODE = _STAGES.labels("encode")


class Read(NamedTuple):
    """What a plan answered. Times are in seconds: of the whole, of its statement's writing, and of
    the database."""

    of: "Counted"
    seconds: float
    writing: float
    database: float


_READS: list[Read] = []
_RESPONSES: list[int] = []


def read(each: Read) -> None:
    """A plan has answered. It is counted with others, later: one by one that takes longer."""
    _READS.append(each)
    if len(_READS) >= MOST_PENDING:
        settle()


def responded(status: int) -> None:
    """A response is on its way, which is counted with others, too."""
    _RESPONSES.append(status)
    if len(_RESPONSES) >= MOST_PENDING:
        settle()


def settle() -> None:
    """Count what is pending."""
    PLANNED.inc(len(_READS))
    for of, seconds, writing, database in _READS:
        of.answered(seconds, faulty=False)
        WRITE.observe(writing)
        DATABASE.observe(database)
    _READS.clear()
    for status, count in Counts(_RESPONSES).items():
        STATUSES.labels(str(status)).inc(count)
    _RESPONSES.clear()


class Counted:
    """The counters of one operation."""

    def __init__(self, operation: str, kind: str) -> None:
        self.kind = kind
        self.ok = REQUESTS.labels(operation, kind, "ok")
        self.errors = REQUESTS.labels(operation, kind, "errors")
        self.refused = REQUESTS.labels(operation, kind, "refused")
        self.failed = REQUESTS.labels(operation, kind, "failed")
        self._seconds = SECONDS.labels(operation, kind)

    def answered(self, seconds: float, *, faulty: bool) -> None:
        (self.errors if faulty else self.ok).inc()
        self._seconds.observe(seconds)


# A process

CONNECTIONS = Gauge(
    "database_connections",
    "Connections to the database, by pool and state.",
    ["pool", "state"],
    multiprocess_mode="livesum",
)
WAITING = Gauge(
    "database_connection_waiters",
    "Requests that wait for a connection.",
    ["pool"],
    multiprocess_mode="livesum",
)
SUBSCRIPTIONS = Gauge(
    "graphql_subscriptions_open", "Subscriptions that run.", multiprocess_mode="livesum"
)

# The database

PARTITION_MONTHS = Gauge(
    "partition_months_ahead",
    "Whole months after this one that can be written to; below 1 alarm.",
    multiprocess_mode="livemin",
)
MAINTAINED = Gauge(
    "maintenance_last_success_seconds",
    "When maintenance last ended, in seconds since 1970.",
    multiprocess_mode="max",
)
JOBS = Gauge(
    "execution_jobs", "Queued executions, by state.", ["state"], multiprocess_mode="livemax"
)
OLDEST_JOB = Gauge(
    "execution_jobs_oldest_seconds",
    "How long the execution that has waited longest for a runtime has waited.",
    multiprocess_mode="livemax",
)
MAIL = Gauge("mail_waiting", "Messages that wait to be sent.", multiprocess_mode="livemax")
DELIVERIES = Gauge(
    "webhook_deliveries_waiting",
    "Deliveries of webhooks that wait, by whether they are due: now, or later.",
    ["due"],
    multiprocess_mode="livemax",
)
EXPIRED = Counter("expired_rows", "Rows whose time was over, taken away.", ["kind"])
MONTHS_DROPPED = Counter("partition_months_dropped", "Monthly partitions dropped.")


def maintained(done: Done) -> None:
    """Maintenance did this."""
    PARTITION_MONTHS.set(done.months_ahead)
    MAINTAINED.set_to_current_time()
    MONTHS_DROPPED.inc(len(done.months_dropped))
    for kind, count in done.gone.items():
        EXPIRED.labels(kind).inc(count)


async def keep_measuring(resources: Resources) -> None:
    """Look at what no event tells of, for as long as the process runs."""
    looks = 0
    while True:
        measure(resources)
        if looks % SELDOM == 0:
            try:
                await measure_database(resources)
            except (Unavailable, TookTooLong) as error:
                log.warning("the database cannot be measured", reason=str(error))
        looks += 1
        await asyncio.sleep(OFTEN)


def measure(resources: Resources) -> None:
    """How the process is."""
    settle()
    database = resources.database
    for name, pool in (("api", database.api), ("auth", database.auth)):
        CONNECTIONS.labels(name, "in_use").set(pool.open - pool.idle)
        CONNECTIONS.labels(name, "idle").set(pool.idle)
        WAITING.labels(name).set(pool.waiting)
    SUBSCRIPTIONS.set(resources.streams.subscribed())


async def measure_database(resources: Resources) -> None:
    """How the database is. Raises Unavailable, TookTooLong."""
    found = await upkeep(resources.database)
    PARTITION_MONTHS.set(found.months_ahead)
    if found.maintained:
        MAINTAINED.set(found.maintained.timestamp())
    waiting = await backlog(resources.database)
    JOBS.labels("waiting").set(waiting.jobs_waiting)
    JOBS.labels("claimed").set(waiting.jobs_claimed)
    OLDEST_JOB.set(waiting.oldest_job_seconds)
    MAIL.set(waiting.mail_waiting)
    DELIVERIES.labels("now").set(waiting.deliveries_due)
    DELIVERIES.labels("later").set(waiting.deliveries_later)


def exposition() -> bytes:
    """All of it as Prometheus reads it: of this process or, where they share a folder, of all."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return generate_latest()
    _forget_dead(Path(folder))
    settle()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)


def _forget_dead(folder: Path) -> None:
    """What a process holds ended with it; what it counted stays."""
    for file in folder.glob("gauge_live*.db"):
        process = int(file.stem.rpartition("_")[2])
        if not _lives(process):
            mark_process_dead(process)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
