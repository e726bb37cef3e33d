"""Prepare what makes an answer, level by level, of the objects that an operation is asked of."""

from functools import partial
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    is_abstract_type,
    is_leaf_type,
)
from graphql.pyutils import Path

from db.batches import CURSOR
from graphql_api import declare, steps
from graphql_api.arguments import Arguments, arguments_of
from graphql_api.declare import node_key
from graphql_api.steps import Fields, Get, Gets, Group, Paths, Read, Selection, Step, Unfit, Values
from graphql_api.ways import (
    Column,
    Connected,
    Followed,
    GlobalId,
    Listed,
    LookedUp,
    Part,
    Related,
    Same,
    Way,
    named_type,
    way_of,
)

if TYPE_CHECKING:
    from graphql_api.levels import Levels

CURSORS = {"cursor", "start_cursor", "end_cursor"}
"""The fields of pages for which the cursors of rows are read."""


class Preparing:
    """Prepares selections of an operation: of objects; or of records, of which it finds out what
    columns are ``wanted``."""

    def __init__(self, execution: "Levels", wanted: set[str] | None = None) -> None:
        self._execution, self._wanted = execution, wanted

    def selection(self, type_: GraphQLObjectType, fields: Fields) -> Selection:
        return {key: self._field(type_, key, group) for key, group in fields.items()}

    def _field(self, type_: GraphQLObjectType, key: str, group: Group) -> Step:
        def below(paths: Paths) -> list[Path]:
            return [Path(path, key, type_.name) for path in paths()]

        async def by_core(run: "Levels", sources: Values, paths: Paths) -> Values:
            return await run.field(type_, group, sources, below(paths))

        name = group[0].node.name.value
        if name == "__typename":
            return steps.constant(type_.name)
        if name.startswith("__"):
            return Step(by_core, waits=True)
        way = way_of(type_.fields[name])
        parts = self._parts(type_, type_.fields[name], way, group)
        if parts is None:
            if self._of_records(type_):
                raise Unfit
            return Step(by_core, waits=True)
        read, complete = parts

        async def make(run: "Levels", sources: Values, paths: Paths) -> Values:
            return await complete.make(run, await read(run, sources), lambda: below(paths))

        return Step(make, complete.waits or not isinstance(way, Column | Same | GlobalId))

    def _parts(
        self, type_: GraphQLObjectType, field: GraphQLField, way: Way | None, group: Group
    ) -> tuple[Read, Step] | None:
        """What reads a field of all objects, and what completes it; None if a resolver has to."""
        get = partial(self._get, type_)
        read = None
        match way:
            case Column(name):
                read = steps.column(get(name))
            case Same(name, brought):
                read = steps.same(get(name), brought)
            case GlobalId():
                key = [get(hole.column) for hole in node_key(type_.name)]
                read = steps.global_id(type_.name, key)
            case Part("total"):
                read = steps.totals
            case Followed():
                gets = [None if name is None else get(name) for name in way.columns]
                return self._followed(field, way, group, gets)
            case LookedUp() if not is_abstract_type(named_type(field)):
                complete, only = self._below(field, group)
                return steps.looked_up(way, self._arguments(field, group), only), complete
            case _:
                pass
        return read and (read, self._completing(cast("Any", field).type, group))

    def _followed(
        self, field: GraphQLField, way: Followed, group: Group, gets: Gets
    ) -> tuple[Read, Step]:
        complete, only = self._below(field, group)
        arguments = self._arguments(field, group)
        match way:
            case Connected():
                read = steps.pages(way, arguments, gets, only)
            case Listed():
                read = steps.lists(way, arguments, gets, only)
            case _:
                read = steps.rows(cast("Related", way), arguments, gets, only)
        return read, complete

    def _below(self, field: GraphQLField, group: Group) -> tuple[Step, tuple[str, ...]]:
        """Completes the records that a field leads to, and the columns that it takes."""
        wanted: set[str] = set()
        complete = Preparing(self._execution, wanted)._completing(cast("Any", field).type, group)
        return complete, tuple(sorted(wanted))

    def _get(self, type_: GraphQLObjectType, name: str) -> Get:
        """Gets a column, or an attribute, of an object."""
        if self._wanted is None:
            return attrgetter(name)
        if not self._of_records(type_):
            if name in CURSORS:
                self._wanted.add(CURSOR)
            return attrgetter(name)
        self._wanted.add(name)
        return itemgetter(name)

    def _of_records(self, type_: GraphQLObjectType) -> bool:
        """Whether objects of the type come as records, not as they are declared."""
        return self._wanted is not None and type_.name in declare.rows

    def _arguments(self, field: GraphQLField, group: Group) -> Arguments:
        run = self._execution
        return arguments_of(run.declared, field, group[0].node, run.variable_values)

    def _completing(self, type_: Any, group: Group) -> Step:
        inner = getattr(type_, "of_type", None)
        if isinstance(type_, GraphQLNonNull):
            return steps.promised(self._present(inner, group))
        return steps.nullable(self._present(type_, group))

    def _present(self, type_: Any, group: Group) -> Step:
        """Completes values none of which is null."""
        inner = getattr(type_, "of_type", None)
        if isinstance(type_, GraphQLList):
            return steps.listed(self._completing(inner, group))
        if isinstance(type_, GraphQLObjectType):
            fields = self._execution.collect_subfields(type_, group).grouped_field_set
            is_type_of = None if self._of_records(type_) else type_.is_type_of
            return steps.objects(self.selection(type_, fields), is_type_of)
        if is_leaf_type(type_):
            return steps.leaf(type_)
        return Step(steps.none, waits=False)
