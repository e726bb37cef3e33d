"""What a right is made of, and the world in which it is tried."""

from collections.abc import Awaitable, Callable, Set
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID, uuid4

from graphql import GraphQLField

from db.session import Database, Viewer
from graphql_api.schema import schema
from graphql_api.ways import named_type
from tests import sample
from tests.graphql_api.asking import Asking, Data
from tests.graphql_api.sign_in.providers import Issuer

if TYPE_CHECKING:
    from asyncpg import Connection, Record

ROLES = ("viewer", "editor", "admin", "owner")
PEOPLE = ("stranger", *ROLES)
ASKERS = ("nobody", *PEOPLE, "key", "key without scope")
"""A key holds the scope that the right names and no other, or every scope but that."""

ERRORS = "errors { code message path }"

_type = schema._schema.mutation_type  # pyright: ignore[reportPrivateUsage]
MUTATIONS: dict[str, GraphQLField] = dict(_type.fields) if _type else {}

TEAM = sample.of("workspace 1")
WHO = sample.viewers(1)


def declared_type(mutation: str, argument: str) -> str:
    return str(cast("Any", MUTATIONS[mutation].args[argument]).type)


class World:
    """A database with the sample in it, where mutations are tried on team 1.

    ``issuer``, where there is one, is the provider ``company``, by whose word people sign in.
    """

    def __init__(
        self,
        ask: Asking,
        database: Database,
        superuser: "Connection[Record]",
        issuer: Issuer | None = None,
    ) -> None:
        self.ask, self.database, self.superuser = ask, database, superuser
        self.issuer = issuer

    async def done(self, mutation: str, asker: Viewer, fields: str = "", **given: Any) -> Data:
        """The payload of a mutation that succeeds, to make what another is tried on."""
        payload = await self.asked(mutation, asker, fields, given)
        assert payload["errors"] == [], payload["errors"]
        return payload

    async def asked(self, mutation: str, asker: Viewer, fields: str, given: Data) -> Data:
        """The payload; of a bulk mutation ``errors`` are those of its items, too."""
        declared = ", ".join(f"${name}: {declared_type(mutation, name)}" for name in given)
        passed = ", ".join(f"{name}: ${name}" for name in given)
        bulk = "results" in named_type(MUTATIONS[mutation]).fields
        items = f"results {{ {ERRORS} }}" if bulk else ""
        query = (
            f"mutation{f' ({declared})' if given else ''}"
            f" {{ {mutation}{f'({passed})' if given else ''} {{ {ERRORS} {items} {fields} }} }}"
        )
        payload = (await self.ask(query, asker, **given))[mutation]
        for item in payload.get("results") or ():
            payload["errors"] += item["errors"]
        return payload

    async def viewer(self, asker: str, right: "Right") -> Viewer:
        """Who asks. A key is made for the occasion, and so is who does not outlive it."""
        if asker in PEOPLE and right.last:
            return Viewer(await self.newcomer(asker))
        if not asker.startswith("key"):
            return WHO[asker]
        every: list[str] = await self.superuser.fetchval("SELECT app.known_scopes()")
        scopes = [each for each in every if (each == right.scope) is (asker == "key")]
        return Viewer(api_key_id=await self.key(scopes))

    async def newcomer(self, role: str) -> UUID:
        """A new user: a stranger, a member of team 1, or the owner of a workspace of their own."""
        user: UUID = await self.superuser.fetchval(
            "INSERT INTO users (email, name) VALUES ($1, 'New') RETURNING id",
            f"{uuid4()}@example.org",
        )
        if role == "owner":
            async with self.database.writing(Viewer(user)) as transaction:
                await transaction.value("SELECT app.create_workspace('W', $1)", f"w-{uuid4()}")
        elif role in ROLES:
            await self.superuser.execute(
                "INSERT INTO workspace_users (workspace_id, user_id, role) VALUES ($1, $2, $3)",
                TEAM,
                user,
                role,
            )
        return user

    async def key(self, scopes: list[str]) -> UUID:
        """A new API key of team 1, made by its owner."""
        return await self.superuser.fetchval(
            "INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, scopes, created_by)"
            " VALUES ($1, 'made for a test', sha256($2::text::bytea), 'mcp_test', $3, $4)"
            " RETURNING id",
            TEAM,
            str(uuid4()),
            scopes,
            WHO["owner"].user_id,
        )


Given = Callable[[World, Viewer], Awaitable[Data]]
"""Makes the arguments of a call that succeeds for whoever is allowed to make it, things to call it
on included."""


class Right(NamedTuple):
    """Who of ASKERS is allowed a mutation; ``scope`` is what allows it to a key.

    ``last``: it is the last that whoever is allowed it does, so that each is somebody new.
    """

    allowed: Set[str]
    given: Given
    scope: str | None = None
    note: str = ""
    """For the document: what a table cannot say."""
    last: bool = False


def anybody(given: Given, note: str = "") -> Right:
    """Whoever asks, signed in or not."""
    return Right(frozenset(ASKERS), given, None, note)


def signed_in(given: Given, note: str = "") -> Right:
    """Every user, about what is theirs; no key."""
    return Right(frozenset(PEOPLE), given, None, note)


def member(role: str, given: Given, scope: str | None = None, note: str = "") -> Right:
    """A member with this role or a higher one, and with ``scope`` a key that holds it."""
    roles = ROLES[ROLES.index(role) :]
    return Right(frozenset({*roles, *(["key"] if scope else [])}), given, scope, note)
