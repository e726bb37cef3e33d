"""What the verbs count and time, for Prometheus."""

from prometheus_client import Counter, Histogram

INGESTED = Counter("log_lines_ingested", "Lines of logs that runtimes reported and were new.")
BATCH = Histogram(
    "graphql_loader_batch_keys",
    "Keys that a data loader read at once.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
READ_LAG = Histogram(
    "log_read_lag_seconds",
    "From when a process hears of new lines until its subscribers are woken with them.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
