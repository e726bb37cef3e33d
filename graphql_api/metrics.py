"""What is counted and timed, for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

from db.maintenance import Done

QUERIES = Counter(
    "graphql_queries",
    "Queries, by what answered them and, for the loaders, why there was no plan.",
    ["path", "reason"],
)

READS = Counter("graphql_reads", "Queries by the server that answered them.", ["server"])
PLANNED = QUERIES.labels("compiled", "")

_STAGES = Histogram(
    "graphql_stage_seconds",
    "Time in the stages of a request: reading a document not seen before, compiling it, writing"
    " its statement, the database, the loaders, and encoding what they found.",
    ["stage"],
    buckets=(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
PARSE = _STAGES.labels("parse")
COMPILE = _STAGES.labels("compile")
WRITE = _STAGES.labels("write")
DATABASE = _STAGES.labels("database")
LOADERS = _STAGES.labels("loaders")
ENCODE = _STAGES.labels("encode")

PARTITION_MONTHS = Gauge(
    "partition_months_ahead", "Whole months after this one that can be written to; below 1 alarm."
)
MAINTAINED = Gauge("maintenance_last_success_seconds", "When this process last ran maintenance.")
EXPIRED = Counter("expired_rows", "Rows whose time was over, taken away.", ["kind"])
MONTHS_DROPPED = Counter("partition_months_dropped", "Monthly partitions dropped.")


def maintained(done: Done) -> None:
    """Maintenance did this."""
    PARTITION_MONTHS.set(done.months_ahead)
    MAINTAINED.set_to_current_time()
    MONTHS_DROPPED.inc(len(done.months_dropped))
    for kind, count in done.gone.items():
        EXPIRED.labels(kind).inc(count)
