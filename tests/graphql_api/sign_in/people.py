"""People who have accounts, for tests of what they do to them."""

from dataclasses import dataclass
from ipaddress import ip_address
from secrets import token_hex
from uuid import UUID, uuid4

from pyotp.totp import TOTP

from db import accounts as sql
from db.session import Client
from graphql_api.auth import asker_of
from resolvers import accounts, second_factor
from resolvers.accounts import SignedIn
from resolvers.context import Context, Resources

PASSWORD = "correct horse battery"
ANOTHER = "another battery of horses"


def somewhere() -> Client:
    """A place where nobody has been before, so that no allowance there is spent."""
    return Client(str(ip_address(f"2001:db8:{token_hex(2)}:{token_hex(2)}::1")), "tests")


@dataclass
class Person:
    """``secret`` and ``recovery_codes`` are those of the second factor."""

    resources: Resources
    email: str
    client: Client
    session: SignedIn
    secret: str = ""
    recovery_codes: tuple[str, ...] = ()

    @property
    def id(self) -> UUID:
        return self.session.user_id

    async def context(self) -> Context:
        """A request of theirs."""
        header = f"Bearer {self.session.access_token}"
        return Context(self.resources, await asker_of(header, self.client, self.resources))

    async def sign_in(self, password: str = PASSWORD) -> SignedIn:
        return await accounts.sign_in(
            self.resources, self.client, email=self.email, password=password
        )

    def code(self) -> str:
        return TOTP(self.secret).now()


async def a_person(resources: Resources, *, name: str = "Ada Lovelace") -> Person:
    """Somebody who is signed in, with a verified address."""
    email, client = f"ada.{uuid4().hex}@example.org", somewhere()
    stored = await resources.passwords.hash(PASSWORD)
    async with resources.database.signing_in() as transaction:
        made = await sql.register(transaction, email, stored, name, verified=True)
    assert made
    await accounts.open_workspace(resources, client, made, name)
    session = await accounts.sign_in(resources, client, email=email, password=PASSWORD)
    return Person(resources, email, client, session)


async def with_second_factor(person: Person) -> Person:
    context = await person.context()
    person.secret = (await second_factor.begin(context, PASSWORD)).secret
    person.recovery_codes = tuple(await second_factor.confirm(context, person.code()))
    return person


async def events(person: Person) -> list[str]:
    """The log of somebody's account as they see it, oldest first."""
    context = await person.context()
    rows = await context.session.fetch(
        "SELECT action FROM audit_logs WHERE workspace_id IS NULL ORDER BY id"
    )
    await context.end()
    return [row["action"] for row in rows]
