"""Who sees which rows: those that the rights of the house give, and no other, however asked for."""

import asyncio
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any
from uuid import UUID

import pytest

from db.secrets import Secrets
from db.session import Database, Seal, Viewer, connect
from tests import sample
from tests.graph import BONDS, ROOT_LISTS, TABLES, Row, Rows, global_id
from tests.graphql_api.asking import OWNER, PAGES, Asking, leading_fields

VIEWERS = sample.viewers(1)
OTHERS = sample.viewers(2)
EVERYBODY = pytest.mark.parametrize("viewer", VIEWERS.values(), ids=VIEWERS)
MOST_IDS = 100
MOST_PARENTS = 9

NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename databaseId } }"

LISTS = """
query ($ids: [ID!]! = []) {
    nodes(ids: $ids) { __typename }
    workspaces(first: 500) { totalCount nodes { databaseId } }
    workflows(first: 500) { totalCount nodes { databaseId } }
    deployments(first: 500) { totalCount nodes { databaseId } }
    executions(first: 500) { totalCount nodes { databaseId } }
    viewer { workspaces(first: 500) { totalCount nodes { databaseId } } }
}
"""


def some(rows: list[Row], most: int) -> list[Row]:
    """The rows, or as many of them evenly spread."""
    return rows[:: -(-len(rows) // most)] if rows else []


def ids_of(rows: Iterable[Row]) -> set[str]:
    return {str(row["id"]) for row in rows}


def ids_in(answer: dict[str, Any] | None) -> set[str]:
    """The database ids of a connection, or of a thing that may be null."""
    if answer is None:
        return set()
    found = answer.get("nodes", [answer])
    ids = [node["databaseId"] for node in found]
    assert len(ids) == len(set(ids))
    return set(ids)


def test_the_map_of_the_graph_holds_every_field_that_leads_to_rows() -> None:
    in_numbers = {
        *("Viewer.dashboard", "Workflow.statistics", "Workflow.statisticsByTime"),
        *("Workflow.performance", "Workflow.performanceByVersion"),
        "Workflow.performanceByNode",
        *("Execution.timeline", "NodeTimeline.firstLine", "NodeTimeline.lastLine"),
    }
    used = {
        "Query.integrationUsage",
        *(f"IntegrationUsage.{name}" for name in ("workflows", "deployments", "apiKeys")),
    }
    reported = {"Deployment.tools", "Deployment.toolChanges"}
    in_the_bin = {"Workspace.deletedWorkflows", "DeletedWorkflow.createdBy"}
    of_who_asks = {
        *("Query.viewer", "Viewer.user", "Viewer.apiKey", "Query.workspaceBySlug"),
        "Query.explainAccess",
        *("Viewer.invitations", "Viewer.ownershipOffers", "Viewer.deletedWorkspaces"),
        *("Viewer.rateLimit", "ApiKey.usage", "Workspace.settings", "Workspace.usage"),
        *("Viewer.sessions", "Viewer.identities"),
    }

    others = in_numbers | used | reported | in_the_bin | of_who_asks
    assert {*BONDS, *ROOT_LISTS, *others} == set(leading_fields())


@EVERYBODY
async def test_a_global_id_shows_a_row_to_those_who_may_see_it(
    ask: Asking, rows: Rows, viewer: Viewer
) -> None:
    asked = [(type_, row) for type_ in TABLES for row in some(rows.of(type_), 30)]
    found: list[Any] = []
    for start in range(0, len(asked), MOST_IDS):
        ids = [global_id(*each) for each in asked[start : start + MOST_IDS]]
        found += (await ask(NODES, viewer, ids=ids))["nodes"]

    seen = {type_: ids_of(visible) for type_, visible in rows.seen_by(viewer).items()}
    assert found == [
        {"__typename": type_, "databaseId": str(row["id"])}
        if str(row["id"]) in seen[type_]
        else None
        for type_, row in asked
    ]


@EVERYBODY
async def test_a_list_of_all_holds_what_the_viewer_may_see(
    ask: Asking, rows: Rows, viewer: Viewer
) -> None:
    data = await ask(LISTS, viewer)

    del data["nodes"]
    asking = data.pop("viewer") or {"workspaces": data["workspaces"]}
    found = {f"Query.{name}": page for name, page in data.items()} | {
        f"Viewer.{name}": page for name, page in asking.items()
    }
    seen = rows.seen_by(viewer)
    assert {name: ids_in(page) for name, page in found.items()} == {
        name: ids_of(seen[type_]) for name, type_ in ROOT_LISTS.items()
    }
    assert all(page["totalCount"] == len(page["nodes"]) for page in found.values())


@EVERYBODY
async def test_a_field_leads_to_the_rows_that_the_viewer_may_see_and_to_no_other(
    ask: Asking, rows: Rows, viewer: Viewer
) -> None:
    seen = rows.seen_by(viewer)
    visible = {type_: ids_of(found) for type_, found in seen.items()}
    for type_ in TABLES:
        parents = some(seen[type_], MOST_PARENTS)
        fields = [name.split(".")[1] for name in BONDS if name.startswith(f"{type_}.")]
        found = await ask(nested(type_, fields), viewer, ids=[global_id(type_, p) for p in parents])

        for parent, node in zip(parents, found["nodes"], strict=True):
            for field in fields:
                bond = f"{type_}.{field}"
                behind = ids_of(rows.behind(bond, parent)) & visible[BONDS[bond].target]
                assert ids_in(node[field]) == behind, (bond, parent["id"])


def nested(type_: str, fields: list[str]) -> str:
    lists = (
        f"{field}(first: 500) {{ nodes {{ databaseId }} }}"
        if f"{type_}.{field}" in PAGES
        else f"{field} {{ databaseId }}"
        for field in fields
    )
    return (
        "query ($ids: [ID!]!) { nodes(ids: $ids) {"
        f" ... on {type_} {{ databaseId {' '.join(lists)} }} }} }}"
    )


@EVERYBODY
async def test_a_row_is_looked_up_by_those_who_may_see_it(
    ask: Asking, rows: Rows, viewer: Viewer
) -> None:
    seen = rows.seen_by(viewer)
    for lookup in ("workspace", "workflow", "deployment", "execution", "node"):
        type_ = "ApiKey" if lookup == "node" else lookup.capitalize()
        query = f"query ($id: ID!) {{ {lookup}(id: $id) {{ databaseId }} }}"
        for row in some(rows.of(type_), 3):
            data = await ask(query, viewer, id=global_id(type_, row))
            assert ids_in(data[lookup]) == ids_of([row]) & ids_of(seen[type_])


@EVERYBODY
async def test_a_slug_finds_a_workspace_for_those_who_may_see_it(
    ask: Asking, rows: Rows, viewer: Viewer
) -> None:
    visible = {row["slug"] for row in rows.seen_by(viewer)["Workspace"]}
    query = "query ($slug: String!) { workspaceBySlug(slug: $slug) { slug } }"
    for slug in ("team-1", "team-2", "spare-1"):
        found = (await ask(query, viewer, slug=slug))["workspaceBySlug"]
        assert (found and found["slug"]) == (slug if slug in visible else None)


@EVERYBODY
async def test_numbers_count_what_the_viewer_may_see(
    ask: Asking, rows: Rows, viewer: Viewer
) -> None:
    data = await ask(
        """
        {
            viewer { dashboard { totalWorkspaces totalWorkflows activeWorkflows totalExecutions } }
            workflows(first: 500) {
                nodes {
                    databaseId totalExecutions successfulExecutions
                    statistics { totalExecutions failedExecutions }
                    statisticsByTime(since: "2026-01-01T00:00:00Z", bucket: MONTH) {
                        totalExecutions failedExecutions
                    }
                }
            }
        }
        """,
        viewer,
    )

    seen = rows.seen_by(viewer)
    executions = ids_of(seen["Execution"])
    for workflow, node in zip(
        sorted(seen["Workflow"], key=lambda row: row["id"]),
        sorted(data["workflows"]["nodes"], key=lambda node: UUID(node["databaseId"])),
        strict=True,
    ):
        ran = rows.behind("Workflow.executions", workflow)
        shown = [row for row in ran if str(row["id"]) in executions]
        assert node["totalExecutions"] == node["statistics"]["totalExecutions"] == len(ran)
        assert node["successfulExecutions"] == ended(ran, "success")
        assert node["statistics"]["failedExecutions"] == ended(ran, "failed")
        by_time = node["statisticsByTime"]
        assert sum(bucket["totalExecutions"] for bucket in by_time) == len(shown)
        assert sum(bucket["failedExecutions"] for bucket in by_time) == ended(shown, "failed")

    counted = {
        "totalWorkspaces": len(seen["Workspace"]),
        "totalWorkflows": len(seen["Workflow"]),
        "activeWorkflows": sum(row["status"] == "active" for row in seen["Workflow"]),
        "totalExecutions": sum(
            len(rows.behind("Workflow.executions", row)) for row in seen["Workflow"]
        ),
    }
    asking = data["viewer"] or {"dashboard": None}
    assert asking["dashboard"] == (counted if viewer.user_id else None)


def ended(executions: Iterable[Row], status: str) -> int:
    return sum(row["status"] == status for row in executions)


@EVERYBODY
async def test_the_viewer_is_who_asks(ask: Asking, rows: Rows, viewer: Viewer) -> None:
    data = await ask("{ viewer { user { databaseId } apiKey { databaseId } } }", viewer)

    seen = rows.seen_by(viewer)
    asking = data["viewer"]
    assert (asking is None) == (viewer == Viewer())
    if asking:
        assert ids_in(asking["user"]) == {str(viewer.user_id)} & ids_of(seen["User"])
        assert ids_in(asking["apiKey"]) == {str(viewer.api_key_id)} & ids_of(seen["ApiKey"])


async def test_a_filter_finds_nothing_by_rows_that_the_viewer_may_not_see(
    ask: Asking, rows: Rows
) -> None:
    """Else a key that may read no executions could ask its way to what they say."""
    key = VIEWERS["key for workflows"]
    query = """
        query ($filter: WorkflowFilter) {
            workflows(filter: $filter) { totalCount nodes { databaseId } }
        }
    """

    has = await ask(query, key, filter={"executions": {}})
    has_not = await ask(query, key, filter={"not": {"executions": {}}})

    assert has["workflows"] == {"totalCount": 0, "nodes": []}
    assert has_not["workflows"]["totalCount"] == len(rows.seen_by(key)["Workflow"])


class Settings(Seal):
    """Seals every viewer with these settings."""

    def __init__(self, user: str, key: str, proof: str) -> None:
        self._settings = user, key, proof

    def settings(self, viewer: Viewer) -> tuple[str, str, str]:
        return self._settings


async def test_whoever_cannot_prove_who_asks_is_nobody(
    asking: Callable[..., Asking],
    ask: Asking,
    rows: Rows,
    sample_database: Database,
    secrets: Secrets,
) -> None:
    user, key = str(OWNER.user_id), str(VIEWERS["key"].api_key_id)
    proof = Seal(secrets).settings(OWNER)[2]
    foreign = Seal(Secrets("some other secret, as long as it has to be")).settings(OWNER)[2]
    ids = [global_id(type_, row) for type_ in TABLES for row in some(rows.of(type_), 6)]
    for settings in (
        ("", "", ""),
        ("", "", proof),
        ("not a uuid", "", proof),
        ("not a uuid of thirty-six characters..", "", proof),
        ("' OR true --", "", proof),
        (user, "", ""),
        (user, "", "nonsense"),
        (user, "", foreign),
        (user, "", "0000000001" + proof[10:]),
        (user, "", "9999999999" + proof[10:]),
        (str(OTHERS["owner"].user_id), "", proof),
        (user.upper(), "", proof),
        ("", user, proof),
        ("", key, proof),
        (user, key, proof),
    ):
        unsealed = copy(sample_database)
        unsealed.seal = Settings(*settings)
        nobody = asking(unsealed, ask.path)

        data = await nobody(LISTS, ids=ids)

        assert data.pop("viewer") is None
        assert data.pop("nodes") == [None] * len(ids)
        assert list(data.values()) == [{"totalCount": 0, "nodes": []}] * 4


async def test_a_thousand_requests_of_two_teams_over_one_connection_leak_nothing(
    asking: Callable[..., Asking], rows: Rows, sample_url: str, secrets: Secrets
) -> None:
    query = """
        {
            viewer { user { databaseId } apiKey { databaseId } }
            workspaces { nodes { databaseId } }
            workflows(first: 3) { nodes { databaseId } }
        }
    """
    asked = [OWNER, OTHERS["key"], VIEWERS["viewer"], OTHERS["owner"], VIEWERS["key"], Viewer()]
    async with connect(sample_url, secrets, size=1) as one:
        patient = copy(one)
        patient.api.patience = 60
        by_plan, by_loaders = asking(patient, "compiled"), asking(patient, "loaders")
        alone = [await by_plan(query, viewer) for viewer in asked]
        answers = await asyncio.gather(
            *(
                (by_loaders if n % 7 == 0 else by_plan)(query, asked[n % len(asked)])
                for n in range(1000)
            )
        )

    assert answers == [alone[n % len(asked)] for n in range(1000)]
    for viewer, answer in zip(asked, alone, strict=True):
        assert ids_in(answer["workspaces"]) <= ids_of(rows.seen_by(viewer)["Workspace"])
        assert ids_in(answer["workflows"]) <= ids_of(rows.seen_by(viewer)["Workflow"])
    assert not ids_in(alone[0]["workflows"]) & ids_in(alone[3]["workflows"])
