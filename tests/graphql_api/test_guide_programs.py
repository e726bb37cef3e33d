"""The programs of the client guide run as they stand there, against a real server."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pyotp.totp import TOTP

from db.secrets import Secrets
from graphql_api.app import create_app
from graphql_api.settings import read_settings
from resolvers.tokens import Tokens
from tests import sample
from tests.graph import global_id
from tests.graphql_api.wires import serving

DOCS = Path(__file__).parents[2] / "docs"
SECRET = "the secret that every test of the database uses"
PASSWORD = "a long guide through the product"
WORKSPACE = global_id("Workspace", {"id": sample.of("workspace 1")})

Data = dict[str, Any]
Run = Callable[..., Awaitable[Any]]


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [each for each in programs if shutil.which(each) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


LANGUAGES = [
    pytest.param("python", id="python"),
    pytest.param("js", id="javascript", marks=needs("node")),
]


def program(language: str, page: str) -> str:
    """The examples of the first page, and those of another."""
    texts = [(DOCS / each).read_text("utf-8") for each in ("clients.md", f"clients/{page}.md")]
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", "\n".join(texts), re.DOTALL))


async def run(address: str, words: list[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *words,
        env={**os.environ, "API": f"http://{address}/graphql"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, complained.decode()
    return said.decode()


async def told(
    address: str, language: str, page: str, python: str, js: str, *, before: str = ""
) -> Any:
    """What an expression comes to behind the examples of a page."""
    examples = f"{program(language, page)}\n{before}"
    if language == "python":
        words = [sys.executable, "-c", f"{examples}\nimport json\nprint(json.dumps({python}))"]
    else:
        script = f"{examples}\nconsole.log(JSON.stringify({js}));"
        words = ["node", "--input-type=module", "--eval", script]
    return json.loads(await run(address, words))


@pytest.fixture(scope="module")
async def address(own_url: str) -> AsyncGenerator[str]:
    """A server of its own, with the sample."""
    settings = read_settings(database_url=own_url, secret_key=SECRET, pool_size=4, max_cost=1000)
    async with serving(create_app(settings), lifespan=True) as address:
        yield address


@pytest.fixture
def token(secrets: Secrets) -> str:
    return Tokens(secrets).issue(sample.of("user 1 owner"))[0]


async def do(address: str, mutation: str, fields: str, token: str = "", **given: Any) -> Data:
    query = (
        f"mutation ($input: {mutation[0].upper()}{mutation[1:]}Input!)"
        f" {{ {mutation}(input: $input) {{ errors {{ code message }} {fields} }} }}"
    )
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers) as client:
        body = {"query": query, "variables": {"input": given}}
        payload = (await client.post("/graphql", json=body)).json()["data"][mutation]
    assert payload["errors"] == []
    return payload


async def account(address: str) -> str:
    email = f"{uuid4()}@example.org"
    await do(address, "signUp", "", email=email, password=PASSWORD, name="Grace")
    return email


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_session_is_begun_and_renewed(address: str, language: str) -> None:
    email = json.dumps(await account(address))
    password = json.dumps(PASSWORD)

    access = await told(
        *(address, language, "signing-in"),
        f"refreshed(sign_in({email}, {password}, None))['accessToken']",
        f"(await refreshed(await signIn({email}, {password}))).accessToken",
    )

    assert access.count(".") == 2


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_second_factor_is_asked_for(address: str, language: str) -> None:
    email = await account(address)
    session = await do(address, "signIn", "accessToken", email=email, password=PASSWORD)
    token = session["accessToken"]
    begun = await do(address, "beginSecondFactor", "secret", token, password=PASSWORD)
    totp = TOTP(begun["secret"])
    await do(address, "confirmSecondFactor", "", token, code=totp.now())
    code = json.dumps(totp.at(datetime.now(UTC) + timedelta(seconds=30)))
    who = f"{json.dumps(email)}, {json.dumps(PASSWORD)}"

    access = await told(
        *(address, language, "signing-in"),
        f"sign_in({who}, lambda: {code})['accessToken']",
        f"(await signIn({who}, async () => {code})).accessToken",
    )

    assert access.count(".") == 2


@needs("bash", "curl", "jq")
async def test_a_session_is_begun_in_a_shell(address: str) -> None:
    email = await account(address)
    script = f"{program('sh', 'signing-in')}\nsign_in {email} '{PASSWORD}'"

    access = await run(address, ["bash", "-euc", script])

    assert access.count(".") == 2


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_list_is_read_to_its_end(address: str, token: str, language: str) -> None:
    by_pages, at_once = [
        await told(
            *(address, language, "reading"),
            f"list(all_workflows({token!r}, {first}))",
            f"await (async (rows) => {{ for await (const row of allWorkflows({token!r}, {first}))"
            " rows.push(row); return rows; })([])",
        )
        for first in (2, 100)
    ]

    assert by_pages == at_once
    assert len(by_pages) > 4


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_change_is_put_onto_what_others_saved(
    address: str, token: str, language: str
) -> None:
    """While an edit is made for the first time, somebody else makes another: both are saved."""
    definition = {"nodes": [{"id": "in", "type": "webhook", "name": "Order comes in"}]}
    made = await do(
        *(address, "createWorkflow", "workflow { id }", token),
        workspaceId=WORKSPACE,
        name="Orders",
        definition=definition,
    )
    flow = made["workflow"]["id"]
    known = f"const [id, token] = {json.dumps([flow, token])};"
    edits = {
        "python": known.removeprefix("const ") + EDIT_IN_PYTHON,
        "js": known + EDIT_IN_JAVASCRIPT,
    }

    versions = await told(
        *(address, language, "changing"), "versions", "versions", before=edits[language]
    )

    read = "query ($id: ID!) { workflow(id: $id) { version definition } }"
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
        body = {"query": read, "variables": {"id": flow}}
        answer = (await client.post(f"http://{address}/graphql", json=body)).json()
    saved = answer["data"]["workflow"]
    assert versions[1] == versions[0] + 1 == saved["version"]
    assert saved["definition"]["config"] == {"theirs": 1, "mine": 2}


EDIT_IN_PYTHON = """
tried, versions = 0, []
def noted(definition, who):
    return {**definition, "config": {**definition.get("config", {}), who: tried}}
def mine(definition):
    global tried
    tried += 1
    if tried == 1:
        versions.append(change(id, lambda theirs: noted(theirs, "theirs"), token))
    return noted(definition, "mine")
versions.append(change(id, mine, token))
"""
EDIT_IN_JAVASCRIPT = """
let tried = 0;
const versions = [];
const noted = (definition, who) =>
  ({ ...definition, config: { ...definition.config, [who]: tried } });
async function mine(definition) {
  tried += 1;
  if (tried === 1) versions.push(await change(id, (theirs) => noted(theirs, "theirs"), token));
  return noted(definition, "mine");
}
versions.push(await change(id, mine, token));
"""


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_page_that_is_too_large_is_asked_for_as_it_fits(
    address: str, token: str, language: str
) -> None:
    query = json.dumps(
        "query ($first: Int!) { executions(first: $first) { nodes { id workflow { name } } } }"
    )

    data = await told(
        *(address, language, "limits"),
        f"ask_for_what_fits({query}, 500, None, {token!r})",
        f"await askForWhatFits({query}, 500, {{}}, {token!r})",
    )

    assert data["executions"]["nodes"]
