"""One data loader per relation, made from the relation; one statement per level of a query."""

from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from aiodataloader import DataLoader

from db.batches import count_batch, list_batch, page_batch, row_batch
from db.pages import Page, write_cursor
from db.relation import Fragment, Key, Many, One, Statement
from db.session import Session
from resolvers import metrics

Batch = Callable[[list[Any]], Coroutine[Any, Any, list[Any]]]


@dataclass(frozen=True, slots=True)
class Edge:
    node: msgspec.Struct
    place: str

    @property
    def cursor(self) -> str:
        return write_cursor(self.place)


@dataclass(frozen=True, slots=True)
class Slice:
    """A page of a relation as it was read: what a connection's fields are read off.

    ``more`` says that there are rows beyond the page in the direction of reading.
    """

    relation: Many[Any]
    key: Key
    page: Page
    edges: list[Edge]
    more: bool

    @property
    def nodes(self) -> list[msgspec.Struct]:
        return [edge.node for edge in self.edges]

    @property
    def page_info(self) -> "Slice":
        return self

    @property
    def has_next_page(self) -> bool:
        return self.page.cursor is not None if self.page.backward else self.more

    @property
    def has_previous_page(self) -> bool:
        return self.more if self.page.backward else self.page.cursor is not None

    @property
    def start_cursor(self) -> str | None:
        return self.edges[0].cursor if self.edges else None

    @property
    def end_cursor(self) -> str | None:
        return self.edges[-1].cursor if self.edges else None


class Loaders:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._made: dict[Hashable, DataLoader[Any, Any]] = {}

    async def one(self, relation: One[Any], key: Key) -> Any:
        """The row under ``key``, or None."""
        return (await self.ones(relation, [key]))[0]

    async def all(self, relation: Many[Any], key: Key) -> list[Any]:
        """Every row under ``key``, in the order of the relation's tie."""
        return (await self.lists(relation, [key]))[0]

    async def page(self, relation: Many[Any], key: Key, page: Page) -> Slice:
        """The page under ``key``."""
        return (await self.pages(relation, [key], page))[0]

    async def count(self, relation: Many[Any], key: Key, test: Fragment) -> int:
        """How many rows under ``key`` pass the test."""
        return (await self.counts(relation, [key], test))[0]

    async def ones(self, relation: One[Any], keys: Sequence[Key]) -> list[Any]:
        """The row under each key, or None."""

        async def batch(keys: list[Key]) -> list[msgspec.Struct | None]:
            found = await self._read(row_batch, relation, keys)
            return [relation.row(*rows[0][1:]) if rows else None for rows in found]

        return await self._loader(("one", relation), batch).load_many(keys)

    async def lists(self, relation: Many[Any], keys: Sequence[Key]) -> list[list[Any]]:
        """Every row under each key, in the order of the relation's tie."""

        async def batch(keys: list[Key]) -> list[list[msgspec.Struct]]:
            found = await self._read(list_batch, relation, keys)
            return [[relation.row(*row[1:]) for row in rows] for rows in found]

        return await self._loader(("all", relation), batch).load_many(keys)

    async def pages(self, relation: Many[Any], keys: Sequence[Key], page: Page) -> list[Slice]:
        """The page under each key."""

        async def batch(keys: list[Key]) -> list[Slice]:
            found = await self._read(page_batch, relation, keys, page)
            return [
                _slice(relation, key, page, rows) for key, rows in zip(keys, found, strict=True)
            ]

        return await self._loader(("page", relation, page), batch).load_many(keys)

    async def counts(self, relation: Many[Any], keys: Sequence[Key], test: Fragment) -> list[int]:
        """How many rows under each key pass the test."""

        async def batch(keys: list[Key]) -> list[int]:
            found = await self._read(count_batch, relation, keys, test)
            return [rows[0][1] for rows in found]

        return await self._loader(("count", relation, test), batch).load_many(keys)

    def _loader(self, asked: Hashable, batch: Batch) -> DataLoader[Any, Any]:
        loader = self._made.get(asked)
        if loader is None:
            loader = self._made[asked] = DataLoader(batch)
        return loader

    async def _read(
        self, write: Callable[..., str], relation: Any, keys: Sequence[Key], *rest: Any
    ) -> list[list[Any]]:
        """The records of each key, led by the key's number."""
        metrics.BATCH.observe(len(keys))
        statement = Statement()
        sql = write(relation, keys, *rest, statement)
        found: list[list[Any]] = [[] for _ in keys]
        for record in await self._session.fetch(sql, statement.values):
            found[record[0] - 1].append(record)
        return found


def _slice(relation: Many[Any], key: Key, page: Page, rows: list[Any]) -> Slice:
    edges = [Edge(relation.row(*row[2:]), row[1]) for row in rows[: page.size]]
    if page.backward:
        edges.reverse()
    return Slice(relation, key, page, edges, len(rows) > page.size)
