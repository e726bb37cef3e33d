"""The results of subscriptions, each made once for all who are to get the same.

What only says what stands in lines of a log is written from the lines, once for a page and a
selection, whoever asked. Everything else is executed like a query, in a moment of its own for every
event; who asked the same, with the same rights, at the same time, shares the result.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable, Iterator, Mapping
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, NamedTuple, cast

import strawberry
from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLScalarType,
    InlineFragmentNode,
    SelectionSetNode,
    create_source_event_stream,  # pyright: ignore[reportUnknownVariableType]
    is_abstract_type,
)
from graphql import Executor as CoreExecutor
from graphql.execution.values import VariableValues

from db.errors import Unavailable
from db.relation import InvalidArgument, Key, One
from graphql_api.documents import Document
from graphql_api.global_ids import write_global_id
from graphql_api.levels import execute
from graphql_api.messages import Body, encode
from graphql_api.ways import Column, GlobalId, named_type, way_of
from resolvers.context import Asker, Context, Resources
from resolvers.errors import InvalidInput
from resolvers.kept_logs import Page
from resolvers.streams import PAUSE

ROOT, BATCH, LINE = "executionLogs", "ExecutionLogBatch", "ExecutionLog"


class Anew(NamedTuple):
    """An event: the row under this key, to be read now."""

    relation: One[Any]
    key: Key
    mark: str


class Asked(NamedTuple):
    """A subscription as it was asked for, and what was read of it."""

    document: Document
    variables: VariableValues
    body: Body


class Selection(NamedTuple):
    """What is asked of a page: response keys, each with the name of its field.

    ``lines`` are the response keys of the list of lines.
    """

    key: str
    batch: tuple[tuple[str, str], ...]
    line: tuple[tuple[str, str], ...]


class TooMuch(Exception):
    """The selection has more than what stands in a page."""


Write = Callable[[Any], object]


class Subscriptions:
    """Runs the subscriptions of one schema."""

    def __init__(
        self,
        schema: strawberry.Schema,
        resources: Resources,
        respond: Callable[[ExecutionResult], Mapping[str, Any]],
    ) -> None:
        """``respond`` makes the response; it raises Unavailable if the database was away."""
        self._schema = schema
        self._core = schema._schema  # pyright: ignore[reportPrivateUsage]
        self._resources, self._respond = resources, respond
        self._under_way: dict[Hashable, asyncio.Task[bytes]] = {}
        self._selections: dict[int, tuple[Document, Selection | None]] = {}
        self._writers: dict[Selection, list[tuple[str, Write]]] = {}

    async def results(self, asked: Asked, asker: Asker) -> AsyncGenerator[bytes]:
        """The responses, each encoded. Raises Refusal."""
        context = Context(self._resources, asker)
        source = await self._source(asked, context)
        if isinstance(source, ExecutionResult):
            yield encode(self._respond(source))
            return
        selection = self._selection(asked.document)
        async with aclosing(source) as events:
            try:
                async for event in events:
                    if selection is not None and isinstance(event, Page):
                        yield self._written(event, selection)
                    else:
                        yield await self._executed(event, asked, asker)
            except InvalidArgument as error:
                raise InvalidInput(str(error)) from error

    async def _source(
        self, asked: Asked, context: Context
    ) -> AsyncGenerator[Any] | ExecutionResult:
        built = CoreExecutor.build(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            self._core, asked.document.bare, context_value=context
        )
        if isinstance(built, list):
            return ExecutionResult(None, errors=built)
        built.variable_values = asked.variables
        source: Any = create_source_event_stream(built)
        return await source if isawaitable(source) else source

    # Executed like a query

    async def _executed(self, event: object, asked: Asked, asker: Asker) -> bytes:
        body = asked.body
        key = (
            _identity(event),
            body.query,
            body.operation_name,
            encode(body.variables),
            asker.viewer,
        )
        while True:
            task = self._under_way.get(key)
            if task is None:
                task = asyncio.create_task(self._response(event, asked, asker))
                self._under_way[key] = task
                task.add_done_callback(lambda _: self._under_way.pop(key, None))
            try:
                return await asyncio.shield(task)
            except Unavailable:
                await asyncio.sleep(PAUSE)

    async def _response(self, event: object, asked: Asked, asker: Asker) -> bytes:
        context = Context(self._resources, asker)
        try:
            root = event
            if isinstance(event, Anew):
                root = await context.loaders.one(event.relation, event.key)
            document, variables = asked.document, asked.variables
            kept = document.selections(variables)
            result = await execute(
                self._schema, document.bare, variables, context, kept=kept, root=root
            )
        finally:
            await context.end()
        return encode(self._respond(result))

    # Written from the page

    def _written(self, page: Page, selection: Selection) -> bytes:
        found = page.encoded.get(selection)
        if found is None:
            found = page.encoded[selection] = encode(self._data(page, selection))
        return found

    def _data(self, page: Page, selection: Selection) -> dict[str, Any]:
        line_type, batch_type = self._object(LINE), self._object(BATCH)
        writers = self._writers.get(selection)
        if writers is None:
            writers = [(key, writer(line_type, name)) for key, name in selection.line]
            self._writers[selection] = writers
        values: dict[str, object] = {}
        for key, name in selection.batch:
            if name == "lines":
                values[key] = [{key: write(line) for key, write in writers} for line in page.lines]
            else:
                values[key] = writer(batch_type, name)(page)
        return {"data": {selection.key: values}}

    def _selection(self, document: Document) -> Selection | None:
        """What the document asks of a page; None where that takes an execution."""
        kept = self._selections.get(id(document))
        if kept is not None and kept[0] is document:
            return kept[1]
        try:
            found = self._compiled(document)
        except TooMuch:
            found = None
        while len(self._selections) >= MOST_SELECTIONS:
            self._selections.pop(next(iter(self._selections)))
        self._selections[id(document)] = document, found
        return found

    def _compiled(self, document: Document) -> Selection:
        root = self._core.subscription_type
        roots = list(self._fields(document, root, document.operation.selection_set))
        if len(roots) != 1 or roots[0].name.value != ROOT:
            raise TooMuch
        batch: dict[str, str] = {}
        line: dict[str, str] = {}
        for node in self._fields(document, self._object(BATCH), roots[0].selection_set):
            if node.name.value == "lines" and "lines" in batch.values():
                raise TooMuch
            batch[_key(node)] = node.name.value
            if node.name.value == "lines":
                for leaf in self._fields(document, self._object(LINE), node.selection_set):
                    if leaf.selection_set is not None:
                        raise TooMuch
                    line[_key(leaf)] = leaf.name.value
        return Selection(_key(roots[0]), tuple(batch.items()), tuple(line.items()))

    def _fields(
        self,
        document: Document,
        type_: GraphQLObjectType | None,
        selected: SelectionSetNode | None,
    ) -> Iterator[FieldNode]:
        """The fields that are asked of ``type_``, fragments resolved. Raises TooMuch."""
        for node in selected.selections if selected else ():
            if node.directives:
                raise TooMuch
            match node:
                case FieldNode():
                    yield node
                case FragmentSpreadNode() | InlineFragmentNode():
                    spread = isinstance(node, FragmentSpreadNode)
                    held = document.fragments[node.name.value] if spread else node
                    condition = held.type_condition
                    on = self._core.type_map[condition.name.value] if condition else type_
                    if on is not type_ and not is_abstract_type(on):
                        raise TooMuch
                    yield from self._fields(document, type_, held.selection_set)
                case _:
                    raise TooMuch

    def _object(self, name: str) -> GraphQLObjectType:
        return cast("GraphQLObjectType", self._core.type_map[name])


MOST_SELECTIONS = 1000


def _key(node: FieldNode) -> str:
    return (node.alias or node.name).value


def _identity(event: object) -> Hashable:
    """What two events have in common that are the same."""
    match event:
        case Page():
            return event.execution_id, event.after, event.up_to, event.ended
        case Anew():
            return event
        case _:
            return id(event)


def writer(type_: GraphQLObjectType, name: str) -> Write:
    """What writes a field of a row, as its type writes it. Raises TooMuch for other fields."""
    if name == "__typename":
        return lambda _: type_.name
    field: GraphQLField = type_.fields[name]
    match way_of(field):
        case Column(column):
            pass
        case GlobalId():
            return lambda line: write_global_id(LINE, (line.execution_id, line.seq))
        case _:
            raise TooMuch
    kind = named_type(field)
    if isinstance(kind, GraphQLEnumType):
        names = {value.value: name for name, value in kind.values.items()}
        return lambda row: None if (value := getattr(row, column)) is None else names[value]
    if isinstance(kind, GraphQLScalarType) and kind.name not in ("String", "ID"):
        serialize = kind.serialize
        return lambda row: None if (value := getattr(row, column)) is None else serialize(value)
    return lambda row: getattr(row, column)
