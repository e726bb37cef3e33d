"""Execute an operation a level at a time: one field after the other, of all objects at once.

graphql-core executes object by object and dispatches every leaf. Here a field is a column of
values, one for each object of the level; a relation is asked for all of them in one call, and what
it finds is the next level, of which only the columns that are asked for are read. That is for what
goes well: where anything fails, or is null and may not be, graphql-core executes it anew, so that
what an error means is decided there and nowhere else.
"""

from asyncio import gather
from collections.abc import Awaitable, Sequence
from functools import cached_property, partial
from inspect import isawaitable
from typing import Any, cast

import strawberry
from graphql import DocumentNode, ExecutionResult, Executor, GraphQLError, GraphQLObjectType
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from graphql_api.arguments import Request
from graphql_api.preparing import Preparing
from graphql_api.steps import Fields, Group, Kept, Paths, Selection, Values
from resolvers.context import Context
from resolvers.loaders import Loaders


async def execute(
    schema: strawberry.Schema,
    document: DocumentNode,
    variables: VariableValues,
    context: Context,
    *,
    kept: Kept,
    root: object = None,
) -> ExecutionResult:
    """The answer to a document without variables, whose values are known already."""
    core = schema._schema  # pyright: ignore[reportPrivateUsage]
    built = cast("Any", Levels).build(core, document, root, context, declared=schema, kept=kept)
    if isinstance(built, list):
        return ExecutionResult(None, cast("list[GraphQLError]", built))
    built.variable_values = variables
    found = built.execute_operation()
    return await found if isawaitable(found) else found


class Levels(Executor[Any]):
    """Executes one operation; ``kept`` has what is prepared for its document."""

    def __init__(
        self, *args: Any, declared: strawberry.Schema, kept: Kept, **options: Any
    ) -> None:
        super().__init__(*args, **options)  # pyright: ignore[reportUnknownMemberType]
        self.declared, self._kept, self._fits = declared, kept, True

    @property
    def loaders(self) -> Loaders:
        return self.context_value.loaders

    @cached_property
    def request(self) -> Request:
        return Request(self.variable_values, self.context_value.asker)

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: Fields,
        position_context: Any,
    ) -> Any:
        one_by_one = partial(
            super().execute_fields,
            parent_type,
            source_value,
            path,
            grouped_field_set,
            position_context,
        )
        if not self._fits or parent_type.name.startswith("__"):
            return one_by_one()

        async def at_once() -> Any:
            try:
                selection = self._selection(parent_type, grouped_field_set)
                return (await self.level(selection, [source_value], lambda: [path]))[0]
            except Exception:
                self._fits = False
            if path is None:
                self.collected_errors = type(self.collected_errors)()
                await self.context_value.read_again()
            found = one_by_one()
            return await found if isawaitable(found) else found

        return at_once()

    def _selection(self, type_: GraphQLObjectType, fields: Fields) -> Selection:
        nodes = (id(details.node) for group in fields.values() for details in group)
        key = (type_.name, *nodes)
        if key not in self._kept:
            self._kept[key] = Preparing(self).selection(type_, fields)
        return self._kept[key]

    async def level(self, selection: Selection, sources: Values, paths: Paths) -> Values:
        """What is asked of each of the objects."""
        if not sources:
            return []
        columns = dict.fromkeys(selection, sources)
        for key, step in selection.items():
            if not step.waits:
                columns[key] = await step.make(self, sources, paths)
        waiting = [key for key, step in selection.items() if step.waits]
        found = await together([selection[key].make(self, sources, paths) for key in waiting])
        columns.update(zip(waiting, found, strict=True))
        if not columns:
            return [{} for _ in sources]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    async def field(
        self, type_: GraphQLObjectType, group: Group, sources: Values, paths: Sequence[Path]
    ) -> Values:
        """A field of each object, by graphql-core."""
        found: Values = []
        try:
            for source, path in zip(sources, paths, strict=True):
                found.append(self.execute_field(type_, source, group, path, None))
        except Exception:
            self.track_async_work(found)
            raise
        waiting = [place for place, value in enumerate(found) if isawaitable(value)]
        values = await together([found[place] for place in waiting])
        for place, value in zip(waiting, values, strict=True):
            found[place] = value
        return found


async def together(coroutines: Sequence[Awaitable[Values]]) -> list[Values]:
    """What they find. All have come to an end, also where one raises."""
    if len(coroutines) == 1:
        return [await coroutines[0]]
    found = await gather(*coroutines, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return cast("list[Values]", found)
