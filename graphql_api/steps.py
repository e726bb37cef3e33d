"""The steps that make a level of an answer of its objects: each makes a value of each value.

A field is read off all objects, or asked of the loaders, and then completed as its type has it. A
step raises where a value does not go well.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from graphql import (
    GraphQLEnumType,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path

from db.relation import Columns, Key
from graphql_api.arguments import Arguments
from graphql_api.global_ids import write_global_id
from graphql_api.ways import (
    Connected,
    Followed,
    Listed,
    LookedUp,
    Related,
    identified,
    page_of,
)
from resolvers.context import Asker
from resolvers.loaders import Slice

if TYPE_CHECKING:
    from graphql_api.levels import Levels

Values = list[Any]
Group = list[FieldDetails]
"""The nodes that ask for a field."""
Fields = dict[str, Group]
Paths = Callable[[], Sequence[Path | None]]
"""Where the values stand in the answer, for the few who need to know."""
Read = Callable[["Levels", Values], Awaitable[Values]]
"""Reads a field of each object."""
Make = Callable[["Levels", Values, Paths], Awaitable[Values]]
Get = Callable[[Any], Any]
Gets = Sequence[Get | None]
"""What a key is made of; None stands for what an argument gives."""


class Unfit(Exception):
    """A value does not go well."""


class Step(NamedTuple):
    """``waits`` says whether it may wait for the database."""

    make: Make
    waits: bool


Selection = Mapping[str, Step]
"""What makes each field of an object of it, by response key."""
Kept = dict[tuple[object, ...], Selection]
"""What is prepared for a document, as the variables of its @skip and @include have it."""


# How a field is read


def constant(value: object) -> Step:
    async def make(_: "Levels", sources: Values, __: Paths) -> Values:
        return [value] * len(sources)

    return Step(make, waits=False)


def column(get: Get) -> Read:
    async def read(_: "Levels", sources: Values) -> Values:
        return list(map(get, sources))

    return read


def same(get: Get, brought: Callable[[Asker], UUID | None]) -> Read:
    async def read(run: "Levels", sources: Values) -> Values:
        wanted = brought(run.context_value.asker)
        return [get(source) == wanted for source in sources]

    return read


def global_id(name: str, gets: Sequence[Get]) -> Read:
    async def read(_: "Levels", sources: Values) -> Values:
        return [write_global_id(name, [get(source) for get in gets]) for source in sources]

    return read


async def totals(run: "Levels", slices: list[Slice]) -> Values:
    relation, test = slices[0].relation, slices[0].page.where
    return await run.loaders.counts(relation, [each.key for each in slices], test)


def keys(way: Followed, gets: Gets, sources: Values, arguments: Mapping[str, Any]) -> list[Key]:
    given: Mapping[str, Any] = way.given(**arguments) if way.given else {}
    holes = list(zip(way.relation.holes, gets, strict=True))
    return [
        tuple(get(source) if get else given[hole.column] for hole, get in holes)
        for source in sources
    ]


def pages(way: Connected, arguments: Arguments, gets: Gets, only: Columns) -> Read:
    kept = None if arguments.constant is None else page_of(way, **arguments.constant)

    async def read(run: "Levels", sources: Values) -> Values:
        page = kept or page_of(way, **arguments.read(run.request))
        return await run.loaders.pages(way.relation, keys(way, gets, sources, {}), page, only)

    return read


def lists(way: Listed, arguments: Arguments, gets: Gets, only: Columns) -> Read:
    async def read(run: "Levels", sources: Values) -> Values:
        wanted = keys(way, gets, sources, arguments.read(run.request))
        return await run.loaders.lists(way.relation, wanted, only)

    return read


def rows(way: Related, arguments: Arguments, gets: Gets, only: Columns) -> Read:
    async def read(run: "Levels", sources: Values) -> Values:
        wanted = keys(way, gets, sources, arguments.read(run.request))
        there = [key for key in wanted if None not in key]
        found = iter(await run.loaders.ones(way.relation, there, only))
        return [None if None in key else next(found) for key in wanted]

    return read


def looked_up(way: LookedUp, arguments: Arguments, only: Columns) -> Read:
    async def read(run: "Levels", sources: Values) -> Values:
        found = identified(way, arguments.read(run.request)["id"])
        if found is None:
            return [None] * len(sources)
        relation, key = found
        return await run.loaders.ones(relation, [key] * len(sources), only)

    return read


# How what was read is completed


def promised(complete: Step) -> Step:
    async def make(run: "Levels", values: Values, paths: Paths) -> Values:
        if None in values:
            raise Unfit
        return await complete.make(run, values, paths)

    return Step(make, complete.waits)


def nullable(complete: Step) -> Step:
    async def make(run: "Levels", values: Values, paths: Paths) -> Values:
        if None not in values:
            return await complete.make(run, values, paths)

        def places() -> list[Path | None]:
            both = zip(paths(), values, strict=True)
            return [path for path, value in both if value is not None]

        present = [value for value in values if value is not None]
        found = iter(await complete.make(run, present, places))
        return [None if value is None else next(found) for value in values]

    return Step(make, complete.waits)


def listed(item: Step) -> Step:
    async def make(run: "Levels", lists: Values, paths: Paths) -> Values:
        if not all(isinstance(each, list) for each in lists):
            raise Unfit

        def places() -> list[Path | None]:
            return [
                Path(path, index, None)
                for path, each in zip(paths(), lists, strict=True)
                for index in range(len(each))
            ]

        found = iter(await item.make(run, [*chain.from_iterable(lists)], places))
        return [list(islice(found, len(each))) for each in lists]

    return Step(make, item.waits)


def objects(selection: Selection, is_type_of: Any) -> Step:
    async def make(run: "Levels", values: Values, paths: Paths) -> Values:
        if is_type_of and not all(is_type_of(value, None) for value in values):
            raise Unfit
        return await run.level(selection, values, paths)

    return Step(make, any(step.waits for step in selection.values()))


def leaf(type_: Any) -> Step:
    write = type_.coerce_output_value
    if isinstance(type_, GraphQLEnumType):
        write = cache(write)

    async def make(_: "Levels", values: Values, __: Paths) -> Values:
        found = list(map(write, values))
        if None in found:
            raise Unfit
        return found

    return Step(make, waits=False)


async def none(_: "Levels", values: Values, __: Paths) -> Values:
    """Objects of several types are graphql-core's to tell apart."""
    if values:
        raise Unfit
    return []
