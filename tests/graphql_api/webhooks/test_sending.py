"""How a delivery is signed, sent, tried again and given up."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from db import deliveries
from db.partitions import backlog
from resolvers import delivering, signing
from resolvers.delivering import pause
from tests.counted import counted, since
from tests.graphql_api.webhooks.people import Platform, header
from tests.listening import listening, saying


async def test_what_is_sent_is_signed_as_standard_webhooks_has_it(platform: Platform) -> None:
    async with listening(saying("204 No Content")) as server:
        id, secret = await platform.told("workflow.created", at=server)
        await platform.workflow()
        assert await platform.sender.deliver() == 1

    (head,) = server.requests
    delivery = await platform.delivery(id)
    assert head.startswith(b"POST /hook HTTP/1.1")
    assert header(head, "content-type") == "application/json"
    assert header(head, "webhook-id") == str(delivery["id"])
    body = server.bodies[0].decode()
    assert json.loads(body) == json.loads(delivery["payload"])
    moment = int(header(head, "webhook-timestamp"))
    signed = signing.signatures([secret], str(delivery["id"]), moment, body)
    assert header(head, "webhook-signature") == signed
    assert (delivery["status"], delivery["response_status"]) == ("delivered", 204)
    assert (delivery["attempts"], delivery["next_attempt_at"]) == (1, None)


def test_a_signature_is_the_one_of_the_specification() -> None:
    """The example of the Standard Webhooks specification."""
    secret = "whsec_plJ3nmyCDGBKInavdOK15jsl"
    body = '{"event_type":"ping","data":{"success":true}}'
    signed = signing.signatures([secret], "msg_loFOjxBNrRLzqYUf", 1731705121, body)

    assert signed == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


async def test_for_a_time_of_grace_both_secrets_sign(platform: Platform) -> None:
    async with listening(saying("200 OK")) as server:
        id, _ = await platform.told(at=server)
        for grace, signed in ((24, 2), (24, 2), (0, 1)):
            made = await platform.done("rotateWebhookSecret", id=id, graceHours=grace)
            assert made["signingSecret"].startswith("whsec_")
            await platform.done("pingWebhook", id=id)
            await platform.sender.deliver()
            signatures = header(server.requests[-1], "webhook-signature").split()
            assert len(signatures) == signed
    error = await platform.refused("rotateWebhookSecret", id=id, graceHours=169)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "graceHours"])


@pytest.mark.parametrize(
    ("head", "error"),
    [
        ("500 Oops", "NOT_ACCEPTED"),
        ("302 Found\r\nLocation: /elsewhere", "NOT_ACCEPTED"),
        ("404 Not Found", "NOT_ACCEPTED"),
    ],
)
async def test_what_is_not_accepted_is_tried_again(
    platform: Platform, head: str, error: str
) -> None:
    async with listening(saying(head)) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.workflow()
        assert await platform.sender.deliver() == 1
        failed = await platform.delivery(id)
        await platform.due_now()
        assert await platform.sender.deliver() == 1

    assert (failed["status"], failed["error"], failed["attempts"]) == ("pending", error, 1)
    assert failed["response_status"] == int(head[:3])
    assert failed["next_attempt_at"] > failed["last_attempt_at"]
    assert len(server.requests) == 2
    assert header(server.requests[0], "webhook-id") == header(server.requests[1], "webhook-id")


async def test_an_address_inside_is_never_called(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created", url="https://localhost:8443/")
    await platform.superuser.execute("UPDATE webhooks SET url = 'https://10.0.0.1/'")
    await platform.workflow()

    await platform.sender.deliver()

    assert (await platform.delivery(id))["error"] == "ADDRESS_REFUSED"


def test_pauses_grow_to_a_limit_and_end() -> None:
    pauses = [pause(attempt) for attempt in range(1, 12)]

    assert all(each is not None for each in pauses)
    seconds = [each.total_seconds() for each in pauses if each]
    assert all(
        0.8 * 10 * 3**n <= each <= 1.2 * 10 * 3**n for n, each in enumerate(seconds[:6])
    )
    assert max(seconds) == delivering.LONGEST_PAUSE.total_seconds()
    assert timedelta(days=1) < timedelta(seconds=sum(seconds)) < timedelta(days=3)
    assert pause(12) is None


@pytest.mark.parametrize(
    ("wanted", "least"),
    [("100", 100), ("9999999", 8), ("-5", 8), ("soon", 8), ("٣", 8), ("999999", 28_800)],
)
def test_an_endpoint_may_ask_for_a_longer_pause(wanted: str, least: int) -> None:
    found = pause(1, wanted)

    assert found is not None
    assert least <= found.total_seconds() <= max(least, 12)


async def test_after_its_last_attempt_a_delivery_is_given_up(platform: Platform) -> None:
    async with listening(saying("500 Oops")) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.workflow()
        await platform.superuser.execute("UPDATE webhook_deliveries SET attempts = 11")
        await platform.sender.deliver()

    assert (await platform.delivery(id))["status"] == "failed"
    assert await platform.status(id) == "active"


async def test_what_came_of_attempts_is_counted_and_so_is_what_waits(platform: Platform) -> None:
    outcomes = ("webhook_deliveries_total", "delivered", "retried", "given_up")
    before, hooks = counted(*outcomes), REGISTRY.get_sample_value("webhooks_given_up_total")
    async with (
        listening(saying("200 OK")) as good,
        listening(saying("500 Oops")) as bad,
        listening(saying("410 Gone")) as gone,
    ):
        for server in (good, good, bad, gone):
            await platform.told("workflow.created", at=server)
        await platform.workflow()
        waiting = await backlog(platform.database)
        assert (waiting.deliveries_due, waiting.deliveries_later) == (4, 0)
        await platform.sender.deliver()

    assert since(before, counted(*outcomes)) == [2, 1, 1]
    assert REGISTRY.get_sample_value("webhooks_given_up_total") == (hooks or 0) + 1
    waiting = await backlog(platform.database)
    assert (waiting.deliveries_due, waiting.deliveries_later) == (0, 1)


async def test_what_an_inactive_webhook_has_left_waits_for_nothing(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    await platform.workflow()
    await platform.done("updateWebhook", id=id, status="INACTIVE")
    assert (await backlog(platform.database)).deliveries_due == 0


async def test_where_nothing_arrives_for_days_nothing_more_is_sent(platform: Platform) -> None:
    async with listening(saying("500 Oops")) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.workflow()
        await platform.failing_for(id, 6)
        await platform.sender.deliver()
        assert await platform.status(id) == "active"

        await platform.superuser.execute("UPDATE webhook_deliveries SET attempts = 11")
        await platform.due_now()
        await platform.sender.deliver()

    assert await platform.status(id) == "failed"
    row = await platform.superuser.fetchrow(
        "SELECT action, user_id, details FROM audit_logs WHERE resource_id = $1"
        " ORDER BY id DESC LIMIT 1",
        UUID(id),
    )
    assert row is not None
    assert (row["action"], row["user_id"]) == ("webhook.update", None)
    assert json.loads(row["details"])["new"] == {"status": "failed"}
    again = await platform.done("updateWebhook", id=id, status="ACTIVE")
    assert (again["webhook"]["status"], again["webhook"]["failingSince"]) == ("ACTIVE", None)


async def test_an_endpoint_that_is_gone_for_good_is_not_called_again(platform: Platform) -> None:
    async with listening(saying("410 Gone")) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.workflow()
        await platform.sender.deliver()

    assert (await platform.delivery(id))["error"] == "ENDPOINT_GONE"
    assert await platform.status(id) == "failed"


async def test_what_arrives_ends_the_failing(platform: Platform) -> None:
    async with listening(saying("200 OK")) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.failing_for(id, 6)
        await platform.workflow()
        await platform.sender.deliver()

    row = await platform.superuser.fetchrow("SELECT * FROM webhooks WHERE id = $1", UUID(id))
    assert row is not None
    assert row["failing_since"] is None
    assert row["last_delivered_at"] is not None


async def test_a_switched_off_webhook_gets_what_waits_when_it_is_on_again(
    platform: Platform,
) -> None:
    async with listening(saying("200 OK")) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.workflow()
        await platform.done("updateWebhook", id=id, status="INACTIVE")
        assert await platform.sender.deliver() == 0
        assert (await platform.refused("pingWebhook", id=id))["code"] == "CONFLICT"
        await platform.done("updateWebhook", id=id, status="ACTIVE")
        assert await platform.sender.deliver() == 1


async def test_a_delivery_is_sent_again_by_hand_under_its_id(platform: Platform) -> None:
    async with listening(saying("200 OK")) as server:
        id, _ = await platform.told("workflow.created", at=server)
        await platform.workflow()
        await platform.sender.deliver()
        delivery = str((await platform.delivery(id))["id"])

        again = await platform.done("redeliverWebhook", id=delivery)

        assert (again["delivery"]["status"], again["delivery"]["attempts"]) == ("PENDING", 0)
        await platform.sender.deliver()
    assert [header(each, "webhook-id") for each in server.requests] == [delivery] * 2


async def test_what_is_under_way_is_not_sent_again_by_hand(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    await platform.workflow()
    (claimed,) = await deliveries.claim(platform.database, 10, 5, timedelta(seconds=60))

    error = await platform.refused("redeliverWebhook", id=str(claimed.id))

    assert (error["code"], error["path"]) == ("CONFLICT", ["id"])
    await platform.done("updateWebhook", id=id, status="INACTIVE")
    assert (await platform.refused("redeliverWebhook", id=str(claimed.id)))["code"] == "CONFLICT"
