"""The floor: hand-written SQL to the same JSON, with Starlette and asyncpg and nothing between.

It signs in by the same token and binds the viewer in the same one statement. It has no GraphQL, no
limits and no log.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.told import Told, told
from db.runtime import CALL
from db.session import SERVER_SETTINGS, Seal, Viewer, bound
from resolvers.tokens import Tokens

if TYPE_CHECKING:
    from asyncpg import Pool, Record

FOLDER = Path(__file__).with_name("queries") / "floor"
PARAMETERS = {"Point": "workflow", "Logs": "execution"}


def application() -> Starlette:
    given = told()
    tokens, seal = Tokens(given.secrets), Seal(given.secrets)
    statements = {
        name.stem.title(): name.read_text(encoding="utf-8") for name in FOLDER.glob("*.sql")
    }
    append = CALL.replace("SELECT row_to_json(r) FROM {call}", statements.pop("Append").strip())
    written = {name: bound(sql, int(name in PARAMETERS)) for name, sql in statements.items()}
    read = msgspec.json.Decoder(dict[str, Any]).decode

    async def answer(request: Request) -> Response:
        user = tokens.read(request.headers["authorization"][7:]).user_id
        asked = read(await request.body())
        name: str = asked["operationName"]
        if name == "Append":
            return await appended(request, Viewer(user), asked["variables"])
        values = [asked["variables"][PARAMETERS[name]]] if name in PARAMETERS else []
        pool: Pool[Record] = request.app.state.pool
        async with pool.acquire() as connection:
            data: bytes = await connection.fetchval(
                written[name], *values, *seal.settings(Viewer(user))
            )
        return Response(b'{"data":%b}' % data, media_type="application/json")

    async def appended(request: Request, viewer: Viewer, given: dict[str, Any]) -> Response:
        lines = [
            {
                "message": line["message"],
                "level": line["level"].lower(),
                "node_id": line["nodeId"],
                "metadata": line["metadata"],
            }
            for line in given["lines"]
        ]
        values = given["running"], msgspec.json.encode(lines).decode()
        async with request.app.state.pool.acquire() as connection:
            data: str = await connection.fetchval(append, *seal.settings(viewer), *values)
        return Response(f'{{"data":{data}}}', media_type="application/json")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with pool(given) as app.state.pool:
            yield

    return Starlette(routes=[Route("/graphql", answer, methods=["POST"])], lifespan=lifespan)


def pool(given: Told) -> "Pool[Record]":
    return asyncpg.create_pool(
        given.url,
        min_size=given.connections,
        max_size=given.connections,
        max_inactive_connection_lifetime=0,
        server_settings=SERVER_SETTINGS,
        reset=_keep,
    )


async def _keep(_: object) -> None:
    """Every setting ends with its transaction: there is nothing to reset."""
