"""Our own server with the plan turned off: every query goes the ordinary way of the loaders."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from graphql_api import log
from graphql_api.app import answering, resources, service
from graphql_api.draining import Draining
from graphql_api.execute import Executor
from graphql_api.limits import Limits
from graphql_api.schema import schema
from graphql_api.settings import read_settings


def application() -> Starlette:
    settings = read_settings()
    log.set_up(settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with resources(settings) as shared:
            executor = Executor(
                schema, shared, Limits(), introspection=False, suggestions=False, only="loaders"
            )
            app.state.resources = shared
            app.state.service = service(settings, shared)._replace(executor=executor)
            yield

    return answering(settings, Draining(), lifespan)
