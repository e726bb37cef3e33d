"""Deployments from being asked for to being up, promoted, gone back on and taken down."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from db.session import Database, Viewer
from tests import sample
from tests.graphql_api.asking import Asking
from tests.graphql_api.test_client_guide import OPERATIONS

if TYPE_CHECKING:
    from asyncpg import Connection, Record

Data = dict[str, Any]

WHO = sample.viewers(1)
EDITOR = WHO["editor"]
KEY = Viewer(api_key_id=sample.of("key 1 1"))
TEAM = str(sample.of("workspace 1"))
URL = "https://mcp.example.org/flow"
DEFINITION = {"nodes": [{"id": "in", "type": "webhook", "name": "In"}], "edges": []}

numbers = count(1)

DEPLOYMENT = """deployment {
  databaseId status statusReason origin environment mcpServerUrl workflowVersion config claimedAt
  deployedAt healthStatus deploymentVersion source { databaseId }
  tools { name description inputSchema } toolChanges { tool code breaking pointer }
  events(orderBy: OLDEST) { nodes { status message user { databaseId } } }
}"""
INPUTS = {
    "deployWorkflow": "DeployWorkflowInput",
    "promoteDeployment": "PromoteDeploymentInput",
    "rollbackDeployment": "RollbackDeploymentInput",
    "redeploy": "RedeployInput",
    "stopDeployment": "StopDeploymentInput",
    "claimDeployment": "ClaimDeploymentInput",
    "reportDeployment": "ReportDeploymentInput",
    "heartbeatDeployment": "HeartbeatDeploymentInput",
}
MORE = {"claimDeployment": "attempt", "heartbeatDeployment": "status"}


def document(name: str) -> str:
    fields = f"errors {{ __typename code message path }} {MORE.get(name, '')} {DEPLOYMENT}"
    return f"mutation ($input: {INPUTS[name]}!) {{ {name}(input: $input) {{ {fields} }} }}"


def tool(name: str, **properties: Data) -> Data:
    return {"name": name, "inputSchema": {"type": "object", "properties": properties}}


@dataclass
class Platform:
    ask: Asking
    superuser: "Connection[Record]"

    async def __call__(self, name: str, viewer: Viewer = EDITOR, /, **given: Any) -> Data:
        """The payload of a mutation."""
        return (await self.ask(document(name), viewer, input=given))[name]

    async def done(self, name: str, viewer: Viewer = EDITOR, /, **given: Any) -> Data:
        payload = await self(name, viewer, **given)
        assert payload["errors"] == []
        return payload

    async def refused(self, name: str, viewer: Viewer = EDITOR, /, **given: Any) -> Data:
        """The one error of a mutation."""
        (error,) = (await self(name, viewer, **given))["errors"]
        return error

    async def workflow(self, status: str = "ACTIVE", definition: Data = DEFINITION) -> str:
        """A new workflow with two versions."""
        create = """mutation ($input: CreateWorkflowInput!) {
          createWorkflow(input: $input) { errors { code } workflow { databaseId } }
        }"""
        given = {"workspaceId": TEAM, "name": f"Flow {next(numbers)}", "definition": definition}
        id = (await self.ask(create, input=given))["createWorkflow"]["workflow"]["databaseId"]
        prepare = """mutation ($id: ID!, $status: WorkflowStatus!, $definition: JSON!) {
          updateWorkflow(
            input: {workflowId: $id, expectedVersion: 1, definition: $definition}
          ) { errors { code } }
          setWorkflowStatus(input: {workflowId: $id, status: $status}) { errors { code } }
        }"""
        later = {**definition, "config": {"later": True}}
        await self.ask(prepare, id=id, status=status, definition=later)
        return id

    async def waiting(self, flow: str | None = None, **given: Any) -> str:
        """A new deployment, which waits for a runtime."""
        whole = {"workflowId": flow or await self.workflow(), "environment": "STAGING", **given}
        return (await self.done("deployWorkflow", **whole))["deployment"]["databaseId"]

    async def up(self, flow: str | None = None, tools: Any = None, **given: Any) -> str:
        """A new deployment, which is up."""
        id = await self.waiting(flow, **given)
        await self.done("reportDeployment", deploymentId=id, url=URL, tools=tools)
        return id

    async def read(self, id: str) -> Data:
        found = DEPLOYMENT.replace("deployment {", "deployment(id: $id) {", 1)
        return (await self.ask(f"query ($id: ID!) {{ {found} }}", id=id))["deployment"]

    async def nothing_waits(self) -> None:
        await self.superuser.execute(
            "UPDATE deployments SET status = 'stopped' WHERE status = 'deploying'"
        )

    async def statuses(self, *ids: str) -> list[str]:
        return [(await self.read(id))["status"] for id in ids]


@pytest.fixture(scope="module")
def platform(
    own_database: Database,
    own_superuser: "Connection[Record]",
    asking: Callable[..., Asking],
) -> Platform:
    return Platform(asking(own_database, "loaders"), own_superuser)


class TestDeploying:
    async def test_a_version_waits_for_a_runtime(self, platform: Platform) -> None:
        flow = await platform.workflow()

        payload = await platform.done(
            "deployWorkflow",
            workflowId=flow,
            version=1,
            environment="PRODUCTION",
            config={"memoryMb": 512},
            name="1.0.0",
        )

        found = payload["deployment"]
        assert (found["status"], found["origin"]) == ("DEPLOYING", "DEPLOY")
        assert (found["environment"], found["workflowVersion"]) == ("PRODUCTION", 1)
        assert (found["config"], found["deploymentVersion"]) == ({"memoryMb": 512}, "1.0.0")
        assert (found["mcpServerUrl"], found["claimedAt"], found["tools"]) == (None, None, [])
        assert [event["status"] for event in found["events"]["nodes"]] == ["DEPLOYING"]
        assert found["events"]["nodes"][0]["user"]["databaseId"] == str(EDITOR.user_id)

    @pytest.mark.parametrize("status", ["DRAFT", "INACTIVE", "ARCHIVED"])
    async def test_only_an_active_workflow_is_deployed(
        self, platform: Platform, status: str
    ) -> None:
        flow = await platform.workflow(status)

        error = await platform.refused("deployWorkflow", workflowId=flow, environment="STAGING")

        assert (error["code"], error["path"]) == ("CONFLICT", ["input", "workflowId"])

    async def test_a_workflow_without_a_node_is_not_deployed(self, platform: Platform) -> None:
        flow = await platform.workflow(definition={"nodes": [], "edges": []})
        before = await platform.superuser.fetchval("SELECT count(*) FROM deployments")

        error = await platform.refused("deployWorkflow", workflowId=flow, environment="STAGING")

        assert error["__typename"] == "InvalidDefinitionError"
        assert await platform.superuser.fetchval("SELECT count(*) FROM deployments") == before

    @pytest.mark.parametrize(
        ("given", "code", "path"),
        [
            ({"version": 3}, "NOT_FOUND", ["input", "version"]),
            ({"config": [1]}, "INVALID_INPUT", ["input", "config"]),
            ({"config": {"x": "y" * 70_000}}, "INVALID_INPUT", ["input", "config"]),
            ({"name": "x" * 51}, "INVALID_INPUT", ["input", "name"]),
            ({"workflowId": str(uuid4())}, "NOT_FOUND", ["input", "workflowId"]),
        ],
    )
    async def test_what_cannot_be_deployed_is_refused_by_its_name(
        self, platform: Platform, given: Data, code: str, path: list[str]
    ) -> None:
        whole = {"workflowId": await platform.workflow(), "environment": "STAGING", **given}

        error = await platform.refused("deployWorkflow", **whole)

        assert (error["code"], error["path"]) == (code, path)

    async def test_one_that_waits_gives_way_to_the_next_and_what_is_up_stays(
        self, platform: Platform
    ) -> None:
        flow = await platform.workflow()
        live = await platform.up(flow)
        elsewhere = await platform.up(flow, environment="PRODUCTION")
        first = await platform.waiting(flow)

        second = await platform.waiting(flow)

        assert await platform.statuses(live, elsewhere, first, second) == [
            *("DEPLOYED", "DEPLOYED", "STOPPED", "DEPLOYING"),
        ]

    @pytest.mark.parametrize("_round", range(3))
    async def test_of_several_deployed_at_once_one_waits(
        self, platform: Platform, _round: int
    ) -> None:
        flow = await platform.workflow()

        ids = await asyncio.gather(*(platform.waiting(flow) for _ in range(6)))

        assert sorted(await platform.statuses(*ids)) == ["DEPLOYING"] + ["STOPPED"] * 5


class TestClaiming:
    async def test_a_runtime_takes_what_waits_with_its_key(self, platform: Platform) -> None:
        flow = await platform.workflow()
        id = await platform.waiting(flow)

        taken = await platform.done("claimDeployment", KEY, workflowId=flow)
        again = await platform.done("claimDeployment", KEY, workflowId=flow)

        assert (taken["deployment"]["databaseId"], taken["attempt"]) == (id, 1)
        assert taken["deployment"]["claimedAt"] is not None
        assert (again["deployment"], again["attempt"]) == (None, None)
        key = await platform.superuser.fetchval(
            "SELECT runtime_key_id FROM deployments WHERE id = $1", UUID(id)
        )
        assert key == KEY.api_key_id

    @pytest.mark.parametrize("_round", range(3))
    async def test_each_of_several_runtimes_gets_another(
        self, platform: Platform, _round: int
    ) -> None:
        await platform.nothing_waits()
        flows = [await platform.workflow() for _ in range(3)]
        ids = {
            await platform.waiting(flow, environment=place)
            for flow in flows
            for place in ("STAGING", "DEVELOPMENT")
        }

        payloads = await asyncio.gather(*(platform.done("claimDeployment", KEY) for _ in range(9)))

        taken = [each["deployment"]["databaseId"] for each in payloads if each["deployment"]]
        assert len(taken) == len(ids)
        assert set(taken) == ids

    async def test_who_was_silent_for_longer_than_the_lease_is_followed_by_another(
        self, platform: Platform
    ) -> None:
        flow = await platform.workflow()
        id = await platform.waiting(flow)
        await platform.done("claimDeployment", KEY, workflowId=flow, leaseSeconds=30)
        await platform.done("heartbeatDeployment", KEY, deploymentId=id, attempt=1)
        assert (await platform.done("claimDeployment", workflowId=flow))["deployment"] is None
        await platform.superuser.execute(
            "UPDATE deployments SET claimed_at = claimed_at - interval '31 seconds',"
            " last_health_check = last_health_check - interval '31 seconds' WHERE id = $1",
            UUID(id),
        )

        second = await platform.done("claimDeployment", KEY, workflowId=flow)
        error = await platform.refused("reportDeployment", deploymentId=id, url=URL, attempt=1)

        assert second["attempt"] == 2
        assert (error["code"], error["path"]) == ("CONFLICT", ["input", "attempt"])
        await platform.done("reportDeployment", deploymentId=id, url=URL, attempt=2)

    @pytest.mark.parametrize("seconds", [4, 86_401])
    async def test_a_lease_has_bounds(self, platform: Platform, seconds: int) -> None:
        error = await platform.refused("claimDeployment", leaseSeconds=seconds)

        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "leaseSeconds"])


class TestReporting:
    async def test_what_comes_up_takes_the_place_of_what_was(self, platform: Platform) -> None:
        flow = await platform.workflow()
        first = await platform.up(flow, version=1)
        second = await platform.waiting(flow)

        payload = await platform.done(
            "reportDeployment",
            KEY,
            deploymentId=second,
            url=URL,
            healthCheckUrl=f"{URL}/health",
            healthStatus="healthy",
            tools=[{**tool("look_up"), "description": "Looks"}],
        )

        found = payload["deployment"]
        assert (found["status"], found["mcpServerUrl"]) == ("DEPLOYED", URL)
        assert (found["healthStatus"], found["deployedAt"] is None) == ("healthy", False)
        assert [(each["name"], each["description"]) for each in found["tools"]] == [
            ("look_up", "Looks")
        ]
        before = await platform.read(first)
        assert (before["status"], before["statusReason"]) == (
            "STOPPED",
            "Version 2 took its place.",
        )
        assert [event["status"] for event in before["events"]["nodes"]] == [
            *("DEPLOYING", "DEPLOYED", "STOPPED"),
        ]

    @pytest.mark.parametrize("_round", range(3))
    async def test_of_those_that_come_up_at_once_one_is_up(
        self, platform: Platform, _round: int
    ) -> None:
        flow = await platform.workflow()
        ids = [await platform.up(flow), await platform.waiting(flow)]

        await asyncio.gather(
            *(platform("reportDeployment", deploymentId=id, url=URL) for id in ids * 3),
            *(platform("heartbeatDeployment", deploymentId=id) for id in ids),
        )

        assert await platform.statuses(*ids) == ["STOPPED", "DEPLOYED"]

    async def test_without_an_address_nothing_is_up(self, platform: Platform) -> None:
        id = await platform.waiting()

        error = await platform.refused("reportDeployment", deploymentId=id)

        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "url"])
        assert await platform.statuses(id) == ["DEPLOYING"]

    @pytest.mark.parametrize(
        "url", ["ftp://x", "https://", "https://u:p@host/", "https://a b/", "x" * 501, "http://[::"]
    )
    async def test_what_is_no_address_is_refused(self, platform: Platform, url: str) -> None:
        error = await platform.refused(
            "reportDeployment", deploymentId=await platform.waiting(), url=url
        )

        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "url"])

    @pytest.mark.parametrize(
        ("tools", "path"),
        [
            ([tool("a b")], ["0", "name"]),
            ([tool("a"), tool("a")], ["1", "name"]),
            ([{"name": "a", "inputSchema": {"type": "string"}}], ["0", "inputSchema"]),
            ([{"name": "a", "inputSchema": [1]}], ["0", "inputSchema"]),
            ([tool(f"t{n}") for n in range(201)], []),
        ],
    )
    async def test_tools_that_cannot_be_kept_are_refused_by_their_place(
        self, platform: Platform, tools: list[Data], path: list[str]
    ) -> None:
        error = await platform.refused(
            "reportDeployment", deploymentId=await platform.waiting(), url=URL, tools=tools
        )

        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "tools", *path])

    async def test_breaking_changes_are_named(self, platform: Platform) -> None:
        flow = await platform.workflow()
        await platform.up(flow, [tool("find", x={"type": "number"}), tool("gone")])

        id = await platform.up(flow, [tool("find", x={"type": "integer"}), tool("new")])

        found = await platform.read(id)
        assert [(c["tool"], c["code"], c["breaking"]) for c in found["toolChanges"]] == [
            ("find", "TYPE_NARROWED", True),
            ("gone", "TOOL_REMOVED", True),
            ("new", "TOOL_ADDED", False),
        ]
        assert "Breaking changes: find/properties/x/type" in found["events"]["nodes"][-1]["message"]

    async def test_a_failure_is_told_without_its_secrets_and_leaves_what_is_up(
        self, platform: Platform
    ) -> None:
        flow = await platform.workflow()
        live = await platform.up(flow)
        id = await platform.waiting(flow)

        payload = await platform.done(
            "reportDeployment",
            deploymentId=id,
            failed=True,
            reason="No start: api_key=sk-abcdefghijklmnopqrstuvwx",
        )

        assert payload["deployment"]["status"] == "FAILED"
        assert "abcdefghij" not in payload["deployment"]["statusReason"]
        assert payload["deployment"]["statusReason"].startswith("No start")
        assert await platform.statuses(live) == ["DEPLOYED"]
        error = await platform.refused("reportDeployment", deploymentId=id, url=URL)
        assert (error["code"], error["path"]) == ("CONFLICT", ["input", "deploymentId"])


class TestMovingOn:
    async def test_what_is_up_is_promoted_in_the_same_version(self, platform: Platform) -> None:
        id = await platform.up(version=1, config={"a": 1}, name="1.0")

        same = await platform.done("promoteDeployment", deploymentId=id, environment="PRODUCTION")
        other = await platform.done(
            "promoteDeployment", deploymentId=id, environment="DEVELOPMENT", config={"b": 2}
        )

        found = same["deployment"]
        assert (found["environment"], found["workflowVersion"]) == ("PRODUCTION", 1)
        assert (found["origin"], found["source"]["databaseId"]) == ("PROMOTE", id)
        assert (found["config"], found["deploymentVersion"]) == ({"a": 1}, "1.0")
        assert other["deployment"]["config"] == {"b": 2}

    async def test_what_is_not_up_or_is_there_already_is_not_promoted(
        self, platform: Platform
    ) -> None:
        waiting, up = await platform.waiting(), await platform.up()

        early = await platform.refused(
            "promoteDeployment", deploymentId=waiting, environment="PRODUCTION"
        )
        there = await platform.refused("promoteDeployment", deploymentId=up, environment="STAGING")

        assert early["code"] == "CONFLICT"
        assert (there["code"], there["path"]) == ("INVALID_INPUT", ["input", "environment"])

    async def test_the_version_before_comes_back(self, platform: Platform) -> None:
        flow = await platform.workflow()
        first = await platform.up(flow, version=1, config={"a": 1})
        second = await platform.up(flow, version=2)

        payload = await platform.done("rollbackDeployment", deploymentId=second)
        back = payload["deployment"]
        assert (back["workflowVersion"], back["config"]) == (1, {"a": 1})
        assert (back["origin"], back["source"]["databaseId"]) == ("ROLLBACK", first)
        assert await platform.statuses(second) == ["DEPLOYED"]

        await platform.done("reportDeployment", deploymentId=back["databaseId"], url=URL)
        assert await platform.statuses(first, second, back["databaseId"]) == [
            *("STOPPED", "STOPPED", "DEPLOYED"),
        ]

    async def test_there_is_no_way_back_where_nothing_was_up(self, platform: Platform) -> None:
        flow = await platform.workflow()
        failed = await platform.waiting(flow)
        only = await platform.up(flow)

        default = await platform.refused("rollbackDeployment", deploymentId=only)
        named = await platform.refused("rollbackDeployment", deploymentId=only, to=failed)

        assert default["code"] == "NOT_FOUND"
        assert (named["code"], named["path"]) == ("CONFLICT", ["input", "to"])

    async def test_a_failed_one_is_deployed_once_more(self, platform: Platform) -> None:
        id = await platform.waiting(version=1, config={"a": 1})
        await platform.done("reportDeployment", deploymentId=id, failed=True)

        payload = await platform.done("redeploy", deploymentId=id)

        again = payload["deployment"]
        assert (again["status"], again["origin"]) == ("DEPLOYING", "REDEPLOY")
        assert (again["workflowVersion"], again["config"]) == (1, {"a": 1})
        assert again["source"]["databaseId"] == id

    async def test_its_runtime_hears_that_it_was_stopped(self, platform: Platform) -> None:
        id = await platform.up()
        alive = await platform.done(
            "heartbeatDeployment", KEY, deploymentId=id, healthStatus="degraded"
        )

        stopped = await platform.done("stopDeployment", deploymentId=id, reason="Sold")
        told = await platform.done("heartbeatDeployment", KEY, deploymentId=id)

        assert (alive["status"], alive["deployment"]["healthStatus"]) == ("DEPLOYED", "degraded")
        assert (stopped["deployment"]["status"], stopped["deployment"]["statusReason"]) == (
            "STOPPED",
            "Sold",
        )
        assert told["status"] == "STOPPED"
        await platform.done("stopDeployment", deploymentId=id)

    async def test_after_it_was_stopped_the_workflow_can_be_put_away(
        self, platform: Platform
    ) -> None:
        flow = await platform.workflow()
        id = await platform.up(flow)
        archive = """mutation ($id: ID!) {
          setWorkflowStatus(input: {workflowId: $id, status: ARCHIVED}) { errors { code } }
        }"""

        before = (await platform.ask(archive, id=flow))["setWorkflowStatus"]["errors"]
        await platform.done("stopDeployment", deploymentId=id)
        after = (await platform.ask(archive, id=flow))["setWorkflowStatus"]["errors"]

        assert ([each["code"] for each in before], after) == (["CONFLICT"], [])

    @pytest.mark.parametrize("_round", range(3))
    async def test_a_workflow_is_put_away_or_deployed_and_never_both(
        self, platform: Platform, _round: int
    ) -> None:
        flow = await platform.workflow()
        archive = """mutation ($id: ID!) {
          setWorkflowStatus(input: {workflowId: $id, status: ARCHIVED}) { errors { code } }
        }"""

        deployed, archived = await asyncio.gather(
            platform("deployWorkflow", workflowId=flow, environment="STAGING"),
            platform.ask(archive, id=flow),
        )

        errors = [*deployed["errors"], *archived["setWorkflowStatus"]["errors"]]
        assert [error["code"] for error in errors] == ["CONFLICT"]


class TestTelling:
    async def test_the_examples_of_the_guide_do_what_it_says(self, platform: Platform) -> None:
        flow = await platform.workflow()
        definition = {**DEFINITION, "config": {"changed": 1}}

        saved, conflict = [
            (await platform.ask(OPERATIONS["Save"], workflow=flow, version=2, definition=each))[
                "updateWorkflow"
            ]
            for each in (definition, {**DEFINITION, "config": {"changed": 2}})
        ]
        deployed = (await platform.ask(OPERATIONS["Deploy"], workflow=flow))["deployWorkflow"]

        assert (saved["errors"], saved["workflow"]) == ([], {"version": 3})
        assert [error["currentVersion"] for error in conflict["errors"]] == [3]
        assert conflict["errors"][0]["current"]["definition"] == definition
        assert (deployed["errors"], deployed["deployment"]["status"]) == ([], "DEPLOYING")

    MANIFEST = "query ($id: ID!) { deploymentManifest(deploymentId: $id) }"

    async def test_a_manifest_has_the_address_once_it_is_known(self, platform: Platform) -> None:
        id = await platform.waiting(name="2.1.0")
        early = (await platform.ask(self.MANIFEST, id=id))["deploymentManifest"]
        await platform.done("reportDeployment", deploymentId=id, url=URL, tools=[tool("look_up")])

        found = (await platform.ask(self.MANIFEST, WHO["viewer"], id=id))["deploymentManifest"]

        assert "remotes" not in early
        assert found["remotes"] == [{"type": "streamable-http", "url": URL}]
        assert (found["version"], found["name"].partition("/")[0]) == ("2.1.0", "org.example.mcp")
        assert json.dumps({"name": "look_up"}) in json.dumps(found["_meta"])

    async def test_a_manifest_is_for_members_only(self, platform: Platform) -> None:
        id = await platform.waiting()

        for viewer in (WHO["stranger"], WHO["nobody"]):
            assert await platform.ask.code(self.MANIFEST, viewer, id=id) == "NOT_FOUND"

    async def test_the_audit_log_has_the_change_and_not_the_settings(
        self, platform: Platform
    ) -> None:
        id = await platform.waiting(config={"hint": "do not repeat this"})
        await platform.done("heartbeatDeployment", deploymentId=id)
        await platform.done("stopDeployment", deploymentId=id)

        rows = await platform.superuser.fetch(
            "SELECT action, details::text FROM audit_logs WHERE resource_id = $1 ORDER BY id",
            UUID(id),
        )

        assert [row["action"] for row in rows] == ["deployment.create", "deployment.update"]
        assert all("do not repeat" not in row["details"] for row in rows)
