"""What a resolver is handed: who asks, the loaders of this request, and what the process shares."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import strawberry

from db.replica import Replica
from db.session import ANONYMOUS, NOWHERE, Client, Database, Reads, Viewer, Writing
from resolvers.ended import EndedSessions
from resolvers.errors import Unauthenticated
from resolvers.known_secrets import KnownSecrets
from resolvers.loaders import Loaders
from resolvers.mail import Mail
from resolvers.oauth import Providers
from resolvers.outgoing import Outgoing
from resolvers.streams import Streams

if TYPE_CHECKING:
    from resolvers.cost_budgets import Budgets
    from resolvers.passwords import Passwords
    from resolvers.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Resources:
    """What all requests of a process share."""

    database: Database
    passwords: "Passwords"
    tokens: "Tokens"
    streams: Streams = field(default_factory=Streams)
    mail: Mail = field(default_factory=Mail)
    known: KnownSecrets = field(default_factory=KnownSecrets)
    outgoing: Outgoing = field(default_factory=Outgoing)
    replica: Replica | None = None
    ended: EndedSessions = field(default_factory=EndedSessions)
    providers: Providers = field(default_factory=Providers)
    verified_only: bool = False
    """Whether signing in by password takes a verified address."""
    budgets: "Budgets | None" = None


class Asker(msgspec.Struct, frozen=True):
    """Who asks, from where, and until when the sign-in is good (None: for ever)."""

    viewer: Viewer = ANONYMOUS
    client: Client = NOWHERE
    expires_at: datetime | None = None
    session_id: UUID | None = None


class Context:
    """One request. Reads are of one moment; a mutation's payload is read after its commit.

    ``changed`` says that something was committed: the request can no longer be refused as a whole.
    """

    def __init__(self, resources: Resources, asker: Asker, reads: Reads | None = None) -> None:
        """``reads`` is where a query reads, if not from the database that is written to."""
        self.resources, self.asker, self.changed = resources, asker, False
        self._reads = reads or resources.database
        self._read_anew()

    def signed_in(self) -> None:
        """Raises Unauthenticated where nobody asks."""
        if self.asker.viewer == ANONYMOUS:
            raise Unauthenticated("Sign in, or send an API key as `Authorization: Bearer …`.")

    def _read_anew(self) -> None:
        self.session = self._reads.reading(self.asker.viewer)
        self.loaders = Loaders(self.session)

    async def read_again(self) -> None:
        """Read from the start what is executed a second time, where a value broke the first off."""
        if self.session.refused_a_value:
            await self.session.end()
            self._read_anew()

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[Writing]:
        """A transaction of the asker's, committed at the end of the block."""
        await self.session.end()
        database, asker = self.resources.database, self.asker
        try:
            async with database.writing(asker.viewer, asker.client) as transaction:
                yield transaction
            self.changed = True
        finally:
            self._read_anew()

    @asynccontextmanager
    async def changing(self) -> AsyncGenerator[None]:
        """Calls of the asker's that change something, each for itself."""
        await self.session.end()
        try:
            yield
            self.changed = True
        finally:
            self._read_anew()

    async def become(
        self, user_id: UUID, expires_at: datetime, session_id: UUID | None = None
    ) -> None:
        """Go on as this user: what is read from here on is what they may see."""
        await self.session.end()
        self.asker = Asker(Viewer(user_id), self.asker.client, expires_at, session_id)
        self._read_anew()

    async def end(self) -> None:
        await self.session.end()


Info = strawberry.Info[Context, None]
