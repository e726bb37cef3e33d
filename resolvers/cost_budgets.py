"""How much the requests of a viewer may cost in an hour, exactly, whatever processes they reach.

A process takes parts of a viewer's budget from the database and spends them from memory: only the
request that finds its part used up waits for a statement. What is left of a part when the hour ends
lapses; what is left when the process ends is given back.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from time import monotonic
from typing import NamedTuple

from db import cost_budgets
from db.errors import OutOfRoom, Unavailable
from db.session import ANONYMOUS, Database, Viewer
from resolvers.allowances import place_of
from resolvers.context import Asker

MOST_HELD = 10_000
"""Viewers whose parts a process holds; others give theirs back."""

LOOKS = 1.0
"""Seconds in which who was refused is refused again without a look at the database."""

NEVER = datetime.min.replace(tzinfo=UTC)


class Spent(NamedTuple):
    """What a request cost, and how the viewer's budget stood then, as far as this process knew."""

    requested: int
    budget: int
    remaining: int
    resets_at: datetime

    def told(self) -> dict[str, object]:
        return {
            "requested": self.requested,
            "budget": self.budget,
            "remaining": self.remaining,
            "resetAt": self.resets_at,
        }


class OverBudget(Exception):
    """The request costs more than is left; nothing was spent."""

    def __init__(self, spent: Spent) -> None:
        super().__init__(spent)
        self.spent = spent


@dataclass(eq=False, slots=True)
class Part:
    """What this process may still spend for a viewer, until a moment of the monotonic clock."""

    viewer: bytes
    left: int = 0
    untaken: int = 0
    ends: float = 0.0
    looked: float = 0.0
    resets_at: datetime = NEVER
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Budgets:
    """Spends the budgets of all viewers in one process."""

    def __init__(
        self, database: Database, budget: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self.budget = budget
        self._database, self._clock = database, clock
        self._parts: dict[Viewer | str, Part] = {}

    async def spend(self, asker: Asker, cost: int) -> Spent | None:
        """Raises OverBudget. None where nothing can be counted, since the database takes no writes
        but is still read."""
        viewer = asker.viewer
        key = viewer if viewer != ANONYMOUS else place_of(asker.client)
        part = self._parts.get(key)
        if part is None:
            part = await self._new_part(key)
        if cost > part.left or self._clock() >= part.ends:
            try:
                await self._take(part, cost)
            except OutOfRoom:
                return None
        part.left -= cost  # nothing was awaited since it was found to be enough
        return self._spent(part, cost)

    async def _new_part(self, key: Viewer | str) -> Part:
        if len(self._parts) >= MOST_HELD:
            oldest = list(islice(self._parts, MOST_HELD // 2))
            await self._give_back([self._parts.pop(each) for each in oldest])
        return self._parts.setdefault(key, Part(digest_of(key)))

    async def _take(self, part: Part, cost: int) -> None:
        """Have enough in the part. Raises OverBudget."""
        async with part.lock:
            while cost > part.left or self._clock() >= part.ends:
                asked = self._clock()
                current = asked < part.ends
                if current and cost > part.left + part.untaken and asked < part.looked + LOOKS:
                    raise OverBudget(self._spent(part, cost))
                least = cost - part.left if current else cost
                found = await cost_budgets.take(self._database, part.viewer, least, self.budget)
                if found.resets_at != part.resets_at:
                    part.left, part.resets_at = 0, found.resets_at
                part.left += found.part
                part.untaken, part.looked, part.ends = found.untaken, asked, asked + found.seconds
                if not found.part and cost > part.left:
                    raise OverBudget(self._spent(part, cost))

    def _spent(self, part: Part, cost: int) -> Spent:
        return Spent(cost, self.budget, part.left + part.untaken, part.resets_at)

    async def give_back(self) -> None:
        """Leave to other processes what this one has not spent."""
        parts = list(self._parts.values())
        self._parts.clear()
        await self._give_back(parts)

    async def _give_back(self, parts: list[Part]) -> None:
        now = self._clock()
        kept = [(part.viewer, part.resets_at, part.left) for part in parts if part.ends > now]
        for part in parts:
            part.left = 0
        if kept:
            viewers, resets_at, left = map(list, zip(*kept, strict=True))
            await cost_budgets.give_back(self._database, viewers, resets_at, left)


def digest_of(key: Viewer | str) -> bytes:
    """What the database knows a viewer by: a user, an API key, or the address of nobody."""
    if isinstance(key, str):
        of = ("address", key)
    else:
        of = (kind_of(key), str(key.user_id or key.api_key_id))
    return hashlib.sha256("\0".join(of).encode()).digest()


def kind_of(viewer: Viewer) -> str:
    return "user" if viewer.user_id else "key" if viewer.api_key_id else "anonymous"


@asynccontextmanager
async def budgets(
    database: Database, budget: int, report: Callable[[str], None]
) -> AsyncGenerator[Budgets | None]:
    """The budgets of a process, of which the rest is given back at the end; None where there is no
    budget (0)."""
    if not budget:
        yield None
        return
    found = Budgets(database, budget)
    try:
        yield found
    finally:
        try:
            await found.give_back()
        except Unavailable as error:
            report(f"what is left of cost budgets lapses: {error}")
