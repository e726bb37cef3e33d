"""Who watches a workflow or a deployment sees what the mutations do to it."""

import json
from typing import Any

from graphql_api.messages import Body
from resolvers.context import Asker
from tests import sample
from tests.streams.watching import EDITOR, Process

DEFINITION = {"nodes": [{"id": "in", "type": "webhook", "name": "In"}], "edges": []}


async def done(here: Process, mutation: str, **variables: Any) -> Any:
    """The payload of a mutation that succeeds."""
    answer = await here.executor.answer(Body(mutation, variables), Asker(EDITOR))
    [payload] = json.loads(answer.body)["data"].values()
    assert payload["errors"] == []
    return payload


async def workflow(here: Process) -> str:
    create = """mutation ($input: CreateWorkflowInput!) {
      createWorkflow(input: $input) { errors { code } workflow { databaseId } }
    }"""
    team = str(sample.of("workspace 1"))
    given = {"workspaceId": team, "name": "Watched", "definition": DEFINITION}
    return (await done(here, create, input=given))["workflow"]["databaseId"]


async def test_a_workflow_is_sent_as_it_is_changed_and_put_into_use(here: Process) -> None:
    id = await workflow(here)
    query = "subscription ($id: ID!) { workflowChanged(workflowId: $id) { name version status } }"
    async with here.watch(query, id=id) as watcher:
        assert (await watcher.next())["version"] == 1
        change = """mutation ($input: UpdateWorkflowInput!) {
          updateWorkflow(input: $input) { errors { code } }
        }"""
        changed = {**DEFINITION, "config": {"later": True}}
        given = {"workflowId": id, "expectedVersion": 1, "definition": changed}
        await done(here, change, input=given)
        assert (await watcher.next())["version"] == 2
        use = """mutation ($id: ID!) {
          setWorkflowStatus(input: {workflowId: $id, status: ACTIVE}) { errors { code } }
        }"""
        await done(here, use, id=id)
        assert (await watcher.next())["status"] == "ACTIVE"


async def test_a_deployment_is_sent_from_being_claimed_to_being_replaced(here: Process) -> None:
    id = await workflow(here)
    use = "setWorkflowStatus(input: {workflowId: $id, status: ACTIVE}) { errors { code } }"
    await done(here, f"mutation ($id: ID!) {{ {use} }}", id=id)
    deploy = """mutation ($id: ID!) {
      deployWorkflow(input: {workflowId: $id, environment: STAGING}) {
        errors { code } deployment { databaseId }
      }
    }"""
    claim = "claimDeployment(input: {workflowId: $id}) { errors { code } }"
    report = """mutation ($id: ID!) {
      reportDeployment(input: {deploymentId: $id, url: "https://mcp.example.org"}) {
        errors { code }
      }
    }"""
    first = (await done(here, deploy, id=id))["deployment"]["databaseId"]
    query = "subscription ($id: ID!) { deploymentUpdated(deploymentId: $id) { status claimedAt } }"
    async with here.watch(query, id=first) as watcher:
        assert await watcher.next() == {"status": "DEPLOYING", "claimedAt": None}
        await done(here, f"mutation ($id: ID!) {{ {claim} }}", id=id)
        assert (await watcher.next())["claimedAt"] is not None
        await done(here, report, id=first)
        assert (await watcher.next())["status"] == "DEPLOYED"
        second = (await done(here, deploy, id=id))["deployment"]["databaseId"]
        await done(here, report, id=second)
        assert (await watcher.next())["status"] == "STOPPED"
