"""What a plan allows, however many ask at once; and what of it is in use."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.session import Viewer
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import World
from tests.graphql_api.workspaces.people import Team, person, refused, team

USAGE = "query ($id: ID!) { workspace(id: $id) { usage { limit used allowed resetsAt } } }"
ERROR = "errors { code message path ... on PlanLimitError { limit used allowed plan } }"
DEFINITION = '{"nodes": [{"id": "a", "type": "http", "name": "A"}], "edges": []}'


async def allow(world: World, here: Team, **limits: int | None) -> None:
    await world.superuser.execute(
        "UPDATE workspaces SET plan_limits = $2 WHERE id = $1", here.id, json.dumps(limits)
    )


async def usage(world: World, here: Team) -> dict[str, tuple[int, int | None]]:
    data = await world.ask(USAGE, here.viewer, id=str(here.id))
    return {row["limit"]: (row["used"], row["allowed"]) for row in data["workspace"]["usage"]}


async def invite(world: World, here: Team) -> list[Data]:
    given = {"workspaceId": str(here.id), "email": f"{uuid4()}@example.org"}
    return (await world.asked("inviteMember", here.admin, ERROR, {"input": given}))["errors"]


async def make_workflow(world: World, here: Team) -> list[Data]:
    given = {"workspaceId": str(here.id), "name": "Flow", "definition": json.loads(DEFINITION)}
    return (await world.asked("createWorkflow", here.editor, ERROR, {"input": given}))["errors"]


async def execute(world: World, here: Team) -> list[Data]:
    find = "query ($id: ID!) { workspace(id: $id) { workflows { nodes { id } } } }"
    found = await world.ask(find, here.editor, id=str(here.id))
    [flow] = found["workspace"]["workflows"]["nodes"]
    given = {"input": {"workflowId": flow["id"]}}
    return (await world.asked("startExecution", here.editor, ERROR, given))["errors"]


async def deploy(world: World, here: Team) -> list[Data]:
    """A new workflow's deployment: of one workflow there is one at a time."""
    given = {"workspaceId": str(here.id), "name": "Flow", "definition": json.loads(DEFINITION)}
    made = await world.done(
        "createWorkflow", here.editor, "workflow { databaseId }", input=given
    )
    flow = made["workflow"]["databaseId"]
    active = {"workflowId": flow, "status": "ACTIVE"}
    await world.done("setWorkflowStatus", here.editor, input=active)
    given = {"input": {"workflowId": flow, "environment": "STAGING"}}
    return (await world.asked("deployWorkflow", here.editor, ERROR, given))["errors"]


Ask = Callable[[World, Team], Awaitable[list[Data]]]
LIMITS: dict[str, Ask] = {
    "members": invite,
    "workflows": make_workflow,
    "executions": execute,
    "deployments": deploy,
}


@pytest.mark.parametrize("limit", LIMITS)
async def test_of_many_who_ask_at_once_as_many_get_through_as_are_allowed(
    world: World, limit: str
) -> None:
    here = await team(world)
    if limit == "executions":
        assert await make_workflow(world, here) == []
    used = (await usage(world, here))[limit.upper()][0]
    await allow(world, here, **{limit: used + 5})

    answers = await asyncio.gather(*(LIMITS[limit](world, here) for _ in range(16)))

    refusals = [errors[0] for errors in answers if errors]
    assert len(refusals) == 11
    assert {each["code"] for each in refusals} == {"PLAN_LIMIT"}
    told = {(each["limit"], each["allowed"], each["plan"]) for each in refusals}
    assert told == {(limit.upper(), used + 5, "free")}
    assert {each["used"] for each in refusals} == {used + 5}
    assert (await usage(world, here))[limit.upper()] == (used + 5, used + 5)


async def test_far_from_the_limit_starts_do_not_wait_and_near_it_none_passes(
    world: World,
) -> None:
    here = await team(world)
    assert await make_workflow(world, here) == []
    await world.superuser.execute(
        "INSERT INTO execution_months (workspace_id, month, shard, n) VALUES"
        " ($1, date_trunc('month', now() AT TIME ZONE 'UTC')::date, 99, 7000)",
        here.id,
    )
    await allow(world, here, executions=7005)
    answers = await asyncio.gather(*(execute(world, here) for _ in range(16)))
    assert sum(errors == [] for errors in answers) == 5


async def test_a_start_that_is_sent_again_counts_once_and_works_at_the_limit(
    world: World,
) -> None:
    here = await team(world)
    assert await make_workflow(world, here) == []
    await allow(world, here, executions=1)
    flow = await world.superuser.fetchval(
        "SELECT id::text FROM workflows WHERE workspace_id = $1", here.id
    )
    id = await world.superuser.fetchval("SELECT app.uuid7()::text")
    for _ in range(2):
        await world.done("startExecution", here.editor, input={"workflowId": flow, "id": id})
    assert (await usage(world, here))["EXECUTIONS"] == (1, 1)
    assert [error["code"] for error in await execute(world, here)] == ["PLAN_LIMIT"]


async def test_whoever_joins_takes_the_place_of_the_invitation(world: World) -> None:
    here, (guest, address) = await team(world), await person(world)
    await allow(world, here, members=5)
    given = {"workspaceId": str(here.id), "email": address}
    made = await world.done(
        "inviteMember", here.admin, "invitation { databaseId }", input=given
    )
    assert [error["code"] for error in await invite(world, here)] == ["PLAN_LIMIT"]
    await world.done(
        "acceptInvitation", guest, input={"id": made["invitation"]["databaseId"]}
    )
    assert (await usage(world, here))["MEMBERS"] == (5, 5)


async def test_an_invitation_that_expired_counts_again_when_it_is_sent_again(
    world: World,
) -> None:
    here = await team(world)
    await allow(world, here, members=5)
    given = {"workspaceId": str(here.id), "email": f"{uuid4()}@example.org"}
    made = await world.done(
        "inviteMember", here.admin, "invitation { databaseId }", input=given
    )
    await world.superuser.execute(
        "UPDATE workspace_invitations SET expires_at = now() WHERE workspace_id = $1", here.id
    )
    assert await invite(world, here) == []
    id = made["invitation"]["databaseId"]
    assert (await refused(world, "resendInvitation", here.admin, id=id))["code"] == "PLAN_LIMIT"


async def test_a_deleted_workflow_makes_room_and_takes_it_again(world: World) -> None:
    here = await team(world)
    await allow(world, here, workflows=1)
    assert await make_workflow(world, here) == []
    flow = await world.superuser.fetchval(
        "SELECT id::text FROM workflows WHERE workspace_id = $1", here.id
    )
    await world.done("deleteWorkflow", here.admin, id=flow)
    assert await make_workflow(world, here) == []
    error = await refused(world, "restoreWorkflow", here.admin, id=flow)
    assert error["code"] == "PLAN_LIMIT"


async def test_deployments_that_live_are_counted_and_those_that_ended_are_not(
    world: World,
) -> None:
    here = await team(world)
    assert await make_workflow(world, here) == []
    flow: UUID = await world.superuser.fetchval(
        "SELECT id FROM workflows WHERE workspace_id = $1", here.id
    )
    deploy = (
        "INSERT INTO deployments (workspace_id, workflow_id, workflow_version, environment,"
        " status, created_by) VALUES ($1, $2, 1, $3, $4, $5)"
    )
    for environment, status in (("development", "stopped"), ("staging", "deploying")):
        await world.superuser.execute(
            deploy, here.id, flow, environment, status, here.editor.user_id
        )
    assert (await usage(world, here))["DEPLOYMENTS"][0] == 1


@pytest.mark.parametrize(
    ("plan", "limits", "allowed"),
    [
        ("free", {}, 100),
        ("pro", {}, 250),
        ("enterprise", {}, None),
        ("a plan that nobody knows", {}, 100),
        ("free", {"workflows": 7}, 7),
        ("free", {"workflows": None}, None),
        ("enterprise", {"workflows": 0}, 0),
    ],
)
async def test_what_a_workspace_is_given_goes_before_its_plan(
    world: World, plan: str, limits: dict[str, Any], allowed: int | None
) -> None:
    here = await team(world)
    await allow(world, here, **limits)
    await world.superuser.execute(
        "UPDATE workspaces SET plan_type = $2 WHERE id = $1", here.id, plan
    )
    assert (await usage(world, here))["WORKFLOWS"] == (0, allowed)
    assert bool(await make_workflow(world, here)) == (allowed == 0)


async def test_a_month_that_is_over_is_not_counted(world: World) -> None:
    here = await team(world)
    await world.superuser.execute(
        "INSERT INTO execution_months (workspace_id, month, shard, n) VALUES"
        " ($1, (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month')::date, 0, 9)",
        here.id,
    )
    data = await world.ask(USAGE, here.viewer, id=str(here.id))
    [executions] = [row for row in data["workspace"]["usage"] if row["limit"] == "EXECUTIONS"]
    assert executions["used"] == 0
    assert executions["resetsAt"].endswith("-01T00:00:00+00:00")


async def test_a_stranger_learns_nothing_of_what_is_used(world: World) -> None:
    here, (stranger, _) = await team(world), await person(world)
    for viewer in (stranger, Viewer()):
        async with world.database.writing(viewer) as transaction:
            assert await transaction.fetch("SELECT * FROM app.plan_usage($1)", here.id) == []


async def test_the_plans_are_those_of_the_operators_guide(world: World) -> None:
    guide = (Path(__file__).parents[3] / "docs/operate/maintenance.md").read_text(encoding="utf-8")
    section = guide.partition("\n## Plans\n")[2]
    for plan in ("free", "pro", "enterprise"):
        found = re.search(rf"^\| `{plan}`[^|]*\|(.*)\|$", section, re.MULTILINE)
        assert found
        said = [each.strip().replace(",", "") for each in found[1].split("|")]
        limits = await world.superuser.fetchval("SELECT app.plan_defaults($1)::text", plan)
        allowed: dict[str, int | None] = json.loads(limits)
        names = ("members", "workflows", "deployments", "executions")
        assert said == [
            "no limit" if allowed[name] is None else str(allowed[name]) for name in names
        ]
