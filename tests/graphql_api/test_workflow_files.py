"""Workflows as files, and what an integration or a type of node is used by."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from db.session import Database, Viewer
from tests import sample
from tests.graphql_api.asking import Asking

if TYPE_CHECKING:
    from asyncpg import Connection, Record

Data = dict[str, Any]

WHO = sample.viewers(1)
EDITOR = WHO["editor"]
TEAM = str(sample.of("workspace 1"))
KEY = Viewer(api_key_id=sample.of("key 1 1"))

EXPORT = """query ($id: ID!, $format: ExportFormat! = DEFINITION, $version: Int) {
  workflowExport(workflowId: $id, format: $format, version: $version) { fileName content }
}"""
IMPORT = """mutation ($input: ImportWorkflowInput!) {
  importWorkflow(input: $input) {
    errors { code ... on ImportRefusedError { problems { code pointer } } }
    workflow { name description tags definition }
  }
}"""
CREATE = """mutation ($input: CreateWorkflowInput!) {
  createWorkflow(input: $input) { errors { code } workflow { databaseId } }
}"""
UPDATE = """mutation ($input: UpdateWorkflowInput!) {
  updateWorkflow(input: $input) { errors { code } }
}"""
DEPLOY = """mutation ($id: ID!, $version: Int) {
  setWorkflowStatus(input: {workflowId: $id, status: ACTIVE}) { errors { code } }
  deployWorkflow(input: {workflowId: $id, environment: STAGING, version: $version}) {
    errors { code } deployment { databaseId }
  }
  claimDeployment(input: {workflowId: $id}) { errors { code } deployment { databaseId } }
}"""
USAGE = """query ($ws: ID!, $type: String, $service: String, $integration: ID) {
  integrationUsage(
    workspaceId: $ws, nodeType: $type, service: $service, integrationId: $integration
  ) {
    workflows { databaseId } deployments { databaseId } apiKeys { databaseId }
  }
}"""


def drawing(kind: str = "webhook", **config: Any) -> Data:
    return {"nodes": [{"id": "in", "type": kind, "name": "In", "config": config}], "edges": []}


@pytest.fixture(scope="module")
def platform(
    own_database: Database,
    own_superuser: "Connection[Record]",
    asking: Callable[..., Asking],
) -> "tuple[Asking, Asking, Connection[Record]]":
    return asking(own_database, "loaders"), asking(own_database, "compiled"), own_superuser


@pytest.fixture
def ask(platform: Any) -> Asking:
    return platform[0]


async def made(ask: Asking, definition: Data, name: str = "Flow", **given: Any) -> str:
    whole = {"workspaceId": TEAM, "name": name, "definition": definition, **given}
    payload = (await ask(CREATE, EDITOR, input=whole))["createWorkflow"]
    assert payload["errors"] == []
    return payload["workflow"]["databaseId"]


class TestFiles:
    async def test_what_is_exported_as_ours_is_the_same_when_it_is_imported(
        self, ask: Asking
    ) -> None:
        definition = drawing(path="/a", limit=1.5)
        id = await made(ask, definition, "Orders / “all”", description="Said", tags=["a", "b"])

        file = (await ask(EXPORT, WHO["viewer"], id=id))["workflowExport"]
        given = {"workspaceId": TEAM, "source": file["content"], "format": "DEFINITION"}
        payload = (await ask(IMPORT, EDITOR, input=given))["importWorkflow"]

        assert file["fileName"] == "Orders-all.json"
        assert payload["errors"] == []
        assert payload["workflow"] == {
            "name": "Orders / “all”",
            "description": "Said",
            "tags": ["a", "b"],
            "definition": definition,
        }

    async def test_a_bare_definition_is_imported_under_the_name_given(self, ask: Asking) -> None:
        source = json.dumps(drawing())
        given = {"workspaceId": TEAM, "source": source, "format": "DEFINITION", "name": "Bare"}

        payload = (await ask(IMPORT, EDITOR, input=given))["importWorkflow"]

        assert (payload["errors"], payload["workflow"]["name"]) == ([], "Bare")

    @pytest.mark.parametrize(
        ("source", "problem"),
        [
            ("{", {"code": "NOT_JSON", "pointer": ""}),
            ('{"definition": {"edges": []}}', {"code": "MISSING_KEY", "pointer": "/definition"}),
            ('{"edges": []}', {"code": "MISSING_KEY", "pointer": ""}),
        ],
    )
    async def test_what_is_no_file_of_ours_is_refused_with_its_place(
        self, ask: Asking, source: str, problem: Data
    ) -> None:
        given = {"workspaceId": TEAM, "source": source, "format": "DEFINITION"}

        [error] = (await ask(IMPORT, EDITOR, input=given))["importWorkflow"]["errors"]

        assert (error["code"], error["problems"]) == ("IMPORT_REFUSED", [problem])

    async def test_an_earlier_version_is_exported_for_n8n(self, ask: Asking) -> None:
        id = await made(ask, drawing(path="/a"))
        change = {"workflowId": id, "expectedVersion": 1, "definition": drawing(path="/b")}
        await ask(UPDATE, EDITOR, input=change)

        file = (await ask(EXPORT, id=id, format="N8N", version=1))["workflowExport"]

        found = json.loads(file["content"])
        assert file["fileName"] == "Flow.n8n.json"
        assert found["nodes"][0]["parameters"] == {"path": "/a"}
        assert found["connections"] == {}

    async def test_what_n8n_has_no_form_for_is_not_exported(self, ask: Asking) -> None:
        twice = [{"id": str(n), "type": "webhook", "name": "Same"} for n in range(2)]
        id = await made(ask, {"nodes": twice})

        assert await ask.code(EXPORT, id=id, format="N8N") == "EXPORT_REFUSED"

    async def test_nobody_exports_what_they_may_not_see(self, ask: Asking) -> None:
        id = await made(ask, drawing())

        assert await ask.code(EXPORT, WHO["stranger"], id=id) == "NOT_FOUND"
        assert await ask.code(EXPORT, id=id, version=7) == "NOT_FOUND"


class TestUsage:
    async def used(self, platform: Any, viewer: Viewer = WHO["owner"], **what: Any) -> Data | None:
        """The ids of what is found, along both paths."""
        answers = [await ask(USAGE, viewer, ws=TEAM, **what) for ask in platform[:2]]
        assert answers[0] == answers[1]
        found = answers[0]["integrationUsage"]
        return found and {key: {row["databaseId"] for row in rows} for key, rows in found.items()}

    async def test_a_type_of_node_is_found_where_it_is_drawn_and_where_it_runs(
        self, platform: Any
    ) -> None:
        ask, kind = platform[0], f"type.{uuid4()}"
        now, before = await made(ask, drawing(kind)), await made(ask, drawing(kind))
        change = {"workflowId": before, "expectedVersion": 1, "definition": drawing("other")}
        await ask(UPDATE, EDITOR, input=change)
        deployed = await ask(DEPLOY, KEY, id=before, version=1)

        found = await self.used(platform, type=kind)

        assert found == {
            "workflows": {now},
            "deployments": {deployed["deployWorkflow"]["deployment"]["databaseId"]},
            "apiKeys": {str(KEY.api_key_id)},
        }

    async def test_an_integration_is_found_however_nodes_name_it(self, platform: Any) -> None:
        ask, superuser = platform[0], platform[2]
        id = str(sample.of("integration 1 3"))
        service, account = await superuser.fetchrow(
            "SELECT service_name, account_name FROM integrations WHERE id = $1",
            sample.of("integration 1 3"),
        )
        by_id, by_service, by_account, other = [
            await made(ask, drawing(integration=name))
            for name in (id, service, f"{service}/{account}", f"{service}/another")
        ]

        deep = await made(ask, drawing(steps=[{"with": {"account": id}}]))

        one = await self.used(platform, integration=id)
        every = await self.used(platform, service=service)

        assert one is not None
        assert every is not None
        assert one["workflows"] == every["workflows"] == {
            *(by_id, by_service, by_account, deep),
        }
        assert other not in every["workflows"]

    async def test_who_may_not_see_it_is_told_of_nothing(self, platform: Any) -> None:
        mine = await self.used(platform, WHO["viewer"], type="http")
        theirs = await self.used(platform, WHO["key for workflows"], type="http")

        assert mine is not None
        assert (bool(mine["workflows"]), mine["apiKeys"]) == (True, set())
        assert theirs is None
        for viewer in (WHO["stranger"], WHO["nobody"]):
            assert await self.used(platform, viewer, type="http") is None

    async def test_an_integration_of_another_workspace_is_none(self, platform: Any) -> None:
        assert await self.used(platform, integration=str(sample.of("integration 2 3"))) is None

    @pytest.mark.parametrize("what", [{}, {"type": "a", "service": "b"}])
    async def test_one_thing_is_asked_for_at_a_time(self, platform: Any, what: Data) -> None:
        for ask in platform[:2]:
            assert await ask.code(USAGE, ws=TEAM, **what) == "INVALID_INPUT"

    async def test_containment_is_not_leakproof_so_a_policy_would_keep_it_from_the_index(
        self, platform: Any
    ) -> None:
        leakproof = "SELECT proleakproof FROM pg_proc WHERE proname = 'jsonb_contains'"
        assert await platform[2].fetchval(leakproof) is False

    async def test_it_is_read_from_the_index_on_nodes(self, platform: Any) -> None:
        superuser = platform[2]
        async with superuser.transaction():
            await superuser.execute("SET LOCAL ROLE app_definer")
            await superuser.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off"
            )
            plan = await superuser.fetch(
                """
                EXPLAIN (COSTS OFF)
                SELECT DISTINCT w.id
                  FROM jsonb_array_elements('[[{"type": "http"}]]') node
                  JOIN public.workflows w ON w.definition -> 'nodes' @> node
                 WHERE w.deleted_at IS NULL
                """
            )

        assert "idx_workflows_definition_nodes" in "\n".join(row[0] for row in plan)
