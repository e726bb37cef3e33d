"""Rights of what people do to their accounts."""

from uuid import uuid4

from db.session import Viewer
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import World, anybody

PASSWORD = "correct horse battery staple"
SESSION = "accessToken refreshToken"


async def somebody(world: World) -> Data:
    """An account that was just opened, as its owner would sign in to it."""
    person = {"email": f"{uuid4()}@example.org", "password": PASSWORD, "name": "Somebody New"}
    await world.done("signUp", Viewer(), input=person)
    return {"email": person["email"], "password": PASSWORD}


async def sign_up(_world: World, _asker: Viewer) -> Data:
    return {
        "input": {"email": f"{uuid4()}@example.org", "password": PASSWORD, "name": "Somebody New"}
    }


async def sign_in(world: World, _asker: Viewer) -> Data:
    return {"input": await somebody(world)}


async def refresh_token(world: World, _asker: Viewer) -> Data:
    session = await world.done("signIn", Viewer(), SESSION, input=await somebody(world))
    return {"input": {"refreshToken": session["refreshToken"]}}


RIGHTS = {
    "signUp": anybody(sign_up),
    "signIn": anybody(sign_in),
    "refreshSession": anybody(refresh_token, "whoever holds the refresh token"),
    "signOut": anybody(refresh_token, "whoever holds the refresh token"),
}
