"""What runtimes report of executions and deployments, with the workspace's credentials in it."""

import base64
import json
from collections.abc import Awaitable, Callable

from tests.test_machine.planting.asked import ERRORS, Data, Platform, mutation
from tests.test_machine.planting.connections import PLANTED

SAID_ALOUD = ("access token", "basic password", "custom value")
"""Those without the shape of any service's key: they are known because they are connected."""

DEFINITION = {"nodes": [{"id": "send", "type": "webhook", "name": "Send"}], "edges": []}
TOLD = """
execution { databaseId triggerType triggerData inputData outputData errorMessage errorStack
            logs { nodes { message metadata } } }
"""
MADE = "workflow { databaseId }"
CREATE_WORKFLOW = mutation("createWorkflow", "CreateWorkflowInput", MADE)
SET_STATUS = mutation("setWorkflowStatus", "SetWorkflowStatusInput", MADE)
START = mutation("startExecution", "StartExecutionInput", TOLD)
APPEND = mutation("appendExecutionLogs", "AppendExecutionLogsInput", f"masked {TOLD}")
FINISH = mutation("finishExecution", "FinishExecutionInput", TOLD)
REVEAL = mutation(
    "revealExecution", "RevealExecutionInput", "originals { part seq value }"
)
RETRY = f"mutation ($id: ID!) {{ retryExecution(id: $id) {{ {ERRORS} {TOLD} }} }}"

DEPLOYMENT = """
deployment { databaseId status healthStatus mcpServerUrl tools { name description inputSchema }
             statusReason toolChanges { message } events { nodes { message } } }
"""
DEPLOY = mutation("deployWorkflow", "DeployWorkflowInput", DEPLOYMENT)
REPORT = mutation("reportDeployment", "ReportDeploymentInput", DEPLOYMENT)
HEARTBEAT = mutation("heartbeatDeployment", "HeartbeatDeploymentInput", "")
STOP = mutation("stopDeployment", "StopDeploymentInput", DEPLOYMENT)


def said() -> list[str]:
    """Every secret, in the ways that a runtime says it."""
    plain = [PLANTED[name] for name in SAID_ALOUD]
    basic = base64.b64encode(f"ada:{PLANTED['basic password']}".encode()).decode()
    return [*plain, *(json.dumps(json.dumps(each)) for each in plain), f"Basic {basic}"]


async def flow(platform: Platform) -> str:
    given = {"workspaceId": platform.known["workspace"], "name": "F", "definition": DEFINITION}
    made = await platform.done(CREATE_WORKFLOW, input=given)
    id = made["workflow"]["databaseId"]
    await platform.done(SET_STATUS, input={"workflowId": id, "status": "ACTIVE"})
    return id


async def report_runs(platform: Platform) -> None:
    given: Data = {"used": said(), **{each: [{"deep": f"x{each}y"}] for each in said()}}
    whole = {"triggerType": said()[0], "triggerData": given, "inputData": given}
    start = {**whole, "workflowId": await flow(platform), "keepOriginal": True}
    await platform.refused(START, input={**start, "workflowId": "nonsense"})
    await platform.refused(START, input={**start, "id": said()[0]})
    run = (await platform.done(START, input=start))["execution"]["databaseId"]
    lines = [{"message": f"sent {each}", "metadata": given, "nodeId": "send"} for each in said()]
    append = {"executionId": run, "keepOriginal": True, "lines": lines}
    assert (await platform.done(APPEND, input=append))["masked"] == len(lines)
    await platform.refused(APPEND, input={**append, "executionId": "nonsense"})
    await platform.refused(APPEND, input={**append, "lines": [{"message": given}]})
    finish = {
        "executionId": run,
        "status": "FAILED",
        "outputData": given,
        "errorMessage": f"Refused: {said()[1]}",
        "errorStack": "\n".join(f"at send({each})" for each in said()),
        "keepOriginal": True,
    }
    await platform.refused(FINISH, input={**finish, "status": said()[0]})
    await platform.done(FINISH, input=finish)
    await platform.done(REVEAL, input={"executionId": run, "seqs": ["1", "2", "3"]})
    await platform.done(RETRY, id=run)


async def report_deployments(platform: Platform) -> None:
    given = {"workflowId": await flow(platform), "environment": "STAGING"}
    id = (await platform.done(DEPLOY, input=given))["deployment"]["databaseId"]
    schema = {"type": "object", "properties": {"a": {"default": said()[0], "type": "string"}}}
    tools = [{"name": "send", "description": f"Sends {said()[1]}", "inputSchema": schema}]
    url = {"url": "https://mcp.example.org/flow", "healthCheckUrl": "https://mcp.example.org/up"}
    told = {"deploymentId": id, "tools": tools, "healthStatus": said()[0], **url}
    for reason in said():
        await platform.done(REPORT, input={**told, "reason": f"{'x' * 1990} {reason}"})
        await platform.done(REPORT, input={**told, "reason": f"It said {reason}"})
    await platform.refused(REPORT, input={**told, "url": f"https://x:{said()[0]}@example.org"})
    alive = {"deploymentId": id, "healthStatus": said()[1]}
    await platform.done(HEARTBEAT, input=alive)
    await platform.done(STOP, input={"deploymentId": id, "reason": f"It said {said()[1]}"})


OPERATIONS: list[Callable[[Platform], Awaitable[None]]] = [report_runs, report_deployments]
