"""Pages: every list, in every order and both directions, against lists that Python put in order."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cmp_to_key
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.secrets import Secrets
from db.session import Database, connect
from graphql_api.execute import Path
from graphql_api.ways import named_type
from tests.graph import BONDS, ROOT_LISTS, Row, Rows, global_id
from tests.graphql_api.asking import OWNER, PAGES, Asking, Data, leading_fields, orders_of

FIELDS = leading_fields()
SIZES = (1, 2, 7)
WHOLE = 500
MOST_PAGES = 2

ORDERS = {
    "Workspace": {
        "NAME": "name",
        "NEWEST": "-created_at",
        "OLDEST": "created_at",
        "RECENTLY_UPDATED": "-updated_at",
    },
    "WorkspaceMember": {
        "OLDEST": "joined_at",
        "NEWEST": "-joined_at",
        "ROLE": "role joined_at",
    },
    "WorkspaceInvitation": {"NEWEST": "-created_at", "OLDEST": "created_at", "EMAIL": "email"},
    "OwnershipOffer": {"NEWEST": "-created_at", "OLDEST": "created_at"},
    "Workflow": {
        "NAME": "name",
        "NEWEST": "-created_at",
        "OLDEST": "created_at",
        "RECENTLY_UPDATED": "-updated_at",
        "STATUS": "status -updated_at",
        "RECENTLY_EXECUTED": "-last_executed_at",
        "MOST_EXECUTED": "-total_executions name",
    },
    "WorkflowVersion": {"NEWEST": "-version", "OLDEST": "version"},
    "Integration": {
        "SERVICE": "service_name account_name",
        "NEWEST": "-created_at",
        "RECENTLY_TESTED": "-last_tested_at",
    },
    "Deployment": {
        "NEWEST": "-created_at",
        "OLDEST": "created_at",
        "RECENTLY_DEPLOYED": "-deployed_at",
        "ENVIRONMENT": "environment -created_at",
    },
    "DeploymentEvent": {"NEWEST": "-created_at", "OLDEST": "created_at"},
    "Execution": {
        "NEWEST": "-id",
        "OLDEST": "id",
        "SLOWEST": "-duration_ms",
        "FASTEST": "duration_ms",
        "STATUS": "status -id",
    },
    "ExecutionLog": {"OLDEST": "seq", "NEWEST": "-seq"},
    "ApiKey": {
        "NEWEST": "-created_at",
        "NAME": "name",
        "RECENTLY_USED": "-last_used_at",
        "EXPIRING": "expires_at",
    },
    "AuditLog": {"NEWEST": "-id", "OLDEST": "id"},
    "Webhook": {"NEWEST": "-created_at", "OLDEST": "created_at"},
    "WebhookDelivery": {"NEWEST": "-created_at", "OLDEST": "created_at"},
}
"""What each order means: columns, with - for those that descend. Nulls come last, and rows that
are equal come by their ids, in the direction of the last column."""


class Listed(NamedTuple):
    """A list to page through: its field, the id of its parent where it has one, and its rows."""

    field: str
    parent: str | None
    target: str
    rows: list[Row]


def in_order(rows: Sequence[Row], order: str) -> list[Row]:
    terms = [(term.lstrip("-"), term.startswith("-")) for term in order.split()]
    terms.append(("seq" if "seq" in rows[0] else "id", terms[-1][1]))

    def compared(one: Row, other: Row) -> int:
        for column, descending in terms:
            a, b = one[column], other[column]
            if a == b:
                continue
            if a is None or b is None:
                return 1 if a is None else -1
            return -1 if (a < b) != descending else 1
        return 0

    return sorted(rows, key=cmp_to_key(compared))


def lists_of(rows: Rows, field: str) -> Listed:
    """The list that the field is where it is longest."""
    seen = rows.seen_by(OWNER)
    if field in ROOT_LISTS:
        return Listed(field, None, ROOT_LISTS[field], counted(rows, seen[ROOT_LISTS[field]]))
    type_, target = field.partition(".")[0], BONDS[field].target
    visible = {row["id"] for row in seen[target]}
    found = [
        Listed(field, global_id(type_, parent), target, below)
        for parent in seen[type_]
        if (below := [row for row in rows.behind(field, parent) if row["id"] in visible])
    ]
    longest = max(found, key=lambda each: len(each.rows))
    return longest._replace(rows=counted(rows, longest.rows))


def counted(rows: Rows, found: list[Row]) -> list[Row]:
    """The rows, those of workflows with the numbers that they are ordered by."""
    if "definition" not in found[0] or "updated_at" not in found[0]:
        return found
    ran = {row["id"]: rows.behind("Workflow.executions", row) for row in found}
    return [
        {
            **row,
            "total_executions": len(ran[row["id"]]),
            "last_executed_at": max((each["started_at"] for each in ran[row["id"]]), default=None),
        }
        for row in found
    ]


PAGE = """
fragment page on {target}Connection {{
    edges {{ cursor node {{ databaseId }} }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
}}
"""


class Part(NamedTuple):
    """Rows ``start`` up to ``end`` of a list, as a page of it."""

    start: int
    end: int
    size: int
    backward: bool

    def arguments(self, number: int) -> str:
        size, cursor = ("last", "before") if self.backward else ("first", "after")
        return f"orderBy: $order, {size}: {self.size}, {cursor}: $c{number}"

    def cursor(self, cursors: Sequence[str]) -> str | None:
        """The cursor that it is asked for with."""
        place = self.end if self.backward else self.start - 1
        return cursors[place] if 0 <= place < len(cursors) else None


def parts_of(length: int) -> list[Part]:
    """The whole, both ways, and pages that join to it, from the start and from the end.

    Of a long list only the first, the last and some between.
    """
    found = [Part(0, length, WHOLE, backward=False), Part(0, length, WHOLE, backward=True)]
    for size in SIZES:
        starts = range(0, length, size)
        for start in sorted({*starts[:: -(-len(starts) // MOST_PAGES)], starts[-1]}):
            found.append(Part(start, min(start + size, length), size, backward=False))
            found.append(Part(max(length - start - size, 0), length - start, size, backward=True))
    return found


def query(listed: Listed, pages: Sequence[str], variables: str) -> str:
    """A query for pages of the list, each by its arguments: ``p0``, ``p1``, …"""
    type_, _, name = listed.field.partition(".")
    selected = " ".join(f"p{n}: {name}({page}) {{ ...page }}" for n, page in enumerate(pages))
    if type_ == "Viewer":
        selected = f"viewer {{ {selected} }}"
    elif type_ != "Query":
        selected = f"node(id: $id) {{ ... on {type_} {{ {selected} }} }}"
        variables = f"$id: ID!, {variables}"
    return f"query ({variables}) {{ {selected} }} {PAGE.format(target=listed.target)}"


def pages_in(data: Data) -> list[Data]:
    """The pages that ``query`` asked for."""
    below = data.get("node") or data.get("viewer") or data
    return list(below.values())


def test_every_order_is_known() -> None:
    named = {
        (target_of(field), order) for field in PAGES for order in orders_of(FIELDS[field]).values
    }

    assert named == {(type_, order) for type_, orders in ORDERS.items() for order in orders}


def target_of(field: str) -> str:
    return named_type(FIELDS[field]).name.removesuffix("Connection")


@pytest.mark.parametrize("field", sorted(PAGES))
async def test_pages_join_to_the_whole_list_in_order(ask: Asking, rows: Rows, field: str) -> None:
    listed = lists_of(rows, field)
    given: Data = {"id": listed.parent} if listed.parent else {}
    order_type = f"$order: {orders_of(FIELDS[field]).name}!"
    parts = parts_of(len(listed.rows))
    rest = range(1, len(parts))
    for_whole = query(listed, [f"orderBy: $order, first: {WHOLE}"], order_type)
    for_parts = query(
        listed,
        [parts[number].arguments(number) for number in rest],
        f"{order_type} {' '.join(f'$c{number}: String' for number in rest)}",
    )
    for order, terms in ORDERS[listed.target].items():
        [whole] = pages_in(await ask(for_whole, order=order, **given))
        cursors = [edge["cursor"] for edge in whole["edges"]]
        asked: Data = {f"c{number}": parts[number].cursor(cursors) for number in rest}
        pages = pages_in(await ask(for_parts, order=order, **given, **asked))

        expected = [str(row["id"]) for row in in_order(listed.rows, terms)]
        assert [edge["node"]["databaseId"] for edge in whole["edges"]] == expected, order
        assert len(set(cursors)) == len(cursors)
        for page, part in zip([whole, *pages], parts, strict=True):
            assert page == {
                "edges": whole["edges"][part.start : part.end],
                "pageInfo": {
                    "hasNextPage": part.end < len(cursors),
                    "hasPreviousPage": part.start > 0,
                    "startCursor": cursors[part.start],
                    "endCursor": cursors[part.end - 1],
                },
            }, (order, part)


async def test_the_list_is_shown_by_its_own_order_and_length_where_nothing_is_said(
    ask: Asking, rows: Rows
) -> None:
    seen = rows.seen_by(OWNER)
    run = max(seen["Execution"], key=lambda row: len(rows.behind("Execution.logs", row)))
    query = """
        query ($run: ID!) {
            executions { nodes { databaseId } }
            execution(id: $run) { logs { nodes { seq } } }
        }
    """

    data = await ask(query, run=str(run["id"]))

    newest = [str(row["id"]) for row in in_order(seen["Execution"], "-id")]
    assert [node["databaseId"] for node in data["executions"]["nodes"]] == newest[:20]
    lines = [node["seq"] for node in data["execution"]["logs"]["nodes"]]
    assert lines == list(range(1, 101))


async def test_before_alone_pages_backward(ask: Asking, rows: Rows) -> None:
    [page] = (await ask("{ executions(last: 1) { pageInfo { startCursor } } }")).values()
    query = "query ($c: String) { executions(before: $c) { nodes { databaseId } } }"

    data = await ask(query, c=page["pageInfo"]["startCursor"])

    newest = in_order(rows.seen_by(OWNER)["Execution"], "-id")
    found = [node["databaseId"] for node in data["executions"]["nodes"]]
    assert found == [str(row["id"]) for row in newest[-21:-1]]


ENDS = "nodes { databaseId } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


async def test_a_page_of_no_rows_says_whether_there_are_any(ask: Asking) -> None:
    query = f"""
        {{
            some: workflows(first: 0) {{ {ENDS} }}
            backward: workflows(last: 0) {{ {ENDS} }}
            none: workflows(first: 0, filter: {{search: "no such thing"}}) {{ {ENDS} }}
        }}
    """

    data = await ask(query)

    ends = {"startCursor": None, "endCursor": None}
    forward = {"hasNextPage": True, "hasPreviousPage": False}
    backward = {"hasNextPage": False, "hasPreviousPage": True}
    nothing = {"hasNextPage": False, "hasPreviousPage": False}
    assert data == {
        "some": {"nodes": [], "pageInfo": forward | ends},
        "backward": {"nodes": [], "pageInfo": backward | ends},
        "none": {"nodes": [], "pageInfo": nothing | ends},
    }


async def test_an_empty_list_has_no_ends(ask: Asking, rows: Rows) -> None:
    listing = f"executions {{ totalCount {ENDS} edges {{ cursor }} }}"
    idle = next(
        row
        for row in rows.seen_by(OWNER)["Workflow"]
        if not rows.behind("Workflow.executions", row)
    )

    data = await ask(
        f"query ($id: ID!) {{ workflow(id: $id) {{ {listing} }} }}", id=str(idle["id"])
    )

    assert data["workflow"]["executions"] == {
        "totalCount": 0,
        "nodes": [],
        "edges": [],
        "pageInfo": {
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": None,
            "endCursor": None,
        },
    }


async def test_the_total_is_that_of_all_pages_on_each_of_them(ask: Asking, rows: Rows) -> None:
    count = len(rows.seen_by(OWNER)["Workspace"])
    first = (await ask("{ workspaces(first: 1) { edges { cursor } } }"))["workspaces"]["edges"][0]
    sizes = [0, 1, count - 1, count, count + 1]
    pages = [f"{way}: {size}" for way in ("first", "last") for size in sizes]
    pages += [f'first: 1, after: "{first["cursor"]}"', f'last: 1, before: "{first["cursor"]}"']
    for shown in ("", "nodes { id }", "pageInfo { endCursor }", "edges { cursor }"):
        asked = (
            f"p{number}: workspaces({page}) {{ totalCount {shown} }}"
            for number, page in enumerate(pages)
        )

        data = await ask(f"{{ {' '.join(asked)} }}")

        assert [page["totalCount"] for page in data.values()] == [count] * len(pages), shown


async def test_a_page_is_shown_in_several_ways_at_once(ask: Asking) -> None:
    query = """
        {
            workspaces(first: 2) {
                edges { cursor a: node { id } node { name members(first: 1) { nodes { id } } } }
                nodes { id }
                again: edges { node { slug } place: cursor }
                names: nodes { name }
                pageInfo { endCursor }
            }
        }
    """

    page = (await ask(query))["workspaces"]

    edges, again = page["edges"], page["again"]
    assert len(edges) == len(again) == 2
    assert [edge["a"] for edge in edges] == page["nodes"]
    assert [{"name": edge["node"]["name"]} for edge in edges] == page["names"]
    assert [edge["cursor"] for edge in edges] == [edge["place"] for edge in again]
    assert all(edge["node"]["slug"] for edge in again)
    assert edges[-1]["cursor"] == page["pageInfo"]["endCursor"]


async def test_a_page_goes_on_behind_a_row_that_is_gone(ask: Asking, rows: Rows) -> None:
    """A cursor names a place, not a row."""
    query = """
        query ($c: String) { workspaces(orderBy: NAME, after: $c, first: 500) { nodes { name } } }
    """

    data = await ask(query, c=cursor("NAME", "Spare 1zzz", HERE_ID))

    names = sorted(row["name"] for row in rows.seen_by(OWNER)["Workspace"])
    found = [node["name"] for node in data["workspaces"]["nodes"]]
    assert found == [name for name in names if name > "Spare 1zzz"]


@pytest.mark.parametrize(
    ("order", "terms"), [("NEWEST", ["id"]), ("SLOWEST", ["duration_ms", "id"])]
)
async def test_a_cursor_holds_what_makes_the_place_of_its_row_and_no_more(
    ask: Asking, rows: Rows, order: str, terms: list[str]
) -> None:
    query = """
        query ($order: ExecutionOrder!) {
            executions(orderBy: $order, first: 3) { edges { cursor node { databaseId } } }
        }
    """

    edges = (await ask(query, order=order))["executions"]["edges"]

    found = {str(row["id"]): row for row in rows.seen_by(OWNER)["Execution"]}
    for edge in edges:
        row = found[edge["node"]["databaseId"]]
        values = [str(row[term]) if term == "id" else row[term] for term in terms]
        assert json.loads(base64.b64decode(edge["cursor"])) == [order, *values]


def cursor(*values: object) -> str:
    return base64.b64encode(json.dumps(values).encode()).decode()


HERE_ID = str(OWNER.user_id)
HERE = cursor("NEWEST", HERE_ID)


@pytest.mark.parametrize(
    "arguments",
    [
        "first: 1, last: 1",
        "first: -1",
        "last: -1",
        "first: 501",
        "last: 501",
        "first: 2147483647",
        f'first: 1, before: "{HERE}"',
        f'last: 1, after: "{HERE}"',
        f'after: "{HERE}", before: "{HERE}"',
        f'first: 1, after: "{HERE}", before: "{HERE}"',
    ],
)
async def test_arguments_that_make_no_page_are_refused(ask: Asking, arguments: str) -> None:
    assert await ask.code(f"{{ executions({arguments}) {{ totalCount }} }}") == "INVALID_INPUT"
    nested = f"{{ workflows {{ nodes {{ executions({arguments}) {{ totalCount }} }} }} }}"
    assert await ask.code(nested) == "INVALID_INPUT"


FORGED = """
    query ($order: ExecutionOrder!, $cursor: String) {
        executions(orderBy: $order, after: $cursor, first: 2) { nodes { databaseId } }
    }
"""


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "garbage",
        "====",
        "é\x00",
        "\ud800",
        HERE,
        HERE[:-3],
        cursor("SLOWEST", 5, HERE_ID) + "\n",
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[" * 5000).decode(),
        base64.b64encode(b'"SLOWEST"').decode(),
        cursor(),
        cursor("SLOWEST"),
        cursor("SLOWEST", 5),
        cursor("FASTEST", 5, HERE_ID),
        cursor("STATUS", "failed", HERE_ID),
        cursor(5, "SLOWEST", HERE_ID),
        cursor("SLOWEST", 5, HERE_ID, 5),
        cursor("SLOWEST", 5, "not a uuid"),
        cursor("SLOWEST", 5, None),
        cursor("SLOWEST", "5", HERE_ID),
        cursor("SLOWEST", 2.5, HERE_ID),
        cursor("SLOWEST", [5], HERE_ID),
        cursor("SLOWEST", 2**31, HERE_ID),
        cursor("SLOWEST", -(10**30), HERE_ID),
    ],
)
async def test_a_cursor_that_is_none_of_this_order_is_refused(ask: Asking, forged: str) -> None:
    assert await ask.code(FORGED, order="SLOWEST", cursor=forged) == "INVALID_INPUT"


async def test_a_value_that_is_refused_is_nothing_to_who_asks_next(
    asking: Callable[[Database, Path], Asking], sample_url: str, secrets: Secrets
) -> None:
    """A value that cannot be sent must not leave the statement before it open on the connection."""
    async with connect(sample_url, secrets, size=1) as one:
        by_plan, by_loaders = asking(one, "compiled"), asking(one, "loaders")
        forged = cursor("SLOWEST", 2**31, HERE_ID)

        assert await by_plan.code(FORGED, order="SLOWEST", cursor=forged) == "INVALID_INPUT"
        assert await by_loaders("{ viewer { user { databaseId } } }")


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.uuids().map(str)
    | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
    | st.sampled_from(["infinity", "-infinity", "0001-01-01T00:00:00Z", "\x00", "now"])
)


@given(
    order=st.sampled_from(["NEWEST", "SLOWEST", "STATUS"]),
    values=st.lists(SCALARS, max_size=3),
)
@settings(max_examples=60, deadline=None)
async def test_whatever_is_forged_into_a_cursor_is_a_place_or_refused(
    compiled: Asking, loaders: Asking, order: str, values: list[object]
) -> None:
    forged = cursor(order, *values)

    for ask in (compiled, loaders):
        assert await ask.code(FORGED, order=order, cursor=forged) in (None, "INVALID_INPUT")


WORKSPACES = """
    query ($order: WorkspaceOrder!, $cursor: String) {
        workspaces(orderBy: $order, after: $cursor, first: 2) { nodes { databaseId } }
    }
"""


@given(
    values=st.tuples(st.just("NAME"), st.text(), st.uuids().map(str))
    | st.tuples(
        st.just("NEWEST"),
        st.datetimes(timezones=st.sampled_from([None, UTC])).map(datetime.isoformat)
        | st.sampled_from(["9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59"]),
        st.uuids().map(str),
    )
)
@settings(max_examples=60, deadline=None)
async def test_a_forged_place_is_a_place_or_refused(
    compiled: Asking, loaders: Asking, values: tuple[str, ...]
) -> None:
    for ask in (compiled, loaders):
        code = await ask.code(WORKSPACES, order=values[0], cursor=cursor(*values))
        assert code in (None, "INVALID_INPUT")
