"""The mutations of sessions: end one, or all others."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from db import viewers
from graphql_api.declare import described, related
from graphql_api.types.errors import UserError, told
from graphql_api.types.viewers import Viewer
from resolvers import profiles
from resolvers.context import Info
from resolvers.errors import NotFound, Refusal


@described
@strawberry.type(description="The answer to `revokeSession`.")
class RevokeSessionPayload:
    errors: list[UserError]
    """Why it was not ended; empty if it was."""
    viewer: Viewer | None = related(viewers.ASKING)
    """You, with the sessions that are left."""


@described
@strawberry.type(description="The answer to `revokeOtherSessions`.")
class RevokeOtherSessionsPayload:
    errors: list[UserError]
    """Why they were not ended; empty if they were."""
    ended: int | None = None
    """How many there were."""
    viewer: Viewer | None = related(viewers.ASKING)
    """You, with the session that is left."""


@strawberry.type
class SessionMutations:
    @strawberry.mutation(
        description="End one of your sessions. Its access token stops working within a second, and"
        " its sockets are closed."
    )
    async def revoke_session(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The session's id.")],
    ) -> RevokeSessionPayload:
        try:
            async with info.context.changing():
                await profiles.end_session(info.context, _read(id))
        except Refusal as refusal:
            return RevokeSessionPayload(errors=told(refusal))
        return RevokeSessionPayload(errors=[])

    @strawberry.mutation(description="End all of your sessions but the one that asks.")
    async def revoke_other_sessions(self, info: Info) -> RevokeOtherSessionsPayload:
        try:
            async with info.context.changing():
                ended = await profiles.end_other_sessions(info.context)
        except Refusal as refusal:
            return RevokeOtherSessionsPayload(errors=told(refusal))
        return RevokeOtherSessionsPayload(errors=[], ended=ended)


def _read(id: strawberry.ID) -> UUID:
    try:
        return UUID(id)
    except ValueError as error:
        raise NotFound("You have no such session, or it has ended.", ("id",)) from error
