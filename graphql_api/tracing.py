"""Traces for OpenTelemetry: spans from a request's arrival to its SQL, sent by OTLP over HTTP.

The packages are the extra ``otel``; whoever sets no endpoint needs none of them. What else can be
set (sampling, headers, the service's name) are OpenTelemetry's own variables, ``OTEL_…``.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

from db import tracing
from db.tracing import NOTHING
from graphql_api.settings import BadSettings
from graphql_api.told import tell

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Tracer

SERVICE = "graphql-api"


class _Sending:
    by: "Tracer | None" = None


@asynccontextmanager
async def sending(endpoint: str | None) -> AsyncGenerator[None]:
    """Send the spans of the block to a collector; with no endpoint there are none.

    Raises BadSettings where the packages are missing.
    """
    if endpoint is None:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import Tracer, TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise BadSettings(
            ["OTEL_EXPORTER_OTLP_ENDPOINT takes the extra `otel`: pip install 'graphql-api[otel]'."]
        ) from error
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    # What OTEL_SERVICE_NAME says goes before it.
    provider = TracerProvider(resource=Resource({"service.name": SERVICE}).merge(Resource.create()))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer(SERVICE)
    assert isinstance(tracer, Tracer)  # noqa: S101 # unless OTEL_SDK_DISABLED
    _Sending.by = tracer
    tracing.collect(_Within(tracer))
    try:
        yield
    finally:
        _Sending.by = None
        tracing.collect(None)
        await asyncio.to_thread(provider.shutdown)


class _Within:
    """Spans within a request's alone: what goes on beside all requests is no trace."""

    def __init__(self, tracer: "Tracer") -> None:
        from opentelemetry.trace import get_current_span  # noqa: PLC0415

        self._tracer, self._current = tracer, get_current_span

    def start_as_current_span(
        self, name: str, *, attributes: dict[str, str], record_exception: bool
    ) -> AbstractContextManager[Any]:
        if not self._current().is_recording():
            return NOTHING
        return self._tracer.start_as_current_span(
            name, attributes=attributes, record_exception=record_exception
        )


def request(
    work: Awaitable[None], scope: Scope, request_id: str, status: Callable[[], int]
) -> Awaitable[None]:
    """What answers a request, as a part of the trace that its ``traceparent`` names; ``status`` is
    asked at the end. As it is where no spans are sent."""
    return work if _Sending.by is None else _request(_Sending.by, work, scope, request_id, status)


async def _request(
    tracer: "Tracer",
    work: Awaitable[None],
    scope: Scope,
    request_id: str,
    status: Callable[[], int],
) -> None:
    from opentelemetry.trace import SpanKind  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    carrier: Mapping[str, str] = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in scope["headers"]
        if name in (b"traceparent", b"tracestate")
    }
    method, path = scope["method"], scope["path"]
    with tracer.start_as_current_span(
        f"{method} {path}",
        context=TraceContextTextMapPropagator().extract(carrier),
        kind=SpanKind.SERVER,
        attributes={
            "http.request.method": method,
            "url.path": path,
            "request_id": request_id,
        },
        record_exception=False,
    ) as span:
        tell(trace_id=f"{span.get_span_context().trace_id:032x}")
        await work
        span.set_attribute("http.response.status_code", status())
