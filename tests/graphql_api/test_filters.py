"""Filters: every condition, every way to join them, and whatever a client puts into a value."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from graphql import GraphQLInputObjectType
from hypothesis import given, settings
from hypothesis import strategies as st

from graphql_api.schema import schema
from tests import sample
from tests.graph import Row, Rows
from tests.graphql_api.asking import OWNER, Asking, Data

Meaning = Callable[[Rows, Row, Any], bool]

NOON = datetime(2026, 2, 1, 6, tzinfo=UTC)
AGO = datetime.now(UTC) - timedelta(seconds=20.5 * 3700)

WHERE = {
    "WorkspaceFilter": ("Workspace", "workspaces", None),
    "WorkflowFilter": ("Workflow", "workflows", None),
    "DeploymentFilter": ("Deployment", "deployments", None),
    "DeploymentEventFilter": ("DeploymentEvent", "events", "deployment"),
    "ExecutionFilter": ("Execution", "executions", None),
    "MemberFilter": ("WorkspaceMember", "members", "workspace"),
    "InvitationFilter": ("WorkspaceInvitation", "invitations", "workspace"),
    "OwnershipOfferFilter": ("OwnershipOffer", "ownershipOffers", "workspace"),
    "IntegrationFilter": ("Integration", "integrations", "workspace"),
    "ApiKeyFilter": ("ApiKey", "apiKeys", "workspace"),
    "AuditLogFilter": ("AuditLog", "auditLogs", "workspace"),
    "VersionFilter": ("WorkflowVersion", "versions", "workflow"),
    "LogFilter": ("ExecutionLog", "logs", "execution"),
    "WebhookFilter": ("Webhook", "webhooks", "workspace"),
    "WebhookDeliveryFilter": ("WebhookDelivery", "deliveries", "webhook"),
}
"""The type that each filter is for, a list that takes it, and whose list that is."""


def is_in(column: str) -> Meaning:
    return lambda _, row, wanted: row[column] in [str(each).lower() for each in wanted]


def since(column: str) -> Meaning:
    return lambda _, row, moment: row[column] is not None and row[column] >= moment


def before(column: str) -> Meaning:
    return lambda _, row, moment: row[column] is not None and row[column] < moment


def contains(*columns: str) -> Meaning:
    def passes(_: Rows, row: Row, text: str) -> bool:
        words = [words_of(row[column]) for column in columns if row[column] is not None]
        return bool(words) and text.lower() in " ".join(words).lower()

    return passes


def words_of(value: object) -> str:
    return " ".join(cast("list[str]", value)) if isinstance(value, list) else str(value)


def overlaps(column: str) -> Meaning:
    return lambda _, row, wanted: bool(set(row[column]) & set(wanted))


def has(field: str, filter: str) -> Meaning:
    return lambda rows, row, wanted: any(
        passes(filter, wanted, rows, found) for found in rows.behind(field, row)
    )


def is_open(_: Rows, row: Row, wanted: bool) -> bool:
    ends = ("accepted_at", "declined_at", "revoked_at", "withdrawn_at")
    answered = any(row.get(end) for end in ends)
    return (not answered and row["expires_at"] > datetime.now(UTC)) is wanted


def longer_than(_: Rows, row: Row, ms: int) -> bool:
    return row["duration_ms"] is not None and row["duration_ms"] > ms


def has_node(_: Rows, row: Row, type_: str) -> bool:
    return any(node["type"] == type_ for node in row["definition"]["nodes"])


MEANINGS: dict[str, dict[str, tuple[Any, Meaning]]] = {
    "WorkspaceFilter": {
        "search": ("PARE 1", contains("name", "slug")),
        "planType": (["pro"], is_in("plan_type")),
        "createdSince": (datetime(2025, 6, 4, tzinfo=UTC), since("created_at")),
        "members": ({"role": ["VIEWER"]}, has("Workspace.members", "MemberFilter")),
        "workflows": ({"status": ["DRAFT"]}, has("Workspace.workflows", "WorkflowFilter")),
    },
    "WorkflowFilter": {
        "status": (["ACTIVE", "DRAFT"], is_in("status")),
        "tags": (['a "b"', "none"], overlaps("tags")),
        "nodeType": ("slack", has_node),
        "search": ("ZWEI", contains("name", "description", "tags")),
        "createdSince": (NOON, since("created_at")),
        "updatedSince": (datetime(2026, 2, 3, 6, tzinfo=UTC), since("updated_at")),
        "deployments": ({"status": ["FAILED"]}, has("Workflow.deployments", "DeploymentFilter")),
        "executions": ({"status": ["TIMEOUT"]}, has("Workflow.executions", "ExecutionFilter")),
    },
    "DeploymentFilter": {
        "status": (["FAILED", "STOPPED"], is_in("status")),
        "environment": (["STAGING"], is_in("environment")),
        "healthStatus": (["healthy"], is_in("health_status")),
        "workflowVersion": (2, lambda _, row, number: row["workflow_version"] == number),
        "search": ("1.4.", contains("mcp_server_url", "deployment_version")),
        "createdSince": (datetime(2026, 3, 1, 0, 3, tzinfo=UTC), since("created_at")),
        "executions": ({"status": ["TIMEOUT"]}, has("Deployment.executions", "ExecutionFilter")),
    },
    "DeploymentEventFilter": {"status": (["FAILED", "STOPPED"], is_in("status"))},
    "ExecutionFilter": {
        "status": (["FAILED"], is_in("status")),
        "triggerType": (["webhook", "manual"], is_in("trigger_type")),
        "startedSince": (AGO, since("started_at")),
        "startedBefore": (AGO, before("started_at")),
        "slowerThanMs": (10, longer_than),
        "search": ("“WAY” 1", contains("error_message")),
        "logs": ({"search": "line 100 "}, has("Execution.logs", "LogFilter")),
    },
    "MemberFilter": {
        "role": (["OWNER", "ADMIN"], is_in("role")),
        "joinedSince": (datetime(2026, 1, 4, tzinfo=UTC), since("joined_at")),
    },
    "InvitationFilter": {
        "open": (True, is_open),
        "role": (["EDITOR"], is_in("role")),
        "search": ("guest3@", contains("email")),
    },
    "OwnershipOfferFilter": {"open": (True, is_open)},
    "IntegrationFilter": {
        "serviceName": (["slack"], is_in("service_name")),
        "serviceType": (["oauth2"], is_in("service_type")),
        "status": (["ERROR"], is_in("status")),
        "search": ("le ACCOUNT 2", contains("service_name", "account_name")),
    },
    "ApiKeyFilter": {
        "status": (["REVOKED", "INACTIVE"], is_in("status")),
        "scopes": (["logs:read", "audit:read"], overlaps("scopes")),
        "expiresBefore": (datetime.now(UTC) + timedelta(days=8.5), before("expires_at")),
        "search": ("2 MCP", contains("name", "key_prefix")),
    },
    "AuditLogFilter": {
        "action": (["workflow.update", "member.create"], is_in("action")),
        "resourceType": (["deployment"], is_in("resource_type")),
        "resourceId": (sample.of("workflow 1 3"), lambda _, row, id: row["resource_id"] == id),
        "userId": (sample.of("user 1 editor"), lambda _, row, id: row["user_id"] == id),
        "apiKeyId": (sample.of("key 1 1"), lambda _, row, id: row["api_key_id"] == id),
        "since": (datetime.now(UTC) - timedelta(minutes=25.5), since("timestamp")),
        "before": (datetime.now(UTC) - timedelta(minutes=25.5), before("timestamp")),
        "search": ("ÜMLAUT", contains("action", "details")),
    },
    "VersionFilter": {
        "version": ([1, 3], lambda _, row, numbers: row["version"] in numbers),
        "search": ("change 2", contains("changelog")),
        "createdSince": (datetime(2026, 1, 1, tzinfo=UTC), since("created_at")),
    },
    "LogFilter": {
        "level": (["WARN", "ERROR"], is_in("level")),
        "nodeId": (["n1"], is_in("node_id")),
        "search": ("LINE 11", contains("message")),
        "since": (AGO, since("timestamp")),
        "before": (AGO, before("timestamp")),
    },
    "WebhookFilter": {
        "status": (["FAILED"], is_in("status")),
        "events": (["workflow.deleted", "ping"], overlaps("events")),
        "search": ("“Ü” 3", contains("description", "url")),
        "deliveries": (
            {"responseStatus": [503]},
            has("Webhook.deliveries", "WebhookDeliveryFilter"),
        ),
    },
    "WebhookDeliveryFilter": {
        "status": (["PENDING", "FAILED"], is_in("status")),
        "event": (["ping"], is_in("event")),
        "responseStatus": ([200, 500], lambda _, row, wanted: row["response_status"] in wanted),
        "since": (datetime(2026, 3, 1, 0, 5, tzinfo=UTC), since("created_at")),
        "before": (datetime(2026, 3, 1, 0, 5, tzinfo=UTC), before("created_at")),
    },
}
"""A value of each condition that some rows pass, and which."""

ALWAYS = {
    ("IntegrationFilter", "serviceType"),
    ("VersionFilter", "createdSince"),
    ("LogFilter", "since"),
    ("LogFilter", "before"),
}
"""Conditions that all rows of the list pass, or none."""

LOGIC = {"and", "or", "not"}
CONDITIONS = [(filter, name) for filter, known in MEANINGS.items() for name in known]


def passes(filter: str, wanted: Data, rows: Rows, row: Row) -> bool:
    """Whether a row passes a filter. What is null asks for nothing."""
    return all(
        _passes(filter, name, value, rows, row)
        for name, value in wanted.items()
        if value is not None
    )


def _passes(filter: str, name: str, value: Any, rows: Rows, row: Row) -> bool:
    match name:
        case "and":
            return all(passes(filter, each, rows, row) for each in value)
        case "or":
            return any(passes(filter, each, rows, row) for each in value)
        case "not":
            return not passes(filter, value, rows, row)
        case _:
            return MEANINGS[filter][name][1](rows, row, value)


def written(value: Any) -> Any:
    """A filter as JSON has it."""
    if isinstance(value, dict):
        return {name: written(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [written(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return value if isinstance(value, str | int | bool | None) else str(value).replace(" ", "T")


async def found_by(
    ask: Asking, rows: Rows, filter: str, wanted: Data | None
) -> tuple[list[Row], set[str]]:
    """The rows of the list that the filter is for, and the ids of those that it lets pass."""
    type_, field, of = WHERE[filter]
    seen = rows.seen_by(OWNER)
    page = f"{field}(filter: $filter, first: 500) {{ totalCount nodes {{ databaseId }} }}"
    if of is None:
        query, below, given = f"query ($filter: {filter}) {{ {page} }}", seen[type_], {}
    else:
        bond = f"{of.capitalize()}.{field}"
        parent = max(seen[of.capitalize()], key=lambda row: len(rows.behind(bond, row)))
        query = f"query ($filter: {filter}, $id: ID!) {{ {of}(id: $id) {{ {page} }} }}"
        below, given = rows.behind(bond, parent), {"id": str(parent["id"])}

    data = await ask(query, OWNER, filter=written(wanted), **given)

    listed = (data[of] if of else data)[field]
    found = [node["databaseId"] for node in listed["nodes"]]
    assert listed["totalCount"] == len(found) == len(set(found))
    return below, set(found)


def ids_of(rows: list[Row]) -> set[str]:
    return {str(row["id"]) for row in rows}


def test_every_condition_is_known() -> None:
    types = schema._schema.type_map.values()  # pyright: ignore[reportPrivateUsage]
    named = {
        (type_.name, name)
        for type_ in types
        if isinstance(type_, GraphQLInputObjectType) and type_.name.endswith("Filter")
        for name in type_.fields
    }

    logic = {(filter, word) for filter in MEANINGS for word in LOGIC}
    assert named == {*CONDITIONS, *logic}


@pytest.mark.parametrize(("filter", "name"), CONDITIONS)
async def test_a_condition_lets_pass_what_it_says(
    ask: Asking, rows: Rows, filter: str, name: str
) -> None:
    wanted = {name: MEANINGS[filter][name][0]}

    listed, found = await found_by(ask, rows, filter, wanted)

    assert found == ids_of([row for row in listed if passes(filter, wanted, rows, row)])
    assert (0 < len(found) < len(listed)) == ((filter, name) not in ALWAYS)
    _, others = await found_by(ask, rows, filter, {"not": wanted})
    assert others == ids_of(listed) - found


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        {},
        {"search": None},
        {"status": None, "executions": None, "and": None, "or": None, "not": None},
        {"and": []},
        {"and": [{}, {"tags": None}]},
        {"or": [{"status": ["ARCHIVED"]}, {}]},
        {"not": {"or": []}},
    ],
)
async def test_what_is_absent_or_null_asks_for_nothing(
    ask: Asking, rows: Rows, wanted: Data | None
) -> None:
    listed, found = await found_by(ask, rows, "WorkflowFilter", wanted)

    assert found == ids_of(listed)


@pytest.mark.parametrize(
    "wanted",
    [
        {"or": []},
        {"not": {}},
        {"status": []},
        {"tags": []},
        {"and": [{"status": ["DRAFT"]}, {"status": ["ACTIVE"]}]},
        {"executions": {"status": []}},
        {"executions": {"or": []}},
    ],
)
async def test_what_nothing_can_pass_finds_nothing(ask: Asking, rows: Rows, wanted: Data) -> None:
    _, found = await found_by(ask, rows, "WorkflowFilter", wanted)

    assert found == set()


async def test_the_conditions_of_a_related_row_must_hold_of_one_and_the_same_row(
    ask: Asking, rows: Rows
) -> None:
    apart = {
        "and": [
            {"executions": {"status": ["TIMEOUT"]}},
            {"executions": {"triggerType": ["webhook"]}},
        ]
    }
    together = {"executions": {"status": ["TIMEOUT"], "triggerType": ["webhook"]}}

    _, both = await found_by(ask, rows, "WorkflowFilter", apart)
    _, one = await found_by(ask, rows, "WorkflowFilter", together)

    workflows = rows.seen_by(OWNER)["Workflow"]
    for wanted, found in ((apart, both), (together, one)):
        passing = [row for row in workflows if passes("WorkflowFilter", wanted, rows, row)]
        assert found == ids_of(passing)


async def test_filters_lead_on_from_noun_to_noun(ask: Asking, rows: Rows) -> None:
    wanted = {
        "workflows": {
            "not": {"tags": ["even"]},
            "deployments": {"executions": {"logs": {"level": ["ERROR"], "nodeId": None}}},
        }
    }

    listed, found = await found_by(ask, rows, "WorkspaceFilter", wanted)

    assert found == ids_of([row for row in listed if passes("WorkspaceFilter", wanted, rows, row)])
    assert len(found) == 1


def nested(depth: int) -> Data:
    return {"not": nested(depth - 1)} if depth else {}


async def test_a_filter_nests_eight_deep_and_no_deeper(ask: Asking, rows: Rows) -> None:
    query = "query ($filter: WorkflowFilter) { workflows(filter: $filter) { totalCount } }"

    listed, found = await found_by(ask, rows, "WorkflowFilter", nested(8))

    assert found == ids_of(listed)
    assert await ask.code(query, filter={"executions": nested(7)}) is None
    assert await ask.code(query, filter=nested(9)) == "INVALID_INPUT"
    assert await ask.code(query, filter={"executions": nested(8)}) == "INVALID_INPUT"
    assert await ask.code(query, filter=nested(60)) == "INVALID_INPUT"


def some_of(*values: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=2)


def maybe(**conditions: st.SearchStrategy[Any]) -> st.SearchStrategy[Data]:
    """Some of these conditions, some of them null."""
    return st.fixed_dictionaries({}, optional={n: st.none() | c for n, c in conditions.items()})


def joined(filters: st.SearchStrategy[Data]) -> st.SearchStrategy[Data]:
    several = st.lists(filters, max_size=3)
    return maybe(**{"and": several, "or": several, "not": filters})


EXECUTIONS = st.recursive(
    maybe(
        status=some_of("RUNNING", "FAILED", "SUCCESS", "TIMEOUT"),
        triggerType=some_of("manual", "webhook", "schedule"),
        slowerThanMs=st.sampled_from([-1, 0, 10, 20, 2**31 - 1]),
        search=st.sampled_from(["no", "“WAY”", "1", ""]),
    ),
    joined,
    max_leaves=3,
)
WORKFLOWS = st.recursive(
    maybe(
        status=some_of("DRAFT", "ACTIVE", "INACTIVE", "ARCHIVED"),
        tags=some_of("even", 'a "b"', "odd"),
        nodeType=st.sampled_from(["http", "slack", "none"]),
        search=st.sampled_from(["flow 1", "ZWEI", "even", "\\", "", " "]),
        createdSince=st.sampled_from([NOON, NOON + timedelta(hours=5)]),
        executions=EXECUTIONS,
    ),
    joined,
    max_leaves=6,
)


@given(wanted=WORKFLOWS)
@settings(max_examples=60, deadline=None)
async def test_however_conditions_are_joined_those_pass_that_should(
    compiled: Asking, loaders: Asking, rows: Rows, wanted: Data
) -> None:
    workflows = rows.seen_by(OWNER)["Workflow"]
    expected = ids_of([row for row in workflows if passes("WorkflowFilter", wanted, rows, row)])

    assert (await found_by(compiled, rows, "WorkflowFilter", wanted))[1] == expected
    assert (await found_by(loaders, rows, "WorkflowFilter", wanted))[1] == expected


ODD = ["'", '"', "%", "_", "\\", "{}", "{0}", "$1", "::text", "--", "\x00", "\ud800", "\U0001f600"]
ODD_TEXTS = st.text() | st.lists(st.sampled_from(ODD), max_size=4).map("".join)
ODD_FILTERS = st.one_of(
    st.tuples(st.just("WorkflowFilter"), maybe(search=ODD_TEXTS, nodeType=ODD_TEXTS)),
    st.tuples(st.just("WorkflowFilter"), maybe(tags=st.lists(ODD_TEXTS, max_size=3))),
    st.tuples(st.just("ExecutionFilter"), maybe(search=ODD_TEXTS, slowerThanMs=st.integers())),
    st.tuples(st.just("ExecutionFilter"), maybe(triggerType=st.lists(ODD_TEXTS, max_size=3))),
    st.tuples(st.just("DeploymentFilter"), maybe(workflowVersion=st.integers() | st.floats())),
    st.tuples(st.just("WorkspaceFilter"), maybe(search=ODD_TEXTS, planType=st.lists(ODD_TEXTS))),
)


@given(asked=ODD_FILTERS)
@settings(max_examples=100, deadline=None)
async def test_whatever_stands_in_a_value_is_a_value_or_refused(
    compiled: Asking, loaders: Asking, asked: tuple[str, Data]
) -> None:
    filter, wanted = asked
    query = f"query ($filter: {filter}) {{ {WHERE[filter][1]}(filter: $filter) {{ totalCount }} }}"

    for ask in (compiled, loaders):
        assert await ask.code(query, filter=wanted) in (None, "INVALID_INPUT", "INVALID_VARIABLES")


@pytest.mark.parametrize("text", ["\\", "“", "☃", "Ω", "\n\t", 'a "b"'])
async def test_a_text_is_looked_for_as_it_is_written(ask: Asking, rows: Rows, text: str) -> None:
    wanted = {"search": text}

    listed, found = await found_by(ask, rows, "WorkflowFilter", wanted)

    assert found == ids_of([row for row in listed if passes("WorkflowFilter", wanted, rows, row)])


@pytest.mark.parametrize("text", ["%", "_", "'", "$1", "{}", "{0}", "' OR TRUE --", ".*"])
async def test_no_text_has_a_meaning_of_its_own(ask: Asking, rows: Rows, text: str) -> None:
    _, found = await found_by(ask, rows, "WorkflowFilter", {"search": text})

    assert found == set()


MOMENTS = [
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_times_reach_from_the_year_1_to_the_year_9999(
    ask: Asking, rows: Rows, moment: str
) -> None:
    early = moment < "2000"
    for filter, since_, before_ in (
        ("ExecutionFilter", "startedSince", "startedBefore"),
        ("AuditLogFilter", "since", "before"),
        ("LogFilter", "since", "before"),
    ):
        listed, after = await found_by(ask, rows, filter, {since_: moment})
        _, until = await found_by(ask, rows, filter, {before_: moment})

        assert after == (ids_of(listed) if early else set())
        assert until == (set() if early else ids_of(listed))


@pytest.mark.parametrize(
    "moment",
    ["", "now", "infinity", "2026-02-01", "2026-02-01T00:00:00", "2026-02-30T00:00:00Z", 0, True],
)
async def test_what_is_no_moment_is_refused(ask: Asking, moment: Any) -> None:
    query = "query ($filter: WorkflowFilter) { workflows(filter: $filter) { totalCount } }"

    assert await ask.code(query, filter={"createdSince": moment}) == "INVALID_VARIABLES"
