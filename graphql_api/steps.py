"""The steps that make a level of an answer of its objects: each makes a value of each value.

They are prepared once for a selection. A field is read off all objects, or asked of the loaders,
and then completed as its type has it. A step raises where a value does not go well.
"""

from asyncio import gather
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache, partial
from itertools import chain, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path

from graphql_api.arguments import Arguments, arguments_of
from graphql_api.declare import node_key
from graphql_api.global_ids import write_global_id
from graphql_api.ways import (
    Column,
    Connected,
    GlobalId,
    Listed,
    LookedUp,
    Part,
    Related,
    Way,
    identified,
    keys_of,
    named_type,
    page_of,
    way_of,
)
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


async def together(coroutines: Sequence[Awaitable[Values]]) -> list[Values]:
    """What they find. All have come to an end, also where one raises."""
    if len(coroutines) == 1:
        return [await coroutines[0]]
    found = await gather(*coroutines, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return cast("list[Values]", found)


class Preparing:
    """Prepares the selections of one operation."""

    def __init__(self, execution: "Levels") -> None:
        self._execution = execution

    def selection(self, type_: GraphQLObjectType, fields: Fields) -> Selection:
        return {key: self._field(type_, key, group) for key, group in fields.items()}

    def _field(self, type_: GraphQLObjectType, key: str, group: Group) -> Step:
        def below(paths: Paths) -> list[Path]:
            return [Path(path, key, type_.name) for path in paths()]

        async def by_core(run: "Levels", sources: Values, paths: Paths) -> Values:
            return await run.field(type_, group, sources, below(paths))

        name = group[0].node.name.value
        if name == "__typename":
            return constant(type_.name)
        if name.startswith("__"):
            return Step(by_core, waits=True)
        field = type_.fields[name]
        way = way_of(field)
        read = self._read(type_, field, way, group)
        if read is None:
            return Step(by_core, waits=True)
        complete = self._completing(field.type, group)

        async def make(run: "Levels", sources: Values, paths: Paths) -> Values:
            return await complete.make(run, await read(run, sources), lambda: below(paths))

        return Step(make, complete.waits or not isinstance(way, Column | GlobalId))

    def _read(
        self, type_: GraphQLObjectType, field: GraphQLField, way: Way | None, group: Group
    ) -> Read | None:
        """Reads a field of all objects; None where a resolver has to."""
        arguments = partial(self._arguments, field, group)
        read = None
        match way:
            case Column(name):
                read = column(name)
            case GlobalId():
                read = global_id(type_.name)
            case Part("total"):
                read = totals
            case Connected():
                read = pages(way, arguments())
            case Listed():
                read = lists(way, arguments())
            case Related():
                read = rows(way, arguments())
            case LookedUp() if not is_abstract_type(named_type(field)):
                read = looked_up(way, arguments())
            case _:
                pass
        return read

    def _arguments(self, field: GraphQLField, group: Group) -> Arguments:
        run = self._execution
        return arguments_of(run.declared, field, group[0].node, run.variable_values)

    def _completing(self, type_: Any, group: Group) -> Step:
        inner = getattr(type_, "of_type", None)
        if isinstance(type_, GraphQLNonNull):
            return promised(self._present(inner, group))
        return nullable(self._present(type_, group))

    def _present(self, type_: Any, group: Group) -> Step:
        """Completes values none of which is null."""
        inner = getattr(type_, "of_type", None)
        if isinstance(type_, GraphQLList):
            return listed(self._completing(inner, group))
        if isinstance(type_, GraphQLObjectType):
            fields = self._execution.collect_subfields(type_, group).grouped_field_set
            return objects(type_, self.selection(type_, fields))
        if is_leaf_type(type_):
            return leaf(type_)
        return Step(none, waits=False)


# How a field is read


def constant(value: object) -> Step:
    async def make(_: "Levels", sources: Values, __: Paths) -> Values:
        return [value] * len(sources)

    return Step(make, waits=False)


def column(name: str) -> Read:
    get = attrgetter(name)

    async def read(_: "Levels", sources: Values) -> Values:
        return list(map(get, sources))

    return read


def global_id(name: str) -> Read:
    gets = [attrgetter(hole.column) for hole in node_key(name)]

    async def read(_: "Levels", sources: Values) -> Values:
        return [write_global_id(name, [get(source) for get in gets]) for source in sources]

    return read


async def totals(run: "Levels", slices: list[Slice]) -> Values:
    relation, test = slices[0].relation, slices[0].page.where
    return await run.loaders.counts(relation, [each.key for each in slices], test)


def pages(way: Connected, arguments: Arguments) -> Read:
    kept = None if arguments.constant is None else page_of(way, **arguments.constant)

    async def read(run: "Levels", sources: Values) -> Values:
        page = kept or page_of(way, **arguments.read(run.request))
        return await run.loaders.pages(way.relation, keys_of(way, sources, {}), page)

    return read


def lists(way: Listed, arguments: Arguments) -> Read:
    async def read(run: "Levels", sources: Values) -> Values:
        keys = keys_of(way, sources, arguments.read(run.request))
        return await run.loaders.lists(way.relation, keys)

    return read


def rows(way: Related, arguments: Arguments) -> Read:
    async def read(run: "Levels", sources: Values) -> Values:
        keys = keys_of(way, sources, arguments.read(run.request))
        found = iter(await run.loaders.ones(way.relation, [k for k in keys if None not in k]))
        return [None if None in key else next(found) for key in keys]

    return read


def looked_up(way: LookedUp, arguments: Arguments) -> Read:
    async def read(run: "Levels", sources: Values) -> Values:
        found = identified(way, arguments.read(run.request)["id"])
        row = await run.loaders.one(*found) if found else None
        return [row] * len(sources)

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


def objects(type_: GraphQLObjectType, selection: Selection) -> Step:
    check: Any = type_.is_type_of

    async def make(run: "Levels", values: Values, paths: Paths) -> Values:
        if check and not all(check(value, None) for value in values):
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
