"""Variables coerced by functions that are made once, from the types that an operation declares.

graphql-core looks at types anew for every value; for a hundred lines of log that took longer than
everything else. Whatever these functions do not take as it stands is left to graphql-core, which
takes it all the same or says what is wrong with it.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple, cast
from uuid import UUID

import msgspec
from graphql import (
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    Undefined,
    VariableDefinitionNode,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.utilities.coerce_input_value import coerce_default_value

from graphql_api.declare import at_once

Coerce = Callable[[Any], Any]


KINDS: dict[str, tuple[Any, Coerce | None]] = {
    "String": (str, None),
    "UUID": (UUID, None),
    "DateTime": (Annotated[datetime, msgspec.Meta(tz=True)], lambda at: at.astimezone(UTC)),
}
"""Leaves that msgspec reads as graphql-core does, and what is to be done to them then."""


class Unusual(Exception):
    """A value for graphql-core to look at."""


class Member(NamedTuple):
    """A field of an input object. ``default`` is Undefined where it has none."""

    name: str
    out_name: str
    coerce: Coerce
    default: Any
    required: bool


class Coercion:
    """The functions of one schema's types."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._objects: dict[str, Coerce] = {}

    def of(self, definitions: Iterable[VariableDefinitionNode]) -> "Variables | None":
        """That of an operation's variables; None where they are not valid."""
        found: list[tuple[GraphQLVariableSignature, Coerce, bool]] = []
        for node in definitions:
            signature = get_variable_signature(self._schema, node)
            if not isinstance(signature, GraphQLVariableSignature):
                return None
            type_ = cast("Any", signature).type
            optional = node.default_value is None and not isinstance(type_, GraphQLNonNull)
            found.append((signature, self._of(type_), optional))
        return Variables(found)

    def _of(self, type_: Any) -> Coerce:
        if isinstance(type_, GraphQLNonNull):
            return _given(self._nullable(cast("Any", type_).of_type))
        return _or_null(self._nullable(type_))

    def _nullable(self, type_: Any) -> Coerce:
        """For values that are not null."""
        if isinstance(type_, GraphQLList):
            item: Any = cast("Any", type_).of_type
            many = _many(cast("Any", item).of_type) if isinstance(item, GraphQLNonNull) else None
            return many or _list(self._of(item))
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(type_)
        return _leaf(type_.coerce_input_value)

    def _object(self, type_: GraphQLInputObjectType) -> Coerce:
        if type_.is_one_of:
            return _unusual
        if type_.name not in self._objects:
            members: list[Member] = []  # filled below: a type may hold itself
            self._objects[type_.name] = _object(members, type_.out_type)
            members += [self._member(name, each) for name, each in type_.fields.items()]
        return self._objects[type_.name]

    def _member(self, name: str, declared: GraphQLInputField) -> Member:
        default = coerce_default_value(declared)
        required = default is Undefined and isinstance(cast("Any", declared).type, GraphQLNonNull)
        out_name = declared.out_name or name
        return Member(name, out_name, self._of(cast("Any", declared).type), default, required)


class Variables:
    """The variables of one operation, each with whether it may be left out."""

    def __init__(self, signatures: list[tuple[GraphQLVariableSignature, Coerce, bool]]) -> None:
        self._signatures = signatures

    def coerced(self, given: dict[str, Any]) -> VariableValues | None:
        """Their values; None where graphql-core must look at them."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        try:
            for signature, coerce, optional in self._signatures:
                name = signature.name
                if optional and name not in given:
                    sources[name] = VariableValueSource(signature)
                    continue
                value = given[name]
                sources[name] = VariableValueSource(signature, value)
                coerced[name] = coerce(value)
        except (KeyError, Unusual):  # one that is not given may have a default
            return None
        return VariableValues(sources, coerced)


def _unusual(_: Any) -> Any:
    raise Unusual


def _given(coerce: Coerce) -> Coerce:
    def given(value: Any) -> Any:
        if value is None:
            raise Unusual
        return coerce(value)

    return given


def _or_null(coerce: Coerce) -> Coerce:
    return lambda value: None if value is None else coerce(value)


def _leaf(coerce: Coerce) -> Coerce:
    def leaf(value: Any) -> Any:
        try:
            found = coerce(value)
        except Exception as error:
            raise Unusual from error
        if found is Undefined:
            raise Unusual
        return found

    return leaf


def _list(coerce: Coerce) -> Coerce:
    def items(value: Any) -> Any:
        if type(value) is not list:
            raise Unusual
        return [coerce(each) for each in cast("list[Any]", value)]

    return items


def _many(type_: Any) -> Coerce | None:
    """For a list of inputs that are made at once; None if this is no such input.

    msgspec reads all of them. What it takes, it makes the same of as graphql-core, but for values
    that it knows nothing of: those are coerced one by one.
    """
    if getattr(type_, "name", None) not in at_once:
        return None
    all_of, unread = _read_at_once(type_)

    def many(value: Any) -> Any:
        try:
            found = msgspec.convert(value, all_of)
            for name, coerce in unread:
                for each in found:
                    given = getattr(each, name)
                    if given is not None:
                        setattr(each, name, coerce(given))
        except Exception as error:
            raise Unusual from error
        return found

    return many


def _read_at_once(type_: GraphQLInputObjectType) -> tuple[Any, list[tuple[str, Coerce]]]:
    """The type of a list of them, and what is left to be done to their fields."""
    into, names = at_once[type_.name]
    fields: list[Any] = []
    unread: list[tuple[str, Coerce]] = []
    for name, declared in type_.fields.items():
        default = coerce_default_value(declared)
        kind, coerce = _kind(declared.type)
        fields.append((names[name], kind, *(() if default is Undefined else (default,))))
        if coerce:
            unread.append((names[name], coerce))
    made = msgspec.defstruct(
        type_.name,
        fields,
        bases=(into,),
        rename={given: name for name, given in names.items()},
        forbid_unknown_fields=True,
        kw_only=True,
    )
    return list[made], unread


def _kind(type_: Any) -> tuple[Any, Coerce | None]:
    """What msgspec is to read for a leaf, and what is to be done to that."""
    required = isinstance(type_, GraphQLNonNull)
    leaf: Any = cast("Any", type_).of_type if required else type_
    kind: Any = object
    coerce = cast("Coerce | None", leaf.coerce_input_value)
    if isinstance(leaf, GraphQLEnumType):
        members = {name: leaf.coerce_input_value(name) for name in leaf.values}
        given_or_default = members | {member: member for member in members.values()}
        kind, coerce = Literal[tuple(members)], given_or_default.__getitem__
    elif leaf.name in KINDS:
        kind, coerce = KINDS[leaf.name]
    elif required:
        raise TypeError(f"{leaf.name} cannot be told from null: let the field be nullable")
    return kind if required else kind | None, coerce


def _object(members: list[Member], made: Callable[[dict[str, Any]], Any]) -> Coerce:
    def members_of(value: Any) -> Any:
        if type(value) is not dict:
            raise Unusual
        given = cast("dict[str, Any]", value)
        found: dict[str, Any] = {}
        seen = 0
        for name, out_name, coerce, default, required in members:
            if name in given:
                found[out_name] = coerce(given[name])
                seen += 1
            elif required:
                raise Unusual
            elif default is not Undefined:
                found[out_name] = default
        if seen < len(given):
            raise Unusual
        return made(found)

    return members_of
