"""A walk through the product, as a person and a runtime take it with clients that people use."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import free_port, ready
from tests.streams.test_clients import CLIENTS, node, python

ROOT = Path(__file__).parents[2]
FIRST_WORKFLOW = Path(__file__).parents[1] / "data/n8n_loop.json"
PASSWORD = "a long walk through the product"
ONE_TIME, INVITATION = re.compile(r"mct_[\w-]{43}"), re.compile(r"mci_[\w-]{43}")
LONG, MAILED_WITHIN = 120.0, 30.0
READ_AT_ONCE = 65_536

CLIENT = pytest.mark.parametrize(
    "client",
    [
        pytest.param([sys.executable, "ask.py"], marks=python, id="gql"),
        pytest.param(["node", "ask.mjs"], marks=node, id="apollo"),
    ],
)

Data = dict[str, Any]


class Log:
    """What a server has said so far."""

    def __init__(self) -> None:
        self.text = ""
        self._said = asyncio.Condition()

    async def keep(self, output: asyncio.StreamReader) -> None:
        """Until the server says no more."""
        while said := await output.read(READ_AT_ONCE):
            async with self._said:
                self.text += said.decode(errors="replace")
                self._said.notify_all()

    async def until(self, found: Callable[[], str | None]) -> str:
        """What is found in it, as soon as it is said."""
        async with asyncio.timeout(MAILED_WITHIN), self._said:
            return str(await self._said.wait_for(found))


class Walk:
    """Who walks: asks through the client, and reads the mail where the server shows it."""

    def __init__(self, client: Process, log: Log) -> None:
        self._client, self._log = client, log

    async def ask(self, query: str, token: str | None = None, /, **variables: Any) -> Data:
        """The data of the one field that is asked for."""
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        line = json.dumps({"query": query, "variables": variables, "token": token})
        self._client.stdin.write(f"{line}\n".encode())
        answer = json.loads(await self._client.stdout.readline())
        assert "fault" not in answer, answer
        (found,) = answer["data"].values()
        return found

    async def do(
        self, mutation: str, fields: str = "", token: str | None = None, /, **given: Any
    ) -> Data:
        """The payload of a mutation that succeeds."""
        payload = await self.attempt(mutation, fields, token, **given)
        assert payload["errors"] == [], (mutation, payload)
        return payload

    async def attempt(
        self, mutation: str, fields: str = "", token: str | None = None, /, **given: Any
    ) -> Data:
        type_ = TYPES.get(mutation, f"{mutation[0].upper()}{mutation[1:]}Input")
        query = (
            f"mutation ($input: {type_}!)"
            f" {{ {mutation}(input: $input) {{ errors {{ {ERROR} }} {fields} }} }}"
        )
        return await self.ask(query, token, input=given)

    async def mail(self, address: str, kind: re.Pattern[str]) -> str:
        """The token in the last message to an address, once there is one of its kind."""

        def token() -> str | None:
            _, mail, text = self._log.text.rpartition(f"mail to {address}")
            found = kind.search(text) if mail else None
            return found and found[0]

        return await self._log.until(token)

    async def account(self, name: str) -> str:
        """The access token of somebody who opened an account and proved the address."""
        address = f"{name.lower()}@example.org"
        await self.do("signUp", email=address, password=PASSWORD, name=name)
        await self.do("verifyEmail", token=await self.mail(address, ONE_TIME))
        session = await self.do("signIn", "accessToken", email=address, password=PASSWORD)
        return session["accessToken"]


ERROR = """
code message path
... on VersionConflictError { currentVersion theirs { __typename } yours { __typename } }
"""
TYPES = {"acceptInvitation": "AnswerInvitationInput"}
"""Inputs that are not named for their mutation."""


@asynccontextmanager
async def program(*words: str, **options: Any) -> AsyncGenerator[Process]:
    process = await asyncio.create_subprocess_exec(*words, **options)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)


@pytest.fixture
async def walk(client: list[str], tmp_path: Path) -> AsyncGenerator[Walk]:
    """A new server, and somebody new to it."""
    port, log = free_port(), Log()
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    async with (
        asyncio.TaskGroup() as reading,
        program(
            *(sys.executable, "-m", "graphql_api", "serve", "--no-demo"),
            *("--port", str(port), "--data", str(tmp_path / "data")),
            cwd=ROOT,
            env=env,
            stdout=PIPE,
            stderr=STDOUT,
        ) as server,
    ):
        assert server.stdout is not None
        reading.create_task(log.keep(server.stdout))
        assert await ready(f"http://127.0.0.1:{port}", server), log.text
        async with (
            asyncio.timeout(LONG),
            program(*client, f"127.0.0.1:{port}", cwd=CLIENTS, stdin=PIPE, stdout=PIPE) as asking,
        ):
            yield Walk(asking, log)


@CLIENT
async def test_a_person_gets_from_signing_up_to_a_deployed_workflow(walk: Walk) -> None:
    ada, grace = await walk.account("Ada"), await walk.account("Grace")

    made = await walk.do("createWorkspace", "workspace { id slug }", ada, name="Analytical Engines")
    workspace = made["workspace"]["id"]

    await walk.do(
        "inviteMember", "", ada, workspaceId=workspace, email="grace@example.org", role="EDITOR"
    )
    invited = await walk.mail("grace@example.org", INVITATION)
    await walk.do("acceptInvitation", "", grace, token=invited)
    members = "query ($id: ID!) { workspace(id: $id) { members { nodes { role user { name } } } } }"
    seen = await walk.ask(members, grace, id=workspace)
    assert {m["user"]["name"]: m["role"] for m in seen["members"]["nodes"]} == {
        "Ada": "OWNER",
        "Grace": "EDITOR",
    }

    flow = await imported(walk, grace, workspace)
    await edited_by_two(walk, ada, grace, flow)
    await integrated(walk, ada, workspace)
    key = await walk.do(
        "createApiKey",
        "key apiKey { id }",
        ada,
        workspaceId=workspace,
        name="Runtime",
        scopes=["deployments:read", "deployments:write", "workflows:read"],
    )
    await deployed(walk, grace, key["key"], flow)
    await rotated(walk, ada, key)
    await audited(walk, ada, workspace)


async def imported(walk: Walk, token: str, workspace: str) -> str:
    made = await walk.do(
        "importWorkflow",
        "workflow { id version }",
        token,
        workspaceId=workspace,
        source=FIRST_WORKFLOW.read_text(encoding="utf-8"),
        name="From n8n",
    )
    assert made["workflow"]["version"] == 1
    return made["workflow"]["id"]


async def edited_by_two(walk: Walk, ada: str, grace: str, flow: str) -> None:
    """Of two who save over the same version one is told what the other changed."""
    read = "query ($id: ID!) { workflow(id: $id) { definition version } }"
    base = await walk.ask(read, ada, id=flow)
    longer = base["definition"]
    longer["nodes"][0]["name"] = "Renamed"
    change = {"workflowId": flow, "expectedVersion": base["version"], "definition": longer}

    saved = await walk.do("updateWorkflow", "workflow { version }", grace, **change)
    assert saved["workflow"]["version"] == 2
    longer["nodes"][0]["name"] = "Otherwise"
    refused = await walk.attempt("updateWorkflow", "", ada, **change)
    (conflict,) = refused["errors"]
    assert (conflict["code"], conflict["currentVersion"]) == ("VERSION_CONFLICT", 2)
    assert conflict["theirs"]
    assert conflict["yours"]


async def integrated(walk: Walk, token: str, workspace: str) -> None:
    made = await walk.do(
        "createIntegration",
        "integration { id status }",
        token,
        workspaceId=workspace,
        serviceName="slack",
        serviceType="api_key",
        credentials={"apiKey": "planted-by-the-walk"},
    )
    assert made["integration"]["status"] == "ACTIVE"


async def deployed(walk: Walk, token: str, key: str, flow: str) -> None:
    """To staging, from there to production, a later version, and back."""

    async def report(environment: str) -> str:
        taken = await walk.do(
            "claimDeployment", "attempt deployment { id }", key, environment=environment
        )
        reported = await walk.do(
            "reportDeployment",
            "deployment { id status mcpServerUrl }",
            key,
            deploymentId=taken["deployment"]["id"],
            attempt=taken["attempt"],
            url=f"https://mcp.example.org/{environment.lower()}",
            tools=[{"name": "look_up", "inputSchema": {"type": "object"}}],
        )
        assert reported["deployment"]["status"] == "DEPLOYED"
        return reported["deployment"]["id"]

    await walk.do("setWorkflowStatus", "", token, workflowId=flow, status="ACTIVE")
    await walk.do("deployWorkflow", "", token, workflowId=flow, environment="STAGING", version=1)
    staged = await report("STAGING")
    await walk.do("promoteDeployment", "", token, deploymentId=staged, environment="PRODUCTION")
    first = await report("PRODUCTION")
    await walk.do("deployWorkflow", "", token, workflowId=flow, environment="PRODUCTION")
    second = await report("PRODUCTION")
    assert await running(walk, token, flow) == {("STAGING", 1), ("PRODUCTION", 2)}

    await walk.do("rollbackDeployment", "", token, deploymentId=second)
    third = await report("PRODUCTION")
    assert len({first, second, third}) == 3
    assert await running(walk, token, flow) == {("STAGING", 1), ("PRODUCTION", 1)}


async def running(walk: Walk, token: str, flow: str) -> set[tuple[str, int]]:
    """Which version is up where."""
    query = """query ($id: ID!) { workflow(id: $id) {
        deployments(filter: {status: [DEPLOYED]}) { nodes { environment workflowVersion } } } }"""
    found = (await walk.ask(query, token, id=flow))["deployments"]["nodes"]
    return {(each["environment"], each["workflowVersion"]) for each in found}


async def rotated(walk: Walk, token: str, old: Data) -> None:
    """Both keys are good in the time of grace; the old one is revoked, and good no more."""
    viewer = "{ viewer { apiKey { name } } }"
    new = await walk.do("rotateApiKey", "key apiKey { id }", token, id=old["apiKey"]["id"])
    for key in (old["key"], new["key"]):
        assert (await walk.ask(viewer, key))["apiKey"]["name"]
    revoke = "mutation ($id: ID!) { revokeApiKey(id: $id) { errors { code } } }"
    assert (await walk.ask(revoke, token, id=old["apiKey"]["id"]))["errors"] == []
    with pytest.raises(AssertionError, match="fault"):
        await walk.ask(viewer, old["key"])


async def audited(walk: Walk, token: str, workspace: str) -> None:
    query = """query ($id: ID!) { workspace(id: $id) {
        auditLogs(first: 100) { nodes { action user { name } apiKey { name } details } } } }"""
    found = (await walk.ask(query, token, id=workspace))["auditLogs"]["nodes"]
    did = {
        (each["action"], who["name"])
        for each in found
        for who in (each["user"], each["apiKey"])
        if who
    }
    assert {
        ("workspace.create", "Ada"),
        ("workflow.create", "Grace"),
        ("integration.create", "Ada"),
        ("deployment.create", "Grace"),
    } <= did
    assert "planted-by-the-walk" not in json.dumps(found)
