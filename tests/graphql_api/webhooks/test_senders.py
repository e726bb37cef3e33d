"""Many senders share the work, and what they leave is tidied up."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from db import deliveries
from db.deliveries import Claimed, Outcome
from db.sealing import NotOpened, Sealing
from db.secrets import Secrets
from resolvers import delivering, rewrapping, signing
from tests.graphql_api.webhooks.people import PATIENCE, TEAM, Platform, header
from tests.listening import listening, saying


async def claim(platform: Platform, most: int = 100, each: int = 5) -> list[Claimed]:
    return await deliveries.claim(platform.database, most, each, timedelta(seconds=60))


async def test_of_many_who_send_each_gets_others(platform: Platform) -> None:
    hooks = [(await platform.told("workflow.created"))[0] for _ in range(4)]
    for _ in range(5):
        await platform.workflow()

    taken = await asyncio.gather(*(claim(platform, 3) for _ in range(10)))

    ids = [each.id for some in taken for each in some]
    assert len(ids) == len(set(ids)) == 20
    assert {str(each.webhook_id) for some in taken for each in some} == set(hooks)


async def test_a_slow_endpoint_holds_up_no_other(platform: Platform) -> None:
    slow, _ = await platform.told("workflow.created")
    fast, _ = await platform.told("execution.ended")
    await platform.superuser.execute(
        "INSERT INTO webhook_deliveries (workspace_id, webhook_id, event, payload, next_attempt_at)"
        " SELECT $1, $2, 'ping', '{}', now() - interval '1 hour' FROM generate_series(1, 500)",
        TEAM,
        UUID(slow),
    )
    await platform.done("pingWebhook", id=fast)

    first, second = await claim(platform), await claim(platform)

    count = [str(each.webhook_id) for each in first].count
    assert (count(slow), count(fast)) == (5, 1)
    assert second == []  # five are under way


async def test_to_one_that_fails_one_delivery_is_under_way_at_once(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    for _ in range(3):
        await platform.workflow()
    await platform.failing_for(id, 1)

    assert len(await claim(platform)) == 1


async def test_what_a_dead_process_was_sending_another_sends(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    await platform.workflow()
    (lost,) = await claim(platform)
    await platform.superuser.execute(
        "UPDATE webhook_deliveries SET claimed_until = now() - interval '1 second'"
    )
    (taken,) = await claim(platform)

    assert (taken.id, taken.attempt) == (lost.id, 2)
    late = Outcome(ok=False, error="TIMEOUT")
    assert not await deliveries.finish(platform.database, lost, late, PATIENCE)
    assert (await platform.delivery(id))["status"] == "pending"
    await deliveries.finish(platform.database, taken, Outcome(True, 200), PATIENCE)
    assert (await platform.delivery(id))["status"] == "delivered"


async def test_a_running_sender_sends_what_happens(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "LOOK", 0.01)
    arrived = asyncio.Event()

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        arrived.set()

    async with listening(take) as server:
        await platform.told("workflow.created", at=server)
        sending = asyncio.create_task(platform.sender.keep_delivering())
        try:
            await platform.workflow()
            await asyncio.wait_for(arrived.wait(), 10)
        finally:
            sending.cancel()
            await asyncio.wait([sending])
    assert sending.cancelled()


@pytest.mark.parametrize("login", ["mcp_api", "mcp_auth", "mcp_stream", "mcp_maintenance"])
async def test_the_worker_alone_reads_secrets_and_sends(platform: Platform, login: str) -> None:
    for function in (
        "app.read_webhook_secrets(gen_random_uuid())",
        "app.claim_deliveries(1, 1, interval '1 minute')",
        "app.read_webhook_secrets_under_other_keys('', gen_random_uuid(), 1)",
    ):
        async with platform.superuser.transaction():
            await platform.superuser.execute(f"SET LOCAL ROLE {login}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with platform.superuser.transaction():
                    await platform.superuser.execute(f"SELECT * FROM {function}")


async def test_old_deliveries_and_secrets_are_forgotten(platform: Platform) -> None:
    id, _ = await platform.told("workflow.created")
    await platform.done("rotateWebhookSecret", id=id)
    for _ in range(5):
        await platform.workflow()
    await platform.superuser.execute(
        "UPDATE webhook_deliveries SET created_at = created_at - interval '31 days'"
        " WHERE id IN (SELECT id FROM webhook_deliveries LIMIT 3)"
    )
    await platform.superuser.execute(
        "UPDATE secret.webhook_secrets SET expires_at = now() - interval '1 s'"
        " WHERE expires_at IS NOT NULL"
    )
    forget = "SELECT app.forget_deliveries(interval '30 days', 2)"
    async with platform.superuser.transaction():
        await platform.superuser.execute("SET LOCAL ROLE mcp_maintenance")
        gone = [await platform.superuser.fetchval(forget) for _ in range(3)]

    assert gone == [2, 1, 0]
    assert len(await platform.deliveries(id)) == 2
    assert await platform.superuser.fetchval("SELECT count(*) FROM secret.webhook_secrets") == 1


async def test_signing_secrets_come_under_a_new_key_and_sign_as_before(
    platform: Platform, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = "the secret that every test of the database uses"
    later, said = Secrets("the secret that is used from now on", old), list[str]()
    async with listening(saying("200 OK")) as server:
        id, secret = await platform.told(at=server)
        monkeypatch.setattr(platform.database, "sealing", Sealing(later))
        assert await rewrapping.rewrap(platform.database, said.append) is False
        await platform.done("pingWebhook", id=id)
        await platform.sender.deliver()

    assert "Sealed the secrets of 1 of 1 webhooks anew" in said
    delivery, moment = await platform.delivery(id), header(server.requests[0], "webhook-timestamp")
    body = server.bodies[0].decode()
    signed = signing.signatures([secret], str(delivery["id"]), int(moment), body)
    assert header(server.requests[0], "webhook-signature") == signed
    (sealed,) = await deliveries.secrets(platform.database, UUID(id))
    with pytest.raises(NotOpened):
        Sealing(secrets).open(delivering.PURPOSE, sealed, TEAM, UUID(id))
