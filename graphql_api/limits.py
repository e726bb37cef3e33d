"""How much one request may ask for, and what is said to one that asks for more.

The shape of a document is checked before it is validated, since validation itself can be made slow;
what it costs is counted after, when every field is known. All of it takes time in proportion to
the document, whatever is written in it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    ListValueNode,
    NoSchemaIntrospectionCustomRule,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from graphql.validation.validate import ValidationAbortedError

from graphql_api.cost import Cost, cost_of

__all__ = [
    "Cost",
    "Limits",
    "check_cost",
    "check_document",
    "cost_of",
    "exceeded",
    "read_document",
    "validate_document",
]

MOST_ERRORS = 5
MOST_COMPARISONS = 10_000
DEEPEST_VALUE = 50
NOT_COUNTED = -1_000_000

overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = MOST_COMPARISONS  # pyright: ignore[reportConstantRedefinition]


@dataclass(frozen=True, slots=True)
class Limits:
    """Each counts what one document holds, but for ``page_size`` and ``cost``.

    ``page_size`` is in rows of one list. ``cost`` is in fields answered: each field is 1, as many
    times as its lists are long by their page sizes; a ``totalCount`` is 10.
    """

    characters: int = 100_000
    tokens: int = 2_000
    operations: int = 10
    fragments: int = 50
    depth: int = 15
    root_fields: int = 20
    aliases: int = 50
    directives: int = 50
    duplicates: int = 10
    page_size: int = 500
    cost: int = 50_000


_SAID = {
    "characters": ("is longer than {allowed} characters", "Give long values as variables."),
    "tokens": ("has more than {allowed} tokens", "Give values as variables, or ask in parts."),
    "operations": ("holds {asked} operations", "Send the one that is to run."),
    "fragments": ("holds {asked} fragments", "Leave out those that are not needed."),
    "depth": ("is nested {asked} fields deep", "Ask for what is deeper by its `id`, in another."),
    "nesting": ("is nested {asked} selections deep", "Use fewer fragments within fragments."),
    "values": ("holds a value nested {asked} deep", "Give it as a variable."),
    "rootFields": ("has {asked} fields at its root", "Ask for them in several requests."),
    "aliases": ("has {asked} aliases", "Ask for rows by a list (`nodes`) or a filter."),
    "directives": ("has {asked} directives", "Leave out those that are not needed."),
    "duplicates": ("names a field {asked} times in one selection", "Once is enough."),
    "comparisons": ("repeats the same fields too often to be checked", "Name each field once."),
}


def exceeded(
    limit: str, allowed: int, asked: int | None, message: str, node: SelectionNode | None = None
) -> GraphQLError:
    """The error that says which limit, how much it allows and, where it was counted, was asked."""
    told: dict[str, Any] = {"code": "LIMIT_EXCEEDED", "limit": limit, "allowed": allowed}
    if asked is not None:
        told["asked"] = min(asked, 10**15)
    return GraphQLError(message, node, extensions=told)


def _too_much(limit: str, allowed: int, asked: int | None = None) -> GraphQLError:
    what, instead = _SAID[limit]
    said = what.format(allowed=f"{allowed:,}", asked=None if asked is None else f"{asked:,}")
    bound = "" if asked is None else f"; at most {allowed:,} are allowed"
    return exceeded(limit, allowed, asked, f"This document {said}{bound}. {instead}")


def _at_most(limit: str, allowed: int, asked: int) -> None:
    if asked > allowed:
        raise _too_much(limit, allowed, asked)


def read_document(text: str, limits: Limits) -> DocumentNode:
    """The document in ``text``, no larger and no deeper than allowed.

    Raises GraphQLError with the code SYNTAX_ERROR or LIMIT_EXCEEDED.
    """
    if len(text) > limits.characters:
        raise _too_much("characters", limits.characters)
    try:
        document = parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.tokens)
    except GraphQLSyntaxError as error:
        if error.message.endswith("tokens. Parsing aborted."):
            raise _too_much("tokens", limits.tokens) from error
        raise _coded(error, "SYNTAX_ERROR") from None
    check_document(document, limits)
    return document


def check_document(document: DocumentNode, limits: Limits) -> None:
    """Raises GraphQLError if the document, valid or not, has a shape that is too much."""
    operations = _of(OperationDefinitionNode, document)
    fragments = _of(FragmentDefinitionNode, document)
    _at_most("operations", limits.operations, len(operations))
    _at_most("fragments", limits.fragments, len(fragments))
    shapes = {each.name.value: _Shape.of(each) for each in fragments}
    of_operations = [_Shape.of(each) for each in operations]
    every = [*of_operations, *shapes.values()]
    _at_most("aliases", limits.aliases, sum(shape.aliases for shape in every))
    _at_most("directives", limits.directives, sum(shape.directives for shape in every))
    _at_most("duplicates", limits.duplicates, max((s.duplicates for s in every), default=0))
    _at_most("values", DEEPEST_VALUE, max((shape.value_depth for shape in every), default=0))
    reach = _Reach(shapes)
    for shape in of_operations:
        depth, nesting, root_fields = reach.of(shape)
        _at_most("nesting", 4 * limits.depth, nesting)
        _at_most("depth", limits.depth, depth)
        _at_most("rootFields", limits.root_fields, root_fields)


def validate_document(
    schema: GraphQLSchema,
    document: DocumentNode,
    *,
    introspection: bool = True,
    suggestions: bool = True,
) -> list[GraphQLError]:
    """What is wrong with the document, at most six errors; empty if nothing is.

    Their code is INVALID_DOCUMENT, or LIMIT_EXCEEDED where finding out would take too long.

    ``suggestions`` has the errors name the fields that a client may have meant.
    """
    rules = specified_rules
    if not introspection:
        rules = (*rules, NoSchemaIntrospectionCustomRule)
    errors = validate(
        schema, document, rules, max_errors=MOST_ERRORS, hide_suggestions=not suggestions
    )
    return [
        _too_much("comparisons", MOST_COMPARISONS)
        if isinstance(error, ValidationAbortedError) and len(errors) <= MOST_ERRORS
        else _coded(error, "INVALID_DOCUMENT")
        for error in errors
    ]


Error = TypeVar("Error", bound=GraphQLError)


def _coded(error: Error, code: str) -> Error:
    error.extensions = {"code": code}
    return error


def check_cost(cost: Cost, variables: Mapping[str, Any], limits: Limits) -> int:
    """What the operation costs with these variables. Raises GraphQLError if it asks for more than
    allowed."""
    rows, node = cost.longest_page(variables)
    if rows > limits.page_size:
        raise _too_long(rows, limits.page_size, node)
    asked = cost(variables)
    if asked > limits.cost:
        raise _too_dear(asked, limits.cost, cost.page_that_fits(variables, limits.cost))
    return asked


def _too_long(asked: int, allowed: int, node: FieldNode | None) -> GraphQLError:
    said = f"A page of {asked:,} rows is too long; at most {allowed:,} are allowed."
    return exceeded("pageSize", allowed, asked, f"{said} Ask for the rest with `after`.", node)


def _too_dear(asked: int, allowed: int, fits: int) -> GraphQLError:
    said = f"This request would cost {asked:,}; at most {allowed:,} are allowed."
    if not fits:
        return exceeded("cost", allowed, asked, f"{said} Ask for fewer fields in one request.")
    would = f"It would fit with pages of at most {fits} rows (`first`, `last`)."
    error = exceeded("cost", allowed, asked, f"{said} {would}")
    error.extensions = {**(error.extensions or {}), "pageSizeThatFits": fits}
    return error


Definition = TypeVar("Definition")


def _of(kind: type[Definition], document: DocumentNode) -> list[Definition]:
    return [each for each in document.definitions if isinstance(each, kind)]


@dataclass(slots=True)
class _Shape:
    """One definition by itself. ``spreads``: fragment, fields above it, selections above it."""

    depth: int = 0
    nesting: int = 0
    root_fields: int = 0
    aliases: int = 0
    directives: int = 0
    duplicates: int = 0
    value_depth: int = 0
    spreads: list[tuple[str, int, int]] = field(default_factory=lambda: [])

    @classmethod
    def of(cls, definition: OperationDefinitionNode | FragmentDefinitionNode) -> "_Shape":
        shape = cls()
        shape._adorned(definition.directives)
        for variable in getattr(definition, "variable_definitions", None) or ():
            shape._adorned(variable.directives)
        todo = [(definition.selection_set, 0, 1)]
        while todo:
            selections, depth, nesting = todo.pop()
            shape.nesting = max(shape.nesting, nesting)
            shape._repeated(selections)
            for node in selections.selections:
                shape._adorned(node.directives)
                below = shape._selected(node, depth, nesting)
                if below is not None:
                    todo.append(below)
        return shape

    def _selected(
        self, node: SelectionNode, depth: int, nesting: int
    ) -> tuple[SelectionSetNode, int, int] | None:
        if isinstance(node, FieldNode):
            self._counted(node, depth)
            below = node.selection_set
            return None if below is None else (below, _below(node, depth), nesting + 1)
        if isinstance(node, InlineFragmentNode):
            return node.selection_set, depth, nesting + 1
        spread = cast("FragmentSpreadNode", node)
        self.spreads.append((spread.name.value, depth, nesting))
        return None

    def _counted(self, node: FieldNode, depth: int) -> None:
        self.depth = max(self.depth, depth + 1)
        self.root_fields += depth == 0
        self.aliases += node.alias is not None
        self._given(node.arguments)

    def _adorned(self, directives: Sequence[DirectiveNode] | None) -> None:
        self.directives += len(directives or ())
        for directive in directives or ():
            self._given(directive.arguments)

    def _given(self, arguments: Sequence[ArgumentNode] | None) -> None:
        todo = [(argument.value, 0) for argument in arguments or ()]
        while todo:
            value, depth = todo.pop()
            self.value_depth = max(self.value_depth, depth)
            if isinstance(value, ListValueNode):
                todo.extend((item, depth + 1) for item in value.values)
            elif isinstance(value, ObjectValueNode):
                todo.extend((member.value, depth + 1) for member in value.fields)

    def _repeated(self, selections: SelectionSetNode) -> None:
        names = Counter(
            (node.alias or node.name).value
            for node in selections.selections
            if isinstance(node, FieldNode)
        )
        self.duplicates = max(self.duplicates, *names.values(), 0)


def _below(node: FieldNode, depth: int) -> int:
    """The depth under a field. Questions about the schema have a limit of their own: a rule."""
    return NOT_COUNTED if node.name.value in ("__schema", "__type") else depth + 1


class _Reach:
    """Depth, nesting and root fields with fragments spread. A cycle, never valid, adds nothing."""

    def __init__(self, shapes: Mapping[str, _Shape]) -> None:
        self._shapes = shapes
        self._known: dict[str, tuple[int, int, int]] = {}

    def of(self, shape: _Shape) -> tuple[int, int, int]:
        depth, nesting, root_fields = shape.depth, shape.nesting, shape.root_fields
        for name, fields_above, selections_above in shape.spreads:
            below = self._of_fragment(name)
            depth = max(depth, fields_above + below[0])
            nesting = max(nesting, selections_above + below[1])
            root_fields += below[2] if fields_above == 0 else 0
        return depth, nesting, root_fields

    def _of_fragment(self, name: str) -> tuple[int, int, int]:
        if name not in self._known:
            self._known[name] = (0, 0, 0)
            if name in self._shapes:
                self._known[name] = self.of(self._shapes[name])
        return self._known[name]
