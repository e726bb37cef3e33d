"""What the verbs count and time, for Prometheus."""

from prometheus_client import Counter, Histogram

INGESTED = Counter("log_lines_ingested", "Lines of logs that runtimes reported and were new.")
BATCH = Histogram(
    "graphql_loader_batch_keys",
    "Keys that a data loader read at once.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
DELIVERIES = Counter(
    "webhook_deliveries",
    "Attempts at deliveries of webhooks, by what came of them: delivered, retried (later) or"
    " given_up.",
    ["outcome"],
)
WEBHOOKS_GIVEN_UP = Counter(
    "webhooks_given_up", "Webhooks that are told nothing more: nothing arrived there for days."
)
MAIL = Counter(
    "mail_messages",
    "Attempts at sending messages, by what came of them: sent, retried (later) or given_up.",
    ["outcome"],
)
READ_LAG = Histogram(
    "log_read_lag_seconds",
    "From when a process hears of new lines until its subscribers are woken with them.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)

# There from the start, so that their first one makes a rate, and none is a rate of zero.
for _outcome in ("delivered", "retried", "given_up"):
    DELIVERIES.labels(_outcome)
for _outcome in ("sent", "retried", "given_up"):
    MAIL.labels(_outcome)
