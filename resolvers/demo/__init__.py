"""The demonstration: a company with workflows, deployments and three weeks of runs.

Everything is written through the API's own logins, each thing as the person who did it, so that
the policies and the audit log hold for it as for any other data.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from db import accounts, demo
from db.session import Client, Database, Viewer
from resolvers.demo.forms import Person
from resolvers.demo.people import OWNER, PEOPLE
from resolvers.demo.writing import Stage
from resolvers.passwords import Passwords

PASSWORD = "demonstration"  # noqa: S105 # of everybody in it, told to whoever starts the server
CLIENT = Client(user_agent="graphql-api demo")


@dataclass(frozen=True, slots=True)
class Demo:
    """How to sign in to the demonstration."""

    email: str
    password: str


async def load(database: Database, report: Callable[[str], None]) -> Demo | None:
    """Load the demonstration into a database in which nobody has had an account.

    Its sign-in; None where there is other data. Where it is loaded already, nothing is written.
    What an interrupted loading left out is made up for.
    """
    owner = await accounts.find_sign_in(database, OWNER.email)
    if owner is None and not await demo.never_used(database):
        return None
    with closing(Passwords(threads=1)) as passwords:
        if owner is None:
            stored = await passwords.hash(PASSWORD)
        elif owner.password_hash and await passwords.verify(owner.password_hash, PASSWORD):
            stored = owner.password_hash
        else:
            return None
    owner_id = await _account(database, OWNER, stored)
    async with database.writing(Viewer(owner_id), CLIENT) as transaction:
        if not await demo.has_workspace(transaction):
            report("Loading the demonstration")
            people = {person: await _account(database, person, stored) for person in PEOPLE}
            told = await Stage(database, transaction, people, datetime.now(UTC)).play()
            report(f"Loaded {told}")
    return Demo(OWNER.email, PASSWORD)


async def _account(database: Database, person: Person, stored: str) -> UUID:
    """The person's account, which an interrupted loading may have made."""
    async with database.signing_in() as transaction:
        await accounts.register(transaction, person.email, stored, person.name, verified=True)
        known = await accounts.find_by_address(transaction, person.email)
    if known is None:
        raise LookupError(f"{person.email} has an account, but none is found")
    return known.id
