"""The composition root: what one process shares, and the routes that it answers."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Lifespan, Scope

from db.maintenance import keep_maintaining
from db.replica import Replica, replicated
from db.sealing import Box, Sealing
from db.secrets import Secrets
from db.session import Client, Database, connect
from db.streams import reading_streams
from graphql_api import graphiql, health, http, metrics, sse, tracing, websocket
from graphql_api.access import AccessLog
from graphql_api.auth import asker_of
from graphql_api.direct import WithShortcut, within
from graphql_api.draining import Draining, LastAnswers
from graphql_api.execute import Executor
from graphql_api.limits import Limits
from graphql_api.messages import Service
from graphql_api.schema import schema
from graphql_api.settings import BadSettings, Settings
from graphql_api.trusted import Trusted, read_manifest
from resolvers import streams
from resolvers.context import Asker, Resources
from resolvers.cost_budgets import budgets
from resolvers.delivering import Delivering
from resolvers.ended import EndedSessions
from resolvers.known_secrets import KnownSecrets
from resolvers.mail import Mail, smtp, to_the_log
from resolvers.nats_hints import NatsHints
from resolvers.oauth import Providers
from resolvers.outgoing import Outgoing
from resolvers.passwords import Passwords
from resolvers.reaping import keep_reaping
from resolvers.streams import Streams
from resolvers.tokens import Tokens

log = structlog.get_logger()


def create_app(settings: Settings) -> Starlette:
    """The application of one process. Its database is migrated; opening it is the lifespan's.

    Its state has ``draining``, the ``resources`` and the ``service``.
    """
    draining = Draining()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with (
            tracing.sending(settings.otel_exporter_otlp_endpoint),
            resources(settings) as app.state.resources,
        ):
            app.state.service = service(settings, app.state.resources)
            _, secrets = database_of(settings)
            url = directly(settings)
            shared: Resources = app.state.resources
            watching, database = shared.streams, shared.database
            async with (
                beside(keep_maintaining(url, secrets, log.info, metrics.maintained)),
                beside(metrics.keep_measuring(app.state.resources)),
                beside(keep_reaping(url, secrets, watching, log.info)),
                beside(shared.mail.keep_delivering(database)),
                beside(shared.ended.keep_reading(database)),
                beside(keep_sending(settings, shared)),
            ):
                yield

    app = answering(settings, draining, lifespan)
    app.state.draining = draining
    return app


def answering(settings: Settings, draining: Draining, lifespan: Lifespan[Starlette]) -> Starlette:
    """The routes, and what every request goes through; the lifespan gives it its state."""
    at_graphql = over_http(settings, draining)
    middleware = [
        Middleware(LastAnswers, draining),
        Middleware(AccessLog),
        *http.cors(settings.allowed_origins, http.Rules()),
    ]
    return WithShortcut(
        "/graphql",
        within(middleware, at_graphql),
        routes=routes(settings, draining, at_graphql),
        middleware=middleware,
        lifespan=lifespan,
    )


def over_http(settings: Settings, draining: Draining) -> sse.OverEvents:
    """What answers at /graphql: in JSON, or with events who asks for them."""
    rules = http.Rules(most_bytes=settings.max_body_bytes, seconds=settings.request_timeout_seconds)
    answers = http.OverHttp(_service, rules)
    return sse.OverEvents(_service, for_events(settings), otherwise=answers, draining=draining)


def for_events(settings: Settings) -> http.Rules:
    return http.Rules(
        get=True,
        most_bytes=settings.max_body_bytes,
        seconds=settings.request_timeout_seconds,
    )


def routes(settings: Settings, draining: Draining, at_graphql: sse.OverEvents) -> list[BaseRoute]:
    over_websocket = websocket.OverWebSocket(
        _service,
        websocket.Rules(
            init_seconds=settings.connection_init_timeout_seconds,
            most_operations=settings.max_subscriptions,
            most_bytes=settings.max_body_bytes,
            seconds=settings.request_timeout_seconds,
        ),
        draining,
    )
    found: list[BaseRoute] = [
        Route("/graphql", at_graphql),
        Route(
            "/graphql/stream",
            sse.OverEvents(_service, for_events(settings), draining=draining),
        ),
        WebSocketRoute("/graphql", over_websocket),
        *health.routes(draining),
    ]
    if settings.metrics:
        found.append(Route("/metrics", _metrics))
    if settings.graphiql:
        found += [Route("/", _to_graphiql), *graphiql.routes(demo=_demo(settings))]
    return found


async def keep_sending(settings: Settings, resources: Resources) -> None:
    """Send what webhooks are to be told, unless another command does."""
    if settings.deliver_webhooks:
        await delivering_of(settings, resources).keep_delivering()


def delivering_of(settings: Settings, resources: Resources) -> Delivering:
    patience = timedelta(days=settings.webhook_patience_days)
    return Delivering(resources.database, resources.outgoing, patience)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Has ``work`` done while the block lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def database_of(settings: Settings) -> tuple[str, Secrets]:
    """Where the database is, and what opens it."""
    if settings.database_url is None or settings.secret_key is None:
        raise ValueError("a process that answers needs DATABASE_URL and SECRET_KEY")
    previous = settings.secret_key_previous
    key = settings.secret_key.get_secret_value()
    before = previous.get_secret_value() if previous else None
    return settings.database_url.get_secret_value(), Secrets(key, before)


def directly(settings: Settings) -> str:
    """Where the database is without a pooler between, which keeps no session."""
    given = settings.direct_database_url or settings.database_url
    return given.get_secret_value() if given else ""


@asynccontextmanager
async def resources(settings: Settings) -> AsyncGenerator[Resources]:
    """What all requests of a process share."""
    url, secrets = database_of(settings)
    passwords = Passwords(threads=settings.password_threads)
    known = KnownSecrets()
    outgoing = Outgoing(settings.outgoing_networks)
    bus = NatsHints(settings.hints_url.get_secret_value()) if settings.hints_url else None
    try:
        async with (
            connect(
                url,
                secrets,
                size=settings.pool_size,
                sign_in_size=settings.sign_in_pool_size,
                statement_timeout=settings.statement_timeout_seconds,
                statement_cache=settings.statement_cache_size,
            ) as database,
            reading_streams(
                url,
                secrets,
                direct=directly(settings),
                statement_cache=settings.statement_cache_size,
            ) as reader,
            Streams(
                streams.Limits(
                    per_viewer=settings.max_subscriptions_per_viewer,
                    per_process=settings.max_subscriptions_per_process,
                ),
                known.forget,
            ).running(database, reader, bus) as watching,
        ):
            tokens = Tokens(secrets, settings.access_token_minutes)
            async with (
                replica_of(settings, secrets, database) as replica,
                budgets(database, settings.max_cost_per_hour, log.warning) as spending,
            ):
                yield Resources(
                    database,
                    passwords,
                    tokens,
                    watching,
                    mail_of(settings, secrets),
                    known,
                    outgoing,
                    replica,
                    EndedSessions(timedelta(minutes=settings.access_token_minutes)),
                    Providers(settings.providers, settings.oauth_redirect_uris),
                    settings.require_verified_email,
                    spending,
                )
    finally:
        passwords.close()
        await outgoing.end()


@asynccontextmanager
async def replica_of(
    settings: Settings, secrets: Secrets, primary: Database
) -> AsyncGenerator[Replica | None]:
    """The replica of the settings, if there is one."""
    if settings.replica_url is None:
        yield None
        return
    async with replicated(
        settings.replica_url.get_secret_value(),
        secrets,
        primary,
        log.info,
        most_behind=settings.replica_lag_seconds,
        size=settings.pool_size,
        statement_timeout=settings.statement_timeout_seconds,
        statement_cache=settings.statement_cache_size,
    ) as replica:
        yield replica


def mail_of(settings: Settings, secrets: Secrets) -> Mail:
    """The post: by the mail server of the settings; in development without one, to the log."""
    transport = to_the_log if settings.environment == "development" else None
    if settings.smtp_url and settings.mail_from:
        transport = smtp(settings.smtp_url.get_secret_value(), settings.mail_from)
    return Mail(Box(Sealing(secrets), "mail"), transport, settings.public_url)


def trusted(settings: Settings) -> Trusted:
    """The documents that are registered. Raises BadSettings."""
    file, only = settings.trusted_documents, settings.trusted_documents_only
    if only and file is None:
        raise BadSettings(["TRUSTED_DOCUMENTS_ONLY needs TRUSTED_DOCUMENTS, the file of them."])
    return Trusted(read_manifest(file) if file else None, only=only)


def service(settings: Settings, resources: Resources) -> Service:
    """Who answers, and who says who asks."""

    def identify(authorization: str | None, client: Client) -> Coroutine[Any, Any, Asker]:
        return asker_of(authorization, client, resources)

    executor = Executor(
        schema,
        resources,
        Limits(
            tokens=settings.max_tokens,
            depth=settings.max_depth,
            aliases=settings.max_aliases,
            directives=settings.max_directives,
            page_size=settings.max_page_size,
            cost=settings.max_cost,
        ),
        introspection=settings.introspection,
        suggestions=settings.field_suggestions,
        trusted=trusted(settings),
    )

    async def session_end(asker: Asker) -> None:
        await resources.ended.wait(asker.session_id)

    return Service(executor, identify, session_end)


def _service(scope: Scope) -> Service:
    return scope["app"].state.service


async def _metrics(request: Request) -> Response:
    metrics.measure(request.app.state.resources)
    return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


async def _to_graphiql(_: Request) -> RedirectResponse:
    return RedirectResponse("/graphiql")


def _demo(settings: Settings) -> graphiql.DemoSignIn | None:
    if settings.demo_email is None or settings.demo_password is None:
        return None
    return graphiql.DemoSignIn(settings.demo_email, settings.demo_password.get_secret_value())
