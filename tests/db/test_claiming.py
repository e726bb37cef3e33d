"""What claiming deliveries reads, however many wait."""

from tests.db.world import World

READ = """
SELECT sum(idx_tup_fetch + seq_tup_read)::bigint FROM pg_stat_xact_user_tables
 WHERE relname = 'webhook_deliveries'
"""
CLAIM = "SELECT count(*) FROM app.claim_deliveries(50, 5, interval '1 minute')"
WAIT = """
INSERT INTO webhook_deliveries (workspace_id, webhook_id, event, payload, next_attempt_at)
SELECT w.workspace_id, w.id, 'ping', '{}', now() + n % 2 * interval '1 hour' - interval '1 s'
  FROM webhooks w, generate_series(1, $1 / CASE w.description WHEN 'many' THEN 1 ELSE 1000 END) n
"""


async def test_a_claim_reads_no_more_where_thousands_wait(world: World) -> None:
    """Whenever its plan was made: it is kept while the queue grows."""
    team = await world.team()
    await world.superuser.execute(
        "INSERT INTO webhooks (workspace_id, description, url, events, created_by)"
        " SELECT $1, CASE n WHEN 1 THEN 'many' ELSE '' END, 'https://example.org/',"
        "        '{execution.ended}', $2 FROM generate_series(1, 10) n",
        team.workspace,
        team.owner,
    )
    async with world.superuser.transaction():
        await world.superuser.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await world.superuser.execute("SET LOCAL enable_seqscan = off")
        assert await world.superuser.fetchval(CLAIM) == 0
        await world.superuser.execute(WAIT, 10_000)
        before = await world.superuser.fetchval(READ)
        claimed = await world.superuser.fetchval(CLAIM)
        read = await world.superuser.fetchval(READ) - before

    assert claimed == 5 * 10
    assert read < 500
