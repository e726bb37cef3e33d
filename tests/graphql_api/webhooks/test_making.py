"""Webhooks are made, changed and removed by who may, and no more of them than fit."""

import asyncio

import pytest

from tests.graphql_api.webhooks.people import TEAM, Data, Platform


async def test_a_webhook_is_made_and_its_secret_is_told_once(platform: Platform) -> None:
    made = await platform.done(
        "createWebhook",
        workspaceId=str(TEAM),
        url="https://hooks.example.org/x",
        events=["execution.ended", "workflow.created", "execution.ended"],
        description="For the team",
    )

    webhook = made["webhook"]
    assert made["signingSecret"].startswith("whsec_")
    assert webhook["events"] == ["workflow.created", "execution.ended"]
    assert (webhook["status"], webhook["description"]) == ("ACTIVE", "For the team")
    sealed = await platform.superuser.fetchval("SELECT secret FROM secret.webhook_secrets")
    assert made["signingSecret"].encode() not in sealed


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": "ftp://example.org/"}, "url"),
        ({"url": "https://user:word@example.org/"}, "url"),
        ({"url": "https://192.168.1.1/"}, "url"),
        ({"url": ""}, "url"),
        ({"events": []}, "events"),
        ({"events": ["ping"]}, "events"),
        ({"events": ["workflow.created", "everything"]}, "events"),
        ({"description": "x" * 256}, "description"),
        ({"description": "a\0b"}, "description"),
    ],
)
async def test_what_cannot_be_a_webhook_is_refused(
    platform: Platform, given: Data, field: str
) -> None:
    wanted: Data = {"url": "https://example.org/", "events": ["workflow.created"], **given}

    error = await platform.refused("createWebhook", workspaceId=str(TEAM), **wanted)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", field])
    id, _ = await platform.told()
    error = await platform.refused("updateWebhook", id=id, **given)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", field])


async def test_of_many_webhooks_made_at_once_twenty_are(platform: Platform) -> None:
    wanted: Data = {"url": "https://example.org/", "events": ["workflow.created"]}
    payloads = await asyncio.gather(
        *(platform("createWebhook", workspaceId=str(TEAM), **wanted) for _ in range(26))
    )

    codes = [error["code"] for payload in payloads for error in payload["errors"]]
    assert codes == ["CONFLICT"] * 6


async def test_what_is_not_named_in_an_update_stays(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created", description="x")

    changed = await platform.done("updateWebhook", id=id, events=["execution.ended"])

    assert changed["webhook"]["events"] == ["execution.ended"]
    assert changed["webhook"]["description"] == "x"
    error = await platform.refused("updateWebhook", id=id, status="FAILED")
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "status"])


async def test_a_webhook_is_removed_with_its_deliveries(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    await platform.workflow()

    assert (await platform.done("deleteWebhook", id=id))["deletedId"] == id

    assert await platform.deliveries(id) == []
    for name in ("deleteWebhook", "pingWebhook"):
        assert (await platform.refused(name, id=id))["code"] == "NOT_FOUND"
