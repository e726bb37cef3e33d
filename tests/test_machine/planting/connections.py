"""Integrations and webhooks, in every way that people connect and break them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.test_machine.planting.asked import ERRORS, PATH, Data, Platform, mutation

PLANTED = {
    "password": "planted Passw0rd of Ada",
    "api key": "sk-planted-3JQ9fL2mXw7Tz",
    "api key in a document": "sk-planted-literal-9Qm2",
    "api key that is refused": "sk-planted-refused-77Xy",
    "api key of a bad request": "sk-planted-bad-Hh4Kd81",
    "api key after a rotation": "sk-planted-rotated-0Zt5",
    "access token": "ya29.planted-access-token",
    "refresh token": "1//planted-refresh-token",
    "basic password": "planted:basic/password+x",
    "custom value": "-----BEGIN KEY-----\nplantedMIIEvQIBADANBg\n-----END KEY-----",
}
"""What nobody may ever see again."""

INTEGRATION = "integration { databaseId serviceName status testResult }"
WEBHOOK = "webhook { databaseId url events status }"
DELIVERED_WITHIN = 30


def integration(platform: Platform, **given: Any) -> Data:
    return {
        "workspaceId": platform.known["workspace"],
        "serviceName": "weather",
        "serviceType": "api_key",
        "accountName": str(len(platform.answers)),
        "testUrl": f"{platform.outside}/{PATH}",
        "credentials": {"apiKey": PLANTED["api key"]},
        **given,
    }


CREATE = mutation("createIntegration", "CreateIntegrationInput", INTEGRATION)
UPDATE = mutation("updateIntegration", "UpdateIntegrationInput", INTEGRATION)
ROTATE = mutation("rotateIntegrationCredentials", "RotateIntegrationCredentialsInput", INTEGRATION)
SET_STATUS = mutation("setIntegrationStatus", "SetIntegrationStatusInput", INTEGRATION)
DELETE = mutation("deleteIntegration", "DeleteIntegrationInput", "deletedId")
TEST = f"mutation ($id: ID!) {{ testIntegration(id: $id) {{ {ERRORS} {INTEGRATION} }} }}"
CREATE_WEBHOOK = mutation("createWebhook", "CreateWebhookInput", f"signingSecret {WEBHOOK}")
UPDATE_WEBHOOK = mutation("updateWebhook", "UpdateWebhookInput", WEBHOOK)
ROTATE_WEBHOOK = mutation(
    "rotateWebhookSecret", "RotateWebhookSecretInput", f"signingSecret {WEBHOOK}"
)
PING = f"mutation ($id: ID!) {{ pingWebhook(id: $id) {{ {ERRORS} delivery {{ databaseId }} }} }}"
REDELIVER = f"mutation ($id: ID!) {{ redeliverWebhook(id: $id) {{ {ERRORS} }} }}"
DELETE_WEBHOOK = f"mutation ($id: ID!) {{ deleteWebhook(id: $id) {{ {ERRORS} }} }}"
SIGN_UP = mutation("signUp", "SignUpInput", "")
SIGN_IN = mutation("signIn", "SignInInput", "accessToken refreshToken")
LITERAL = """
mutation {
  createIntegration(input: {workspaceId: "%s", serviceName: "weather", serviceType: "api_key",
    accountName: "literal", credentials: {apiKey: "%s"}}) { errors { code } }
}
"""
READ = """
query ($id: ID!) {
  workspace(id: $id) {
    integrations { nodes { serviceName serviceType accountName testResult testUrl } }
    auditLogs(first: 200) { nodes { action details } }
    webhooks { nodes { description deliveries(first: 200) { nodes { payload error status } } } }
  }
}
"""


async def connected(platform: Platform, **given: Any) -> str:
    made = await platform.done(CREATE, input=integration(platform, **given))
    return made["integration"]["databaseId"]


async def sign_in(platform: Platform) -> None:
    person = {"email": "ada@example.org", "password": PLANTED["password"]}
    await platform.done(SIGN_UP, input={**person, "name": "Ada"})
    await platform.refused(SIGN_UP, input=person)
    platform.token = (await platform.done(SIGN_IN, input=person))["accessToken"]
    await platform.refused(SIGN_IN, input={**person, "email": "nobody@example.org"})
    found = await platform("{ workspaces { nodes { databaseId } } }")
    platform.known["workspace"] = found["data"]["workspaces"]["nodes"][0]["databaseId"]


async def listen(platform: Platform) -> None:
    events = await platform.superuser.fetchval("SELECT app.known_events()")
    made = await platform.done(
        CREATE_WEBHOOK,
        input={
            "workspaceId": platform.known["workspace"],
            "url": f"{platform.outside}/{PATH}",
            "events": events,
            "description": "Told of everything",
        },
    )
    platform.known["webhook"] = made["webhook"]["databaseId"]


async def connect_in_every_way(platform: Platform) -> None:
    shown: dict[str, Data] = {
        "api_key": {"apiKey": PLANTED["api key"]},
        "oauth2": {
            "accessToken": PLANTED["access token"],
            "refreshToken": PLANTED["refresh token"],
        },
        "basic": {"username": "ada", "password": PLANTED["basic password"]},
        "custom": {"key": PLANTED["custom value"]},
    }
    for service_type, given in shown.items():
        id = await connected(platform, serviceType=service_type, credentials=given)
        platform.known[service_type] = id
    literal = LITERAL % (platform.known["workspace"], PLANTED["api key in a document"])
    await platform(literal)
    for broken in (
        literal.replace("input: {", "input "),
        literal.replace("credentials: {apiKey:", ""),
        literal.replace('serviceName: "weather",', ""),
        literal.replace("credentials: {", "scopes: {"),
    ):
        await platform.refused(broken)


async def connect_in_bad_ways(platform: Platform) -> None:
    key = PLANTED["api key of a bad request"]
    for given in (
        {"serviceType": "basic", "credentials": {"apiKey": key}},
        {"credentials": {"apiKey": [key]}},
        {"credentials": {"apiKey": f"{key}\r\nX: y"}},
        {"credentials": key},
        {"serviceName": ""},
        {"serviceName": None},
        {"scopes": 7},
        {"unknown": True},
        {"workspaceId": "nonsense"},
    ):
        credentials = {"credentials": {"apiKey": key}}
        await platform.refused(CREATE, input=integration(platform, **{**credentials, **given}))
    complete = integration(platform, credentials={"apiKey": key})
    for name in ("workspaceId", "serviceName", "serviceType"):
        await platform.refused(
            CREATE, input={field: complete[field] for field in complete if field != name}
        )


async def try_connections(platform: Platform) -> None:
    refused = {"apiKey": PLANTED["api key that is refused"]}
    platform.known["refused"] = await connected(platform, 
        credentials=refused, testUrl=f"{platform.outside}/{PATH}/refuse"
    )
    for name in ("api_key", "oauth2", "basic", "refused"):
        await platform.done(TEST, id=platform.known[name])
    await platform.refused(TEST, id=platform.known["custom"])


async def change_connections(platform: Platform) -> None:
    id = platform.known["api_key"]
    rotated = {"apiKey": PLANTED["api key after a rotation"]}
    await platform.done(ROTATE, input={"id": id, "credentials": rotated})
    await platform.refused(
        ROTATE, input={"id": id, "credentials": rotated, "serviceType": "basic"}
    )
    await platform.done(UPDATE, input={"id": id, "accountName": "new", "scopes": ["x"]})
    await platform.refused(UPDATE, input={"id": id, "serviceType": "basic"})
    for status in ("INACTIVE", "ACTIVE"):
        await platform.done(SET_STATUS, input={"id": id, "status": status})
    await platform.done(TEST, id=id)
    await platform.done(DELETE, input={"id": platform.known["custom"]})


async def change_webhooks(platform: Platform) -> None:
    id = platform.known["webhook"]
    await platform.done(UPDATE_WEBHOOK, input={"id": id, "description": "New"})
    for grace in (24, 0):
        await platform.done(ROTATE_WEBHOOK, input={"id": id, "graceHours": grace})
    pinged = await platform.done(PING, id=id)
    await delivered(platform, pinged["delivery"]["databaseId"])
    await platform.done(REDELIVER, id=pinged["delivery"]["databaseId"])
    other = await platform.done(
        CREATE_WEBHOOK,
        input={
            "workspaceId": platform.known["workspace"],
            "url": f"https://localhost/{PATH}",
            "events": ["execution.ended"],
        },
    )
    failing = await platform.done(PING, id=other["webhook"]["databaseId"])
    await delivered(platform, failing["delivery"]["databaseId"], "attempts > 0")
    await platform.done(DELETE_WEBHOOK, id=other["webhook"]["databaseId"])


async def break_statements(platform: Platform) -> None:
    """What fails in the database is in its log with the statement."""
    id = platform.known["api_key"]
    await platform.refused(
        CREATE, input=integration(platform, accountName="new", serviceName="weather")
    )
    await platform.refused(UPDATE, input={"id": id, "accountName": "\u0000"})


async def read_everything(platform: Platform) -> None:
    response = await platform(READ, id=platform.known["workspace"])
    assert "errors" not in response


async def delivered(platform: Platform, delivery: str, state: str = "status = 'delivered'") -> None:
    async with asyncio.timeout(DELIVERED_WITHIN):
        until = f"SELECT EXISTS (SELECT FROM webhook_deliveries WHERE id = $1::uuid AND {state})"
        while not await platform.superuser.fetchval(until, delivery):
            await platform.superuser.execute("SELECT pg_sleep(0.1)")


BEFORE: list[Callable[[Platform], Awaitable[None]]] = [sign_in, listen, connect_in_every_way]
AFTER: list[Callable[[Platform], Awaitable[None]]] = [
    connect_in_bad_ways,
    try_connections,
    change_connections,
    change_webhooks,
    break_statements,
    read_everything,
]
"""What needs nothing that is still connected."""
