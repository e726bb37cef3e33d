"""What Prometheus is told, and what a dashboard asks of it."""

import json
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from graphql_api import metrics
from graphql_api.app import create_app
from graphql_api.settings import read_settings
from resolvers import metrics as of_verbs
from tests.graphql_api.wires import serving

SECRET = "the secret that every test of the database uses"
DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "graphql-api.json"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
async def client(own_url: str) -> AsyncGenerator[httpx.AsyncClient]:
    settings = read_settings(database_url=own_url, secret_key=SECRET, pool_size=2)
    async with (
        serving(create_app(settings), lifespan=True) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        yield client


async def scraped(client: httpx.AsyncClient) -> Samples:
    return read((await client.get("/metrics")).text)


def read(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0)


async def ask(client: httpx.AsyncClient, query: str) -> None:
    await client.post("/graphql", json={"query": query})


@pytest.mark.parametrize(
    ("query", "kind", "outcome"),
    [
        ("{ __typename }", "query", "ok"),
        ("query Shop { __typename }", "query", "ok"),
        ('mutation { signOut(refreshToken: "none") { __typename } }', "unknown", "refused"),
        ("{ nonsense }", "unknown", "refused"),
        ("query ($id: ID!) { node(id: $id) { id } }", "query", "refused"),
    ],
)
async def test_a_request_is_counted_by_type_and_outcome(
    client: httpx.AsyncClient, query: str, kind: str, outcome: str
) -> None:
    labels = {"operation": "other", "type": kind, "outcome": outcome}
    before = of(await scraped(client), "graphql_requests_total", **labels)

    await ask(client, query)
    after = of(await scraped(client), "graphql_requests_total", **labels)

    assert after == before + 1


async def test_an_answered_request_is_timed_and_a_status_counted(client: httpx.AsyncClient) -> None:
    before = await scraped(client)
    await ask(client, "{ __typename }")
    after = await scraped(client)

    timed = [
        of(each, "graphql_request_seconds_count", operation="other", type="query")
        for each in (before, after)
    ]
    statuses = [of(each, "http_responses_total", status="200") for each in (before, after)]
    assert timed[1] == timed[0] + 1
    assert statuses[1] >= statuses[0] + 1


async def test_names_that_clients_make_up_are_no_labels(client: httpx.AsyncClient) -> None:
    before = len(await scraped(client))
    for number in range(20):
        await ask(client, f"query Made{number} {{ __typename }}")
    after = await scraped(client)

    assert len(after) - before < 5
    assert not any("Made" in value for _, labels in after for _, value in labels)


async def test_the_pools_and_the_database_are_measured(client: httpx.AsyncClient) -> None:
    await ask(client, "{ workspaces { totalCount } }")
    samples = await scraped(client)

    assert of(samples, "database_connections", pool="api", state="idle") >= 1
    assert of(samples, "database_connection_waiters", pool="api") == 0
    assert of(samples, "partition_months_ahead") == 4
    assert ("execution_jobs", frozenset({("state", "waiting")})) in samples
    assert ("webhook_deliveries_waiting", frozenset({("due", "now")})) in samples


async def test_a_loader_tells_how_much_it_read_at_once(client: httpx.AsyncClient) -> None:
    before = of(await scraped(client), "graphql_loader_batch_keys_count")
    of_verbs.BATCH.observe(3)
    assert of(await scraped(client), "graphql_loader_batch_keys_count") == before + 1


def names() -> set[str]:
    """The names that samples of ours can have."""
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
    made = [
        value
        for module in (metrics, of_verbs)
        for value in vars(module).values()
        if isinstance(value, MetricWrapperBase)
    ]
    return {
        family.name + ending
        for metric in made
        for family in metric.describe()
        for ending in endings[family.type]
    }


def expressions() -> list[str]:
    board: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def test_every_panel_asks_for_metrics_that_there_are() -> None:
    known = names()
    asked = {name for each in expressions() for name in re.findall(r"\b([a-z_]+)\{", each)}

    assert len(expressions()) > 20
    assert asked - known == set()


def test_every_metric_has_a_panel() -> None:
    text = " ".join(expressions())
    unseen = {
        name
        for name in names()
        if not name.endswith(("_sum", "_count")) and not re.search(rf"\b{name}\b", text)
    }

    assert unseen == set()
