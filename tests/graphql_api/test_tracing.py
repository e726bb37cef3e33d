"""Traces, as a collector of OpenTelemetry receives them."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.testing import capture_logs

from db import tracing
from graphql_api.app import create_app
from graphql_api.settings import read_settings
from tests.graphql_api.wires import serving

proto = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

SECRET = "the secret that every test of the database uses"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
PASSWORD = "a password that nobody may read"
SIGN_IN = (
    "mutation ($password: String!) {"
    ' signIn(input: {email: "nobody@example.org", password: $password}) { errors { code } } }'
)
QUERY = "{ viewer { __typename } }"


class Collector:
    """Takes what is exported, as OTLP over HTTP has it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.app = Starlette(routes=[Route("/v1/traces", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        return Response(b"", media_type="application/x-protobuf")

    def spans(self) -> list[Any]:
        found: list[Any] = []
        for body in self.bodies:
            message = proto.ExportTraceServiceRequest.FromString(body)
            for resource in message.resource_spans:
                for scope in resource.scope_spans:
                    found.extend(scope.spans)
        return found


@asynccontextmanager
async def traced(own_url: str, collector: Collector) -> AsyncGenerator[httpx.AsyncClient]:
    """A server that sends its spans, all of them when the block ends."""
    async with serving(collector.app) as place:
        settings = read_settings(
            database_url=own_url,
            secret_key=SECRET,
            pool_size=2,
            otel_exporter_otlp_endpoint=f"http://{place}",
        )
        async with (
            serving(create_app(settings), lifespan=True) as address,
            httpx.AsyncClient(base_url=f"http://{address}") as client,
        ):
            yield client


def path_of(spans: Iterable[Any], leaf: str) -> list[str]:
    """The names from the first span down to the one called ``leaf``."""
    by_id = {span.span_id: span for span in spans}
    span = next(span for span in by_id.values() if span.name == leaf)
    names = [span.name]
    while span.parent_span_id in by_id:
        span = by_id[span.parent_span_id]
        names.insert(0, span.name)
    return names


@pytest.mark.paths
async def test_a_query_is_traced_from_its_arrival_to_its_sql(own_url: str) -> None:
    collector = Collector()
    async with traced(own_url, collector) as client:
        with capture_logs() as lines:
            await client.post("/graphql", json={"query": QUERY}, headers=TRACEPARENT)

    ours = [span for span in collector.spans() if span.trace_id.hex() == TRACE]
    first = next(span for span in ours if span.name == "POST /graphql")
    told = {each.key: each.value for each in first.attributes}
    assert path_of(ours, "postgresql") == ["POST /graphql", "graphql", "plan", "postgresql"]
    assert first.parent_span_id.hex() == PARENT
    assert told["http.response.status_code"].int_value == 200
    assert lines != []


async def test_a_mutation_is_traced_through_its_resolver_and_names_no_secret(own_url: str) -> None:
    collector = Collector()
    body = {"query": SIGN_IN, "variables": {"password": PASSWORD}}
    async with traced(own_url, collector) as client:
        await client.post("/graphql", json=body, headers=TRACEPARENT)

    spans = collector.spans()
    assert path_of(spans, "postgresql") == ["POST /graphql", "graphql", "resolvers", "postgresql"]
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert not any(PASSWORD.encode() in each for each in collector.bodies)
    assert not any(b"nobody@example.org" in each for each in collector.bodies)


@pytest.mark.paths
async def test_requests_at_once_keep_their_traces_apart(own_url: str) -> None:
    """Each asks for something else: what is the same may be read once for all."""
    collector = Collector()
    traces = [f"{number:032x}" for number in range(1, 9)]
    async with traced(own_url, collector) as client:
        await asyncio.gather(
            *(
                client.post(
                    "/graphql",
                    json={"query": QUERY.replace("viewer", f"as_{trace}: viewer")},
                    headers={"traceparent": f"00-{trace}-{PARENT}-01"},
                )
                for trace in traces
            )
        )

    of_each = {
        trace: sorted(span.name for span in collector.spans() if span.trace_id.hex() == trace)
        for trace in traces
    }
    assert set(map(tuple, of_each.values())) == {("POST /graphql", "graphql", "plan", "postgresql")}


async def test_a_collector_that_is_away_harms_no_request(own_url: str) -> None:
    settings = read_settings(
        database_url=own_url, secret_key=SECRET, otel_exporter_otlp_endpoint="http://127.0.0.1:1"
    )
    async with (
        serving(create_app(settings), lifespan=True) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        answer = await client.post("/graphql", json={"query": "{ __typename }"})

    assert answer.json() == {"data": {"__typename": "Query"}}


def test_without_a_collector_a_span_is_nothing() -> None:
    assert tracing.span("any") is tracing.NOTHING
    assert tracing.statement("SELECT 1") is tracing.NOTHING
