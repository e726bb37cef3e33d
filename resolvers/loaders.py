"""One data loader per relation, made from the relation; one statement per level of a query."""

from asyncio import shield
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from aiodataloader import DataLoader

from db.batches import CURSOR, count_batch, list_batch, page_batch, row_batch
from db.pages import Page, write_cursor
from db.relation import Columns, Fragment, Key, Many, One, Relation, Statement
from db.session import Session
from resolvers import metrics

Record = Any
"""A row as asyncpg has it, by number and by name."""
Batch = Callable[[list[Any]], Coroutine[Any, Any, list[Any]]]


class Edge(msgspec.Struct, frozen=True):
    node: Any
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
    def nodes(self) -> list[Any]:
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

    async def ones(
        self, relation: One[Any], keys: Sequence[Key], only: Columns = None
    ) -> list[Any]:
        """The row under each key, or None.

        Where ``only`` some columns are read, here and below, rows are records that have no others.
        """
        make = _maker(relation, only, behind=1)

        async def batch(keys: list[Key]) -> list[Any]:
            found = await self._read(row_batch, relation, keys, only=only)
            return [make(records[0]) if records else None for records in found]

        return await self._load(("one", relation, only), batch, keys)

    async def lists(
        self, relation: Many[Any], keys: Sequence[Key], only: Columns = None
    ) -> list[list[Any]]:
        """Every row under each key, in the order of the relation's tie."""
        make = _maker(relation, only, behind=1)

        async def batch(keys: list[Key]) -> list[list[Any]]:
            found = await self._read(list_batch, relation, keys, only=only)
            return [[*map(make, records)] for records in found]

        return await self._load(("list", relation, only), batch, keys)

    async def pages(
        self, relation: Many[Any], keys: Sequence[Key], page: Page, only: Columns = None
    ) -> list[Slice]:
        """The page under each key. Its cursors are read if ``CURSOR`` is among the columns."""
        make = _maker(relation, only, behind=2)

        async def batch(keys: list[Key]) -> list[Slice]:
            found = await self._read(page_batch, relation, keys, page, only=only)
            return [
                _slice(relation, key, page, records, make)
                for key, records in zip(keys, found, strict=True)
            ]

        return await self._load(("page", relation, page, only), batch, keys)

    async def counts(self, relation: Many[Any], keys: Sequence[Key], test: Fragment) -> list[int]:
        """How many rows under each key pass the test."""

        async def batch(keys: list[Key]) -> list[int]:
            found = await self._read(count_batch, relation, keys, test)
            return [rows[0][1] for rows in found]

        return await self._load(("count", relation, test), batch, keys)

    async def _load(self, asked: Hashable, batch: Batch, keys: Sequence[Any]) -> list[Any]:
        """What is under each key. Several wait for the same row: whoever gives up, because a field
        beside has failed, must not take it from the others."""
        loader = self._made.get(asked)
        if loader is None:
            loader = self._made[asked] = DataLoader(batch)
        return await shield(loader.load_many(keys))

    async def _read(
        self,
        write: Callable[..., str],
        relation: Any,
        keys: Sequence[Key],
        *rest: Any,
        **options: Any,
    ) -> list[list[Record]]:
        """The records of each key, led by the key's number."""
        metrics.BATCH.observe(len(keys))
        statement = Statement()
        sql = write(relation, keys, *rest, statement, **options)
        found: list[list[Any]] = [[] for _ in keys]
        for record in await self._session.fetch(sql, statement.values):
            found[record[0] - 1].append(record)
        return found


def _maker(relation: Relation[Any], only: Columns, *, behind: int) -> Callable[[Record], Any]:
    """Makes a row of a record, whose columns stand behind so many others."""
    if only is None:
        return lambda record: relation.row(*record[behind:])
    return lambda record: record


def _slice(
    relation: Many[Any],
    key: Key,
    page: Page,
    records: list[Record],
    make: Callable[[Record], Any],
) -> Slice:
    edges = [Edge(make(record), record.get(CURSOR)) for record in records[: page.size]]
    if page.backward:
        edges.reverse()
    return Slice(relation, key, page, edges, len(records) > page.size)
