"""How often something may be tried: guesses at passwords and codes, messages, new accounts, tests.

Each allowance grows back by itself, one try after another, so nobody is locked out for good. Tries
are counted before it is known whether they are right: of many at once none slips through. Who turns
out to be right gets the try back. The counters are in the database, of all processes together.
"""

import hashlib
import ipaddress
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from db import accounts
from db.session import Client
from resolvers.context import Resources
from resolvers.errors import RateLimited


class Allowance(NamedTuple):
    """``most`` tries at once, and one more after each ``every``."""

    most: int
    every: timedelta


class Turn(NamedTuple):
    """A try that spends one of an allowance; ``of`` says whose."""

    allowance: Allowance
    of: tuple[str, ...]

    @property
    def key(self) -> bytes:
        return hashlib.sha256("\0".join(self.of).encode("utf-8", "surrogatepass")).digest()


MINUTE = timedelta(minutes=1)
GUESSES_FROM_ONE_PLACE = Allowance(10, MINUTE)
GUESSES_AT_ONE_ACCOUNT = Allowance(100, MINUTE)
GUESSES_BY_ONE_PLACE = Allowance(100, MINUTE / 6)
CODES_FROM_ONE_PLACE = Allowance(5, MINUTE)
CODES_AT_ONE_ACCOUNT = Allowance(20, 5 * MINUTE)
MESSAGES_TO_ONE_ADDRESS = Allowance(3, 10 * MINUTE)
MESSAGES_FROM_ONE_PLACE = Allowance(30, MINUTE)
ACCOUNTS_FROM_ONE_PLACE = Allowance(100, MINUTE / 6)
FLOWS_FROM_ONE_PLACE = Allowance(100, MINUTE / 6)
LETTERS_TO_ONE_ADDRESS = Allowance(5, 10 * MINUTE)
LETTERS_BY_ONE_PERSON = Allowance(200, MINUTE)
TESTS_IN_ONE_WORKSPACE = Allowance(10, MINUTE / 10)


def password_guess(account: str, client: Client, *, known_here: bool = False) -> list[Turn]:
    """A guess at the password of an account, whether there is one or not.

    Whoever keeps guessing from elsewhere cannot keep out those who signed in from here before.
    """
    place = place_of(client)
    turns = [Turn(GUESSES_FROM_ONE_PLACE, ("password", account, place))]
    if not known_here:
        turns.append(Turn(GUESSES_AT_ONE_ACCOUNT, ("password", account)))
    return turns + _by(GUESSES_BY_ONE_PLACE, "passwords", place)


def code_guess(account: str, client: Client) -> list[Turn]:
    """A guess at a code of the second factor; whoever makes it knows the password."""
    return [
        Turn(CODES_FROM_ONE_PLACE, ("code", account, place_of(client))),
        Turn(CODES_AT_ONE_ACCOUNT, ("code", account)),
    ]


def message(address: str, client: Client) -> list[Turn]:
    """A message that anybody can have sent to an address."""
    turns = [Turn(MESSAGES_TO_ONE_ADDRESS, ("message", address))]
    return turns + _by(MESSAGES_FROM_ONE_PLACE, "messages", place_of(client))


def letter(address: str, sender: UUID | None) -> list[Turn]:
    """A message that somebody has sent to another, who need not want it.

    Each sender has an allowance of their own, so that nobody keeps others from writing.
    """
    return [
        Turn(LETTERS_TO_ONE_ADDRESS, ("letter", str(sender), address)),
        Turn(LETTERS_BY_ONE_PERSON, ("letters", str(sender))),
    ]


def new_account(client: Client) -> list[Turn]:
    return _by(ACCOUNTS_FROM_ONE_PLACE, "accounts", place_of(client))


def new_flow(client: Client) -> list[Turn]:
    """A sign-in by somebody else's word that begins."""
    return _by(FLOWS_FROM_ONE_PLACE, "flows", place_of(client))


def integration_test(workspace_id: UUID) -> list[Turn]:
    """A call to an outside service, whoever of the workspace asks for it."""
    return [Turn(TESTS_IN_ONE_WORKSPACE, ("integration test", str(workspace_id)))]


async def spend(
    resources: Resources, turns: list[Turn], said: str = "That was tried too often;"
) -> None:
    """Raises RateLimited where one of the allowances is used up; then none is spent."""
    if not turns:
        return
    again = await accounts.spend(
        resources.database,
        [turn.key for turn in turns],
        [turn.allowance.every for turn in turns],
        [turn.allowance.most for turn in turns],
    )
    if again:
        raise RateLimited(again, said)


async def give_back(resources: Resources, turns: list[Turn]) -> None:
    """The try was right, and does not count."""
    await accounts.unspend(
        resources.database,
        [turn.key for turn in turns],
        [turn.allowance.every for turn in turns],
    )


def _by(allowance: Allowance, what: str, place: str) -> list[Turn]:
    return [Turn(allowance, (what, place))] if place else []


def place_of(client: Client) -> str:
    """Where a request comes from: its address, of IPv6 the network that one customer has."""
    if ":" not in client.address:
        return client.address
    return str(ipaddress.ip_network(f"{client.address}/64", strict=False))
