"""How the tools of two deployments differ, and which differences break a caller.

A change breaks if a call that the tool took before may be refused now. What keywords mean is JSON
Schema's; those that are not known here break if they differ, to be safe.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from resolvers.diagnostics import Path, pointer, quoted

Schema = Mapping[str, Any]

ANY_TYPE = frozenset({"null", "boolean", "object", "array", "number", "string"})
LOWER = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
UPPER = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
SAID = {"title", "description", "default", "examples", "deprecated", "$comment", "format"}
"""Keywords that explain, and refuse nothing."""
READ = {"type", "enum", "const", "required", "properties", "items", "additionalProperties"}
"""Keywords that are compared by their meaning."""


class Tool(msgspec.Struct, frozen=True, rename="camel"):
    """As MCP has it."""

    name: str
    input_schema: dict[str, Any]
    description: str | None = None


class ToolChange(msgspec.Struct, frozen=True):
    """``pointer`` leads into the tool's input schema."""

    tool: str
    code: str
    breaking: bool
    pointer: str
    message: str


def compared(before: Sequence[Tool], after: Sequence[Tool]) -> list[ToolChange]:
    """What changed from the one to the other, tool by tool; breaking changes first."""
    old, new = {tool.name: tool for tool in before}, {tool.name: tool for tool in after}
    found = [
        ToolChange(name, "TOOL_REMOVED", True, "", f"The tool {quoted(name)} is gone.")
        for name in old.keys() - new.keys()
    ]
    found += [
        ToolChange(name, "TOOL_ADDED", False, "", f"The tool {quoted(name)} is new.")
        for name in new.keys() - old.keys()
    ]
    for name in old.keys() & new.keys():
        found += _of_tool(old[name], new[name])
    return sorted(found, key=lambda each: (not each.breaking, each.tool, each.pointer, each.code))


def _of_tool(before: Tool, after: Tool) -> Iterator[ToolChange]:
    if before.description != after.description:
        yield ToolChange(after.name, "DESCRIPTION_CHANGED", False, "", "It is described otherwise.")
    for code, breaking, at, message in _of_schema(before.input_schema, after.input_schema, None):
        yield ToolChange(after.name, code, breaking, pointer(at), message)


Found = tuple[str, bool, Path, str]


def _of_schema(before: object, after: object, at: Path) -> Iterator[Found]:
    if before == after:
        return
    if not isinstance(before, dict) or not isinstance(after, dict):
        yield "SCHEMA_CHANGED", True, at, "It is another schema."
        return
    old, new = cast("Schema", before), cast("Schema", after)
    yield from _types(old, new, at)
    yield from _values(old, new, at)
    yield from _required(old, new, at)
    yield from _properties(old, new, at)
    yield from _bounds(old, new, at)
    if "items" in old or "items" in new:
        yield from _of_schema(old.get("items", {}), new.get("items", {}), (at, "items"))
    known = READ | SAID | LOWER | UPPER
    for key in sorted((old.keys() | new.keys()) - known):
        if old.get(key) != new.get(key):
            lifted = key not in new
            said = f"{quoted(key)} is lifted." if lifted else f"{quoted(key)} is another."
            yield "SCHEMA_CHANGED", not lifted, (at, key), said


def _types(old: Schema, new: Schema, at: Path) -> Iterator[Found]:
    before, after = _types_of(old), _types_of(new)
    if lost := before - after:
        said = f"It takes no {' and no '.join(sorted(lost))} any more."
        yield "TYPE_NARROWED", True, (at, "type"), said
    elif after - before:
        said = f"It takes {' and '.join(sorted(after - before))}, too."
        yield "TYPE_WIDENED", False, (at, "type"), said


def _types_of(schema: Schema) -> frozenset[str]:
    """A number that need not be whole is two types here, so that the narrower is a part of it."""
    told = schema.get("type", sorted(ANY_TYPE))
    types = {told} if isinstance(told, str) else set(cast("list[str]", told))
    return frozenset(types | {"integer"} if "number" in types else types)


def _values(old: Schema, new: Schema, at: Path) -> Iterator[Found]:
    before, after = _values_of(old), _values_of(new)
    if after is None:
        if before is not None:
            yield "ENUM_LIFTED", False, (at, "enum"), "It takes any value now."
        return
    if before is None:
        yield "ENUM_ADDED", True, (at, "enum"), "It takes certain values only."
        return
    for value in before:
        if value not in after:
            said = f"The value {quoted(_json(value))} is taken no more."
            yield "ENUM_VALUE_REMOVED", True, (at, "enum"), said
    for value in after:
        if value not in before:
            said = f"The value {quoted(_json(value))} is taken, too."
            yield "ENUM_VALUE_ADDED", False, (at, "enum"), said


def _values_of(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _required(old: Schema, new: Schema, at: Path) -> Iterator[Found]:
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(after - before):
        where = ((at, "properties"), name) if name in new.get("properties", {}) else at
        yield "REQUIRED_ADDED", True, where, f"The parameter {quoted(name)} must be given."
    for name in sorted(before - after):
        where = ((at, "properties"), name) if name in new.get("properties", {}) else at
        yield "REQUIRED_LIFTED", False, where, f"The parameter {quoted(name)} may be left out."


def _properties(old: Schema, new: Schema, at: Path) -> Iterator[Found]:
    before: Schema = old.get("properties", {})
    after: Schema = new.get("properties", {})
    for name in before:
        where = ((at, "properties"), name)
        if name in after:
            yield from _of_schema(before[name], after[name], where)
        else:
            said = f"The parameter {quoted(name)} means nothing any more."
            yield "PARAMETER_REMOVED", True, where, said
    for name in after:
        if name not in before:
            where = ((at, "properties"), name)
            yield "PARAMETER_ADDED", False, where, f"The parameter {quoted(name)} is new."
    rest, rest_after = (each.get("additionalProperties", True) for each in (old, new))
    if rest != rest_after:
        closed = rest_after is not True
        said = "Other parameters are refused." if closed else "Other parameters are taken."
        code = "OTHERS_REFUSED" if closed else "OTHERS_TAKEN"
        yield code, closed, (at, "additionalProperties"), said


def _bounds(old: Schema, new: Schema, at: Path) -> Iterator[Found]:
    for key in sorted((LOWER | UPPER) & (old.keys() | new.keys())):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        tighter = after is not None and (
            before is None or (after > before if key in LOWER else after < before)
        )
        code = "BOUND_TIGHTENED" if tighter else "BOUND_LOOSENED"
        said = f"{key} is {_json(after)}, and was {_json(before)}."
        yield code, tighter, (at, key), said
