"""What people do to workflows: nothing is lost, nothing is half done, and of several one wins."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from db.errors import NotAllowed
from db.maintenance import maintain
from db.secrets import Secrets
from db.session import Database, Viewer, connect
from tests import sample
from tests.conftest import silent
from tests.graphql_api.asking import Asking

if TYPE_CHECKING:
    from asyncpg import Connection, Record

Data = dict[str, Any]

WHO = sample.viewers(1)
EDITOR, ADMIN = WHO["editor"], WHO["admin"]
TEAM = str(sample.of("workspace 1"))

HOOK = {"id": "in", "type": "webhook", "name": "In", "config": {"path": "/a"}}
SEND = {"id": "send", "type": "mail", "name": "Send"}
DEFINITION = {"nodes": [HOOK, SEND], "edges": [{"from": "in", "to": "send"}]}

WORKFLOW = """workflow {
  databaseId name description tags status version timeoutSeconds definition
  currentVersion { version changelog createdBy { databaseId } }
  versions { totalCount }
}"""
CHANGE = "subject kind partId pointer before after values { pointer before after }"
ERRORS = f"""errors {{
  __typename code message path
  ... on InvalidDefinitionError {{ diagnostics {{ code pointer severity }} }}
  ... on VersionConflictError {{
    currentVersion current {{ version definition }}
    theirs {{ {CHANGE} }} yours {{ {CHANGE} }}
  }}
}}"""
INPUTS = {
    "createWorkflow": "CreateWorkflowInput",
    "updateWorkflow": "UpdateWorkflowInput",
    "restoreWorkflowVersion": "RestoreWorkflowVersionInput",
    "setWorkflowStatus": "SetWorkflowStatusInput",
    "duplicateWorkflow": "DuplicateWorkflowInput",
    "tagWorkflows": "TagWorkflowsInput",
}
MORE = {
    "tagWorkflows": f"results {{ {ERRORS} {WORKFLOW} }}",
    "archiveWorkflows": f"results {{ {ERRORS} {WORKFLOW} }}",
    "deleteWorkflow": "deletedId",
}


def document(name: str) -> str:
    fields = f"{{ {ERRORS} {MORE.get(name, WORKFLOW)} }}"
    if name == "archiveWorkflows":
        return f"mutation ($ids: [ID!]!) {{ {name}(ids: $ids) {fields} }}"
    if name in INPUTS:
        return f"mutation ($input: {INPUTS[name]}!) {{ {name}(input: $input) {fields} }}"
    return f"mutation ($id: ID!) {{ {name}(id: $id) {fields} }}"


@dataclass
class Platform:
    ask: Asking
    superuser: "Connection[Record]"
    url: str

    async def __call__(self, name: str, viewer: Viewer = EDITOR, /, **given: Any) -> Data:
        """The payload of a mutation."""
        variables = {"input": given} if name in INPUTS else given
        return (await self.ask(document(name), viewer, **variables))[name]

    async def done(self, name: str, viewer: Viewer = EDITOR, /, **given: Any) -> Data:
        payload = await self(name, viewer, **given)
        assert payload["errors"] == []
        return payload

    async def refused(self, name: str, viewer: Viewer = EDITOR, /, **given: Any) -> Data:
        """The one error of a mutation."""
        (error,) = (await self(name, viewer, **given))["errors"]
        return error

    async def made(self, **given: Any) -> str:
        """A new workflow."""
        whole = {"workspaceId": TEAM, "name": "Flow", "definition": DEFINITION, **given}
        payload = await self.done("createWorkflow", **whole)
        return payload["workflow"]["databaseId"]

    async def read(self, id: str, viewer: Viewer = EDITOR) -> Data | None:
        found = WORKFLOW.replace("workflow {", "workflow(id: $id) {", 1)
        query = f"query ($id: ID!) {{ {found} }}"
        return (await self.ask(query, viewer, id=id))["workflow"]

    async def audited(self, id: str) -> "list[Record]":
        return await self.superuser.fetch(
            "SELECT action, user_id, details::text FROM audit_logs WHERE resource_id = $1"
            " ORDER BY id",
            UUID(id),
        )

    async def deploy(self, id: str, status: str = "deploying") -> None:
        await self.superuser.execute(
            "INSERT INTO deployments (workspace_id, workflow_id, workflow_version, created_by,"
            " status, environment) VALUES ($1, $2, 1, $3, $4, 'staging')",
            UUID(TEAM),
            UUID(id),
            EDITOR.user_id,
            status,
        )


@pytest.fixture(scope="module")
def platform(
    own_url: str,
    own_database: Database,
    own_superuser: "Connection[Record]",
    asking: Callable[..., Asking],
) -> Platform:
    return Platform(asking(own_database, "loaders"), own_superuser, own_url)


class TestMaking:
    async def test_a_new_workflow_is_a_draft_with_one_version(self, platform: Platform) -> None:
        payload = await platform.done(
            "createWorkflow",
            workspaceId=TEAM,
            name="  Orders ",
            description="What comes in",
            tags=["shop", "shop", "mail"],
            timeoutSeconds=10,
            changelog="Drawn on paper first",
            definition=DEFINITION,
        )

        flow = payload["workflow"]
        assert (flow["name"], flow["description"]) == ("Orders", "What comes in")
        assert (flow["tags"], flow["status"]) == (["shop", "mail"], "DRAFT")
        assert (flow["version"], flow["timeoutSeconds"]) == (1, 10)
        assert flow["definition"] == DEFINITION
        assert flow["currentVersion"]["changelog"] == "Drawn on paper first"
        assert flow["currentVersion"]["createdBy"]["databaseId"] == str(EDITOR.user_id)

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"name": "  "}, "name"),
            ({"name": "x" * 256}, "name"),
            ({"tags": ["x"] + [str(n) for n in range(50)]}, "tags"),
            ({"tags": [" "]}, "tags"),
            ({"tags": ["x" * 65]}, "tags"),
            ({"timeoutSeconds": 9}, "timeoutSeconds"),
            ({"timeoutSeconds": 2_592_001}, "timeoutSeconds"),
            ({"description": "x" * 10_001}, "description"),
            ({"changelog": "x" * 10_001}, "changelog"),
        ],
    )
    async def test_a_value_that_does_not_fit_is_refused_by_its_name(
        self, platform: Platform, given: Data, field: str
    ) -> None:
        before = await platform.superuser.fetchval("SELECT count(*) FROM workflows")
        whole = {"workspaceId": TEAM, "name": "Flow", "definition": DEFINITION, **given}

        error = await platform.refused("createWorkflow", **whole)

        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", field])
        assert await platform.superuser.fetchval("SELECT count(*) FROM workflows") == before

    async def test_a_definition_that_is_wrong_is_refused_with_every_reason(
        self, platform: Platform
    ) -> None:
        wrong = {"nodes": [HOOK, HOOK], "edges": [{"from": "in", "to": "nowhere"}]}

        error = await platform.refused(
            "createWorkflow", workspaceId=TEAM, name="Flow", definition=wrong
        )

        assert error["__typename"] == "InvalidDefinitionError"
        assert error["path"] == ["input", "definition"]
        assert {(each["code"], each["pointer"]) for each in error["diagnostics"]} == {
            ("DUPLICATE_ID", "/nodes/1/id"),
            ("UNKNOWN_NODE", "/edges/0/to"),
        }

    async def test_a_copy_is_a_draft_of_its_own(self, platform: Platform) -> None:
        id = await platform.made(name="Flow", tags=["a"], timeoutSeconds=77)
        await platform.done("setWorkflowStatus", workflowId=id, status="ACTIVE")
        await platform.done(
            "updateWorkflow", workflowId=id, expectedVersion=1, definition={"nodes": [HOOK]}
        )

        copy = (await platform.done("duplicateWorkflow", workflowId=id))["workflow"]
        old = await platform.done("duplicateWorkflow", workflowId=id, version=1, name="Old")

        assert copy["databaseId"] != id
        assert (copy["name"], copy["status"], copy["version"]) == ("Copy of Flow", "DRAFT", 1)
        assert (copy["tags"], copy["timeoutSeconds"]) == (["a"], 77)
        assert copy["definition"]["nodes"] == [HOOK]
        assert copy["currentVersion"]["changelog"] == "Copied from version 2 of Flow"
        assert (old["workflow"]["name"], old["workflow"]["definition"]) == ("Old", DEFINITION)

    async def test_a_version_that_is_not_there_is_not_copied(self, platform: Platform) -> None:
        error = await platform.refused(
            "duplicateWorkflow", workflowId=await platform.made(), version=9
        )

        assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", "version"])


class TestChanging:
    async def test_what_is_left_out_stays_as_it_is(self, platform: Platform) -> None:
        id = await platform.made(description="Said", tags=["a"], timeoutSeconds=60)

        renamed = await platform.done("updateWorkflow", workflowId=id, name="New")
        cleared = await platform.done("updateWorkflow", workflowId=id, description=None, tags=[])

        assert renamed["workflow"] == {**renamed["workflow"], "name": "New", "description": "Said"}
        assert renamed["workflow"]["tags"] == ["a"]
        assert (cleared["workflow"]["name"], cleared["workflow"]["description"]) == ("New", None)
        assert (cleared["workflow"]["tags"], cleared["workflow"]["timeoutSeconds"]) == ([], 60)
        assert cleared["workflow"]["version"] == 1

    async def test_a_changed_definition_is_a_version_and_an_equal_one_is_none(
        self, platform: Platform
    ) -> None:
        id = await platform.made()
        changed = {**DEFINITION, "nodes": [HOOK, {**SEND, "name": "Post"}]}

        for version in (1, 2):
            await platform.done(
                "updateWorkflow",
                workflowId=id,
                expectedVersion=version,
                definition=changed,
                changelog="Renamed",
            )

        flow = await platform.read(id) or {}
        assert (flow["version"], flow["versions"]["totalCount"]) == (2, 2)
        assert flow["currentVersion"]["changelog"] == "Renamed"
        kept = await platform.superuser.fetch(
            "SELECT definition FROM workflow_versions WHERE workflow_id = $1 ORDER BY version",
            UUID(id),
        )
        assert len(kept) == 2

    async def test_a_definition_needs_the_version_that_it_was_made_from(
        self, platform: Platform
    ) -> None:
        error = await platform.refused(
            "updateWorkflow", workflowId=await platform.made(), definition={"nodes": []}
        )

        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "expectedVersion"])

    async def test_a_conflict_tells_both_sides_and_changes_nothing(
        self, platform: Platform
    ) -> None:
        id = await platform.made()
        theirs = {"nodes": [HOOK, {**SEND, "name": "Post"}], "edges": DEFINITION["edges"]}
        yours = {"nodes": [HOOK], "edges": []}
        await platform.done(
            "updateWorkflow", ADMIN, workflowId=id, expectedVersion=1, definition=theirs
        )

        error = await platform.refused(
            "updateWorkflow", workflowId=id, expectedVersion=1, definition=yours, name="Lost"
        )

        assert (error["__typename"], error["code"]) == ("VersionConflictError", "VERSION_CONFLICT")
        assert (error["currentVersion"], error["current"]["definition"]) == (2, theirs)
        assert error["theirs"] == [
            {
                "subject": "NODE",
                "kind": "CHANGED",
                "partId": "send",
                "pointer": "/nodes/1",
                "before": SEND,
                "after": {**SEND, "name": "Post"},
                "values": [{"pointer": "/name", "before": "Send", "after": "Post"}],
            }
        ]
        assert [(each["subject"], each["kind"], each["partId"]) for each in error["yours"]] == [
            ("NODE", "REMOVED", "send"),
            ("EDGE", "REMOVED", None),
        ]
        assert (await platform.read(id) or {})["name"] == "Flow"

    async def test_a_version_that_never_was_is_no_base(self, platform: Platform) -> None:
        id = await platform.made()

        error = await platform.refused(
            "updateWorkflow", workflowId=id, expectedVersion=99, definition={"nodes": [HOOK]}
        )

        assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", "expectedVersion"])

    @pytest.mark.parametrize("_round", range(5))
    async def test_of_several_updates_from_one_base_exactly_one_wins(
        self, platform: Platform, _round: int
    ) -> None:
        id = await platform.made()

        payloads = await asyncio.gather(
            *(
                platform(
                    "updateWorkflow",
                    workflowId=id,
                    expectedVersion=1,
                    definition={"nodes": [{**HOOK, "name": f"Take {n}"}]},
                    name=f"By {n}",
                )
                for n in range(6)
            )
        )

        won = [n for n, payload in enumerate(payloads) if not payload["errors"]]
        lost = [error["code"] for payload in payloads for error in payload["errors"]]
        flow = await platform.read(id)
        assert (len(won), lost) == (1, ["VERSION_CONFLICT"] * 5)
        assert flow is not None
        assert (flow["version"], flow["name"]) == (2, f"By {won[0]}")
        assert flow["definition"]["nodes"][0]["name"] == f"Take {won[0]}"

    async def test_a_change_is_in_the_audit_log_without_the_definition(
        self, platform: Platform
    ) -> None:
        id = await platform.made()
        await platform.done(
            "updateWorkflow", workflowId=id, expectedVersion=1, definition={"nodes": [HOOK]}
        )

        last = (await platform.audited(id))[-1]

        assert (last["action"], last["user_id"]) == ("workflow.update", EDITOR.user_id)
        assert '"withheld": ["definition"]' in last["details"]
        assert "/a" not in last["details"]

    async def test_an_archived_workflow_is_not_drawn_on(self, platform: Platform) -> None:
        id = await platform.made()
        await platform.done("setWorkflowStatus", workflowId=id, status="ARCHIVED")

        error = await platform.refused(
            "updateWorkflow", workflowId=id, expectedVersion=1, definition={"nodes": [HOOK]}
        )

        assert (error["code"], error["path"]) == ("CONFLICT", ["input", "workflowId"])


class TestVersions:
    async def test_an_earlier_definition_is_saved_anew(self, platform: Platform) -> None:
        id = await platform.made()
        await platform.done(
            "updateWorkflow", workflowId=id, expectedVersion=1, definition={"nodes": [HOOK]}
        )

        payload = await platform.done("restoreWorkflowVersion", workflowId=id, version=1)

        assert payload["workflow"]["version"] == 3
        assert payload["workflow"]["definition"] == DEFINITION
        assert payload["workflow"]["currentVersion"]["changelog"] == "Restored version 1"

    async def test_going_back_is_refused_where_somebody_saved_in_between(
        self, platform: Platform
    ) -> None:
        id = await platform.made()
        await platform.done(
            "updateWorkflow", workflowId=id, expectedVersion=1, definition={"nodes": [HOOK]}
        )

        error = await platform.refused(
            "restoreWorkflowVersion", workflowId=id, version=1, expectedVersion=1
        )

        assert (error["code"], error["currentVersion"]) == ("VERSION_CONFLICT", 2)

    async def test_two_versions_are_compared_part_by_part(self, platform: Platform) -> None:
        id = await platform.made()
        await platform.done(
            "updateWorkflow",
            workflowId=id,
            expectedVersion=1,
            definition={"nodes": [{**HOOK, "config": {"path": "/b"}}], "config": {"zone": "UTC"}},
        )
        query = f"""query ($id: ID!, $from: Int!, $to: Int!) {{
          workflowDiff(workflowId: $id, from: $from, to: $to) {{
            fromVersion toVersion changes {{ {CHANGE} }}
          }}
        }}"""

        diff = (await platform.ask(query, WHO["viewer"], id=id, **{"from": 1, "to": 2}))[
            "workflowDiff"
        ]

        assert (diff["fromVersion"], diff["toVersion"]) == (1, 2)
        assert [(c["subject"], c["kind"], c["partId"]) for c in diff["changes"]] == [
            ("NODE", "REMOVED", "send"),
            ("NODE", "CHANGED", "in"),
            ("EDGE", "REMOVED", None),
            ("CONFIG", "CHANGED", None),
        ]
        assert diff["changes"][1]["values"] == [
            {"pointer": "/config/path", "before": "/a", "after": "/b"}
        ]
        code = platform.ask.code
        assert await code(query, WHO["viewer"], id=id, **{"from": 1, "to": 3}) == "NOT_FOUND"
        assert await code(query, WHO["stranger"], id=id, **{"from": 1, "to": 2}) == "NOT_FOUND"

    async def test_a_definition_is_checked_without_being_saved(self, platform: Platform) -> None:
        query = """query ($definition: JSON!) {
          validateWorkflow(definition: $definition) { valid diagnostics { code pointer severity } }
        }"""
        looped = {
            "nodes": [HOOK, SEND],
            "edges": [{"from": "in", "to": "send"}, {"from": "send", "to": "in"}],
        }

        good = (await platform.ask(query, definition=DEFINITION))["validateWorkflow"]
        bad = (await platform.ask(query, definition=looped))["validateWorkflow"]

        assert good == {"valid": True, "diagnostics": []}
        assert (bad["valid"], bad["diagnostics"]) == (
            False,
            [{"code": "UNDECLARED_CYCLE", "pointer": "/edges/1", "severity": "ERROR"}],
        )
        assert await platform.ask.code(query, WHO["nobody"], definition={}) == "UNAUTHENTICATED"


class TestStatus:
    @pytest.mark.parametrize(
        ("way", "refused"),
        [
            ("ACTIVE INACTIVE DRAFT", None),
            ("ACTIVE ARCHIVED ACTIVE", None),
            ("ARCHIVED DRAFT INACTIVE ACTIVE", None),
            ("ACTIVE DRAFT", "DRAFT"),
        ],
    )
    async def test_a_workflow_goes_through_its_life(
        self, platform: Platform, way: str, refused: str | None
    ) -> None:
        id = await platform.made()
        for status in way.split():
            payload = await platform("setWorkflowStatus", workflowId=id, status=status)
            if status == refused:
                assert payload["errors"][0]["code"] == "CONFLICT"
            else:
                assert (payload["errors"], payload["workflow"]["status"]) == ([], status)

    @pytest.mark.parametrize("status", ["INACTIVE", "ARCHIVED"])
    async def test_what_is_deployed_stays_active(self, platform: Platform, status: str) -> None:
        id = await platform.made()
        await platform.done("setWorkflowStatus", workflowId=id, status="ACTIVE")
        await platform.deploy(id)

        error = await platform.refused("setWorkflowStatus", workflowId=id, status=status)

        assert (error["code"], error["path"]) == ("CONFLICT", ["input", "workflowId"])
        assert "stop its deployments" in error["message"]


class TestSeveral:
    async def test_tags_are_put_on_and_taken_off_each(self, platform: Platform) -> None:
        ids = [await platform.made(tags=tags) for tags in (["a"], ["b", "c"], [])]

        payload = await platform.done("tagWorkflows", ids=ids, add=["b", "d"], remove=["c"])

        assert [result["workflow"]["tags"] for result in payload["results"]] == [
            ["a", "b", "d"],
            ["b", "d"],
            ["b", "d"],
        ]

    async def test_one_that_is_refused_holds_up_no_other(self, platform: Platform) -> None:
        full = await platform.made(tags=[str(n) for n in range(50)])
        ids = [await platform.made(), str(uuid4()), full, "nonsense", await platform.made()]

        payload = await platform.done("tagWorkflows", ids=ids, add=["new"])

        codes = [[error["code"] for error in each["errors"]] for each in payload["results"]]
        assert codes == [[], ["NOT_FOUND"], ["INVALID_INPUT"], ["NOT_FOUND"], []]
        assert payload["results"][4]["workflow"]["tags"] == ["new"]

    async def test_several_are_archived_each_for_itself(self, platform: Platform) -> None:
        ids = [await platform.made(), await platform.made()]
        await platform.done("setWorkflowStatus", workflowId=ids[1], status="ACTIVE")
        await platform.deploy(ids[1])

        payload = await platform.done("archiveWorkflows", ids=ids)

        first, second = payload["results"]
        assert (first["errors"], first["workflow"]["status"]) == ([], "ARCHIVED")
        assert [error["code"] for error in second["errors"]] == ["CONFLICT"]

    @pytest.mark.parametrize("name", ["tagWorkflows", "archiveWorkflows"])
    async def test_more_than_a_hundred_are_too_many(self, platform: Platform, name: str) -> None:
        error = await platform.refused(name, ids=[str(uuid4())] * 101)

        assert error["code"] == "INVALID_INPUT"


class TestDeleting:
    LISTED = "query ($s: String!) { workflows(filter: {search: $s}) { totalCount } }"
    BIN = '{ workspaceBySlug(slug: "team-1") { deletedWorkflows { databaseId name } } }'

    async def in_the_bin(self, platform: Platform, viewer: Viewer) -> list[str]:
        found = (await platform.ask(self.BIN, viewer))["workspaceBySlug"]["deletedWorkflows"]
        return [each["databaseId"] for each in found]

    async def test_a_deleted_workflow_is_out_of_sight_and_comes_back_as_it_was(
        self, platform: Platform
    ) -> None:
        name = f"Gone {uuid4()}"
        id = await platform.made(name=name)
        before = await platform.read(id)

        payload = await platform.done("deleteWorkflow", ADMIN, id=id)

        assert payload["deletedId"] == id
        assert await platform.read(id, ADMIN) is None
        assert (await platform.ask(self.LISTED, ADMIN, s=name))["workflows"]["totalCount"] == 0
        assert id in await self.in_the_bin(platform, ADMIN)
        assert await self.in_the_bin(platform, EDITOR) == []
        for change in ("setWorkflowStatus", "updateWorkflow"):
            given = {"status": "ACTIVE"} if change == "setWorkflowStatus" else {"name": "x"}
            error = await platform.refused(change, ADMIN, workflowId=id, **given)
            assert error["code"] == "NOT_FOUND"

        back = await platform.done("restoreWorkflow", ADMIN, id=id)

        assert back["workflow"] == before
        assert id not in await self.in_the_bin(platform, ADMIN)
        await platform.done("restoreWorkflow", ADMIN, id=id)

    async def test_its_runs_end_and_none_begins(self, platform: Platform) -> None:
        id = await platform.made()
        begin = """mutation ($id: ID!) {
          running: startExecution(input: {workflowId: $id}) {
            errors { code } execution { databaseId } }
          waiting: triggerExecution(input: {workflowId: $id}) {
            errors { code } execution { databaseId } }
        }"""
        runs = await platform.ask(begin, EDITOR, id=id)

        await platform.done("deleteWorkflow", ADMIN, id=id)

        rows = await platform.superuser.fetch(
            "SELECT status, cancel_requested_at IS NOT NULL FROM executions WHERE workflow_id = $1"
            " ORDER BY status",
            UUID(id),
        )
        assert runs["waiting"]["errors"] == []
        assert [tuple(row) for row in rows] == [("cancelled", True), ("running", True)]
        again = await platform.ask(begin, EDITOR, id=id)
        assert {each["errors"][0]["code"] for each in again.values()} == {"NOT_FOUND"}

    async def test_what_is_deployed_is_not_deleted(self, platform: Platform) -> None:
        id = await platform.made()
        await platform.deploy(id)

        error = await platform.refused("deleteWorkflow", ADMIN, id=id)

        assert (error["code"], error["path"]) == ("CONFLICT", ["id"])
        assert await platform.read(id) is not None

    async def test_an_editor_does_not_delete_and_is_told_so(self, platform: Platform) -> None:
        error = await platform.refused("deleteWorkflow", EDITOR, id=await platform.made())

        assert error["code"] == "FORBIDDEN"

    async def test_it_goes_for_good_with_its_runs_after_the_time_of_grace(
        self, platform: Platform, secrets: Secrets
    ) -> None:
        old, recent, kept = [await platform.made() for _ in range(3)]
        await platform.deploy(old, "stopped")
        start = "startExecution(input: {workflowId: $id}) { errors { code } }"
        await platform.ask(f"mutation ($id: ID!) {{ {start} }}", EDITOR, id=old)
        for id in (old, recent):
            await platform.done("deleteWorkflow", ADMIN, id=id)
        await platform.superuser.execute(
            "UPDATE workflows SET deleted_at = now() - interval '31 days' WHERE id = $1", UUID(old)
        )

        done = await maintain(platform.url, secrets, silent)

        left = await platform.superuser.fetch(
            "SELECT id::text FROM workflows WHERE id = ANY ($1)",
            [UUID(id) for id in (old, recent, kept)],
        )
        assert done is not None
        assert done.gone["workflows"] == 1
        assert {row["id"] for row in left} == {recent, kept}
        for table in ("executions", "workflow_versions", "deployments"):
            rows = await platform.superuser.fetch(
                f"SELECT FROM {table} WHERE workflow_id = $1", UUID(old)
            )
            assert rows == []
        assert (await platform.audited(old))[-1]["action"] == "workflow.purge"

    async def test_the_api_itself_cannot_delete_for_good(
        self, platform: Platform, secrets: Secrets
    ) -> None:
        id = await platform.made()
        async with connect(platform.url, secrets, size=2) as database:
            with pytest.raises(NotAllowed):
                await deletes(database, UUID(id))


async def deletes(database: Database, id: UUID) -> None:
    async with database.writing(ADMIN) as transaction:
        await transaction.value("DELETE FROM workflows WHERE id = $1", id)
