"""What one request may ask for: shapes, costs, and what is said to who asks for more."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    GraphQLError,
    OperationDefinitionNode,
    build_schema,
    get_introspection_query,
    parse,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from graphql_api.limits import (
    Cost,
    Limits,
    check_cost,
    cost_of,
    read_document,
    validate_document,
)

SCHEMA = build_schema("""
    type Query {
        me: User
        teams(first: Int = 20, last: Int, after: String): Teams!
        nodes(ids: [ID!]!): [Node]!
        deep: Deep
    }
    interface Node { id: ID! }
    type Teams { edges: [TeamEdge!]! nodes: [Team!]! pageInfo: PageInfo! totalCount: Int! }
    type TeamEdge { cursor: String! node: Team! }
    type PageInfo { hasNextPage: Boolean! }
    type Team implements Node {
        id: ID! name: String! owner: User tags: [Tag!]! aliases: [String!]!
        teams(first: Int, last: Int): Teams!
    }
    type Tag { name: String! team: Team! }
    type User implements Node { id: ID! name: String! teams(first: Int = 5): Teams! }
    type Deep { deep(a: Filter): Deep name: String }
    input Filter { and: [Filter!] name: String }
""")


def document_of(query: str, limits: Limits | None = None) -> DocumentNode:
    document = read_document(query, limits or Limits())
    assert validate_document(SCHEMA, document) == []
    return document


def cost(query: str) -> Cost:
    document = document_of(query)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    return cost_of(SCHEMA, document, operation)


def refusal(query: str, variables: dict[str, Any] | None = None, **limits: int) -> dict[str, Any]:
    """The extensions, and the message, of the error that says it is too much."""

    def ask() -> None:
        bounds = Limits(**limits)
        read_document(query, bounds)
        check_cost(cost(query), variables or {}, bounds)

    with pytest.raises(GraphQLError) as refused:
        ask()
    assert refused.value.extensions is not None
    assert refused.value.extensions["code"] == "LIMIT_EXCEEDED"
    return {**refused.value.extensions, "message": refused.value.message}


def nested(depth: int, field: str = "deep") -> str:
    return (field + " {") * (depth - 1) + " name " + "}" * (depth - 1)


# Shape


@pytest.mark.parametrize(
    ("query", "limit", "allowed", "asked"),
    [
        ("{" + nested(16) + "}", "depth", 15, 16),
        ("{ deep { ...F } } fragment F on Deep {" + nested(15) + "}", "depth", 15, 16),
        ("{" + "... { " * 70 + "me { id }" + "}" * 71, "nesting", 60, 72),
        ("{" + " ".join(f"a{n}: me {{ id }}" for n in range(51)) + "}", "aliases", 50, 51),
        ("{ me {" + " ".join(f"a{n}: id" for n in range(51)) + "} }", "aliases", 50, 51),
        ("{ me { id @skip(if: false)" + "@skip(if: true)" * 50 + " } }", "directives", 50, 51),
        ("query A($a: Int " + "@x" * 51 + ") { me { id } }", "directives", 50, 51),
        ("{ me {" + " id" * 11 + "} }", "duplicates", 10, 11),
        ("query A { me { id } }" * 11, "operations", 10, 11),
        ("{ me { id } }" + "fragment F on User { id }" * 51, "fragments", 50, 51),
        (
            "{" + " ".join(f"a{n}: deep {{ name }}" for n in range(15)) + "...F }"
            "fragment F on Query {" + " ".join(f"b{n}: deep {{ name }}" for n in range(6)) + "}",
            "rootFields",
            20,
            21,
        ),
        (
            "{ deep { deep(a: " + "{and: [" * 30 + "]}" * 30 + ") { name } } }",
            "values",
            50,
            59,
        ),
    ],
)
def test_a_shape_that_is_too_much_is_refused_with_what_was_asked(
    query: str, limit: str, allowed: int, asked: int
) -> None:
    told = refusal(query)
    assert (told["limit"], told["allowed"], told["asked"]) == (limit, allowed, asked)
    assert f"{asked:,}" in told["message"]
    assert f"{allowed:,}" in told["message"]


def test_tokens_are_not_counted_further_than_allowed() -> None:
    told = refusal("{" + " me { id }" * 500 + "}", tokens=2_000)
    assert (told["limit"], told["allowed"]) == ("tokens", 2_000)
    assert "asked" not in told


def test_a_text_that_is_too_long_is_not_read() -> None:
    assert refusal("#" * 100_001)["limit"] == "characters"


def test_comments_are_bounded_as_tokens_are() -> None:
    with pytest.raises(GraphQLError) as refused:
        read_document("#\n" * 3_000 + "{ me { id } }", Limits())
    assert refused.value.extensions == {"code": "SYNTAX_ERROR"}


@pytest.mark.parametrize(
    "query", ["{" + nested(15) + "}", "{ deep { ...F } } fragment F on Deep { name }"]
)
def test_what_is_just_allowed_is_allowed(query: str) -> None:
    document_of(query)


def test_the_introspection_that_tools_send_is_allowed() -> None:
    document_of(get_introspection_query(input_value_deprecation=True, specified_by_url=True))


def test_introspection_in_a_circle_is_refused() -> None:
    circle = "{ __schema { types {" + "fields { type {" * 3 + "name" + "} }" * 3 + "} } }"
    errors = validate_document(SCHEMA, read_document(circle, Limits()))
    assert [error.message for error in errors] == ["Maximum introspection depth exceeded"]


def test_introspection_can_be_turned_off() -> None:
    document = read_document("{ __schema { types { name } } __typename }", Limits())
    assert validate_document(SCHEMA, document, introspection=False)
    document = read_document("{ __typename }", Limits())
    assert validate_document(SCHEMA, document, introspection=False) == []


def test_suggestions_can_be_turned_off() -> None:
    document = read_document("{ mee }", Limits())
    assert "Did you mean 'me'" in validate_document(SCHEMA, document)[0].message
    (error,) = validate_document(SCHEMA, document, suggestions=False)
    assert "Did you mean" not in error.message
    assert error.extensions == {"code": "INVALID_DOCUMENT"}


def test_a_document_full_of_errors_is_told_a_few() -> None:
    document = read_document("{ me {" + " ".join(f"f{n}" for n in range(200)) + "} }", Limits())
    assert len(validate_document(SCHEMA, document)) == 6


# Cost


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ me { id } }", 2),
        ("{ me { id ... { name } ...F } } fragment F on User { id }", 4),
        ("{ teams { nodes { id } } }", 1 + 20 * 2),
        ("{ teams(first: 3) { nodes { id name } } }", 1 + 3 * 3),
        ("{ teams(last: 3) { nodes { id } } }", 1 + 3 * 2),
        ("{ teams(first: 2, last: 3) { nodes { id } } }", 1 + 3 * 2),
        ("{ teams(first: null) { nodes { id } } }", 1 + 20 * 2),
        ("{ teams(first: -1) { nodes { id } } }", 1),
        ("{ me { teams { nodes { id } } } }", 1 + 1 + 5 * 2),
        ("{ teams(first: 3) { totalCount pageInfo { hasNextPage } } }", 1 + 10 + 2),
        ("{ teams(first: 3) { edges { cursor node { id } } } }", 1 + 3 * 4),
        (
            "{ teams(first: 3) { nodes { teams { totalCount nodes { id } } } } }",
            1 + 3 * (1 + 1 + 10 + 20 * 2),
        ),
        ("{ teams(first: 3) { nodes { tags { name } aliases } } }", 1 + 3 * (1 + 1 + 10 * 2 + 1)),
        ("{ nodes(ids: [1, 2, 3]) { id } }", 1 + 3 * 2),
        (
            "{ teams(first: 3) { ...F } } fragment F on Teams { totalCount nodes { id } }",
            1 + 10 + 6,
        ),
        ("{ __schema { types { name } } }", 3),
    ],
)
def test_each_field_costs_one_for_each_row_it_is_on(query: str, expected: int) -> None:
    assert cost(query)({}) == expected


def test_the_size_of_a_page_may_be_a_variable() -> None:
    counted = cost("query ($n: Int = 7) { teams(first: $n) { nodes { id } } }")
    assert counted({}) == 1 + 7 * 2
    assert counted({"n": 3}) == 1 + 3 * 2
    assert counted({"n": None}) == 1 + 20 * 2


def test_a_list_of_ids_may_be_a_variable() -> None:
    counted = cost("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }")
    assert counted({"ids": ["a", "b"]}) == 1 + 2 * 2


def test_what_is_skipped_costs_nothing() -> None:
    counted = cost(
        "query ($no: Boolean!, $yes: Boolean = true) {"
        " me @skip(if: true) { id } deep @include(if: $no) { name }"
        " ... @skip(if: $yes) { me { id } } teams(first: 1) { nodes { id } } }"
    )
    assert counted({"no": False}) == 3
    assert counted({"no": True}) == 5


def test_a_cost_that_is_too_high_is_refused_with_the_pages_that_fit() -> None:
    query = "query ($n: Int!) { teams(first: $n) { nodes { teams(first: $n) { nodes { id } } } } }"
    told = refusal(query, {"n": 300})
    assert (told["limit"], told["allowed"]) == ("cost", 50_000)
    fits = told["pageSizeThatFits"]
    assert cost(query)({"n": fits}) <= 50_000 < cost(query)({"n": fits + 1})
    assert f"at most {fits} rows" in told["message"]


def test_a_cost_that_no_page_makes_fit_says_so() -> None:
    told = refusal("{ me { id name } }", cost=1)
    assert "pageSizeThatFits" not in told
    assert "fewer fields" in told["message"]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ teams(first: 501) { nodes { id } } }", {}),
        ("{ me { teams { nodes { teams(last: 501) { totalCount } } } } }", {}),
        ("query ($n: Int) { teams(first: $n) { totalCount } }", {"n": 501}),
        ("query ($n: Int = 501) { teams(first: $n) { totalCount } }", {}),
        ("query ($n: [ID!]!) { nodes(ids: $n) { id } }", {"n": ["a"] * 501}),
    ],
)
def test_a_page_that_is_too_long_is_refused(query: str, variables: dict[str, Any]) -> None:
    told = refusal(query, variables)
    assert (told["limit"], told["allowed"], told["asked"]) == ("pageSize", 500, 501)


# Whatever is sent


@contextmanager
def steps(most: int) -> Generator[None]:
    """Fails if the block makes more calls of Python functions than this."""
    made = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal made
        made += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)
    assert made <= most, f"{made:,} calls"


def doubling(levels: int) -> str:
    """Fragments that each spread the next one twice: 2 to the power of ``levels`` fields."""
    chain = "".join(
        f"fragment F{n} on User {{ ... {{ ...F{n + 1} }} ... {{ ...F{n + 1} }} }}"
        for n in range(levels)
    )
    last = f"fragment F{levels} on User {{ teams(first: $n) {{ totalCount }} }}"
    return f"query ($n: Int) {{ me {{ ...F0 }} }} {chain} {last}"


def test_fragments_that_double_are_counted_without_being_followed_twice() -> None:
    document = parse(doubling(25))
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    with steps(5_000):
        assert cost_of(SCHEMA, document, operation)({"n": 1}) == 1 + 11 * 2**25


HOSTILE = [
    "{" + "me { id }" * 10 + "}",
    "{ me {" + "teams { nodes { owner {" * 4 + "id" + "} } }" * 4 + "} }",
    doubling(20),
    "{ me { ...A } } fragment A on User { ...B ...B } fragment B on User { ...A id }",
    "{ deep { " + "".join("deep { deep { name } } " for _ in range(10)) + "} }",
    "{ deep { " + "deep { deep { deep { deep { name } } } } " * 10 + "} }",
    "{"
    + "".join(f"...F{n} " for n in range(49))
    + "}"
    + "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{(n * 7) % 49} }}" for n in range(49)),
    "{ nodes(ids: [" + "1 " * 1_900 + "]) { id } }",
    "{ teams(first: " + "9" * 5_000 + ") { totalCount } }",
    "query (" + "".join(f"$v{n}: Int = {n} " for n in range(300)) + ") { me { id } }",
    "{ me { id } }" + "\n#" * 1_900,
    "{" * 1_000,
    '{ me { id(a: """' + "x\n" * 10_000 + '""") } }',
]


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_document_is_dealt_with_in_bounded_work(query: str) -> None:
    with steps(400_000):
        deal_with(query, {"n": 10**9})


def deal_with(query: str, variables: dict[str, Any]) -> None:
    """All that is done with a document before it is executed; any other error is not expected."""
    limits = Limits()
    try:
        document = read_document(query, limits)
        if validate_document(SCHEMA, document):
            return
        for operation in document.definitions:
            if isinstance(operation, OperationDefinitionNode):
                check_cost(cost_of(SCHEMA, document, operation), variables, limits)
    except GraphQLError as error:
        if (error.extensions or {}).get("code") not in ("SYNTAX_ERROR", "LIMIT_EXCEEDED"):
            raise


WORDS = r"""
    { } { } { } ( ) [ ] : ! $n @skip(if:true) @include(if:$n) ... ...F ...G ...on fragment F G on
    User Team Teams Query query mutation me teams(first:$n) teams(first:99) nodes edges node
    totalCount pageInfo deep owner tags id name 1 "x" null a: deep{ me{ teams{ nodes{
    nodes(ids:[1]) __schema{ __type(name:"x"){ fields{ } } } #c , Ω \ """
PIECES = st.sampled_from(WORDS.split())
VARIABLES = st.dictionaries(
    st.sampled_from(["n", "ids", "m"]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Well-formed documents over the schema's names, right or wrong."""

    def selection(level: int) -> str:
        chosen = draw(
            st.lists(st.sampled_from(FIELDS if level else LEAVES), min_size=1, max_size=3)
        )
        return " ".join(
            field + (f" {{ {selection(level - 1)} }}" if opens else "") for field, opens in chosen
        )

    fragments = " ".join(
        f"fragment {name} on {on} {{ {selection(2)} }}"
        for name, on in draw(st.lists(st.tuples(st.sampled_from("FGH"), TYPES), max_size=3))
    )
    return f"query Q($n: Int) {{ {selection(3)} }} {fragments}"


TYPES = st.sampled_from(["Query", "User", "Team", "Teams"])
FIELDS = [
    ("id", False),
    ("name", False),
    ("totalCount", False),
    ("...F", False),
    ("...G", False),
    ("...H @include(if: $n)", False),
    ("me", True),
    ("owner @skip(if: true)", True),
    ("teams(first: $n)", True),
    ("teams(last: 900)", True),
    ("nodes", True),
    ("edges", True),
    ("node", True),
    ("tags", True),
    ("... on Team", True),
    ("a: deep", True),
    ("nodes(ids: [$n, 2])", True),
    ("__typename", False),
]
LEAVES = [each for each in FIELDS if not each[1]]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    query=st.lists(PIECES, max_size=60).map(" ".join) | st.text() | documents(),
    variables=VARIABLES,
)
@example("{ me { ...F } } fragment F on User { ...F id }", {})
@example("query ($n: Int) { teams(first: $n) { totalCount } }", {"n": float("inf")})
def test_whatever_is_sent_is_read_or_refused_in_bounded_work(
    query: str, variables: dict[str, Any]
) -> None:
    with steps(400_000):
        deal_with(query, variables)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(query=documents(), variables=VARIABLES)
def test_a_cost_can_be_counted_even_of_what_is_not_valid(
    query: str, variables: dict[str, Any]
) -> None:
    document = parse(query)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    counted = cost_of(SCHEMA, document, operation)
    assert 0 <= counted(variables, 1) <= counted(variables)
    assert counted.longest_page(variables)[0] >= 0
