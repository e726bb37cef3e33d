"""What appending reads, whenever its plan was made."""

import json
from uuid import uuid4

from tests.db.world import World

REPORT = "SELECT * FROM app.report_lines($1, $2, $3, NULL)"
READ = """
SELECT sum(idx_tup_fetch + seq_tup_read)::bigint FROM pg_stat_xact_user_tables
 WHERE relname LIKE 'execution_logs_%'
"""


def lines(many: int) -> str:
    return json.dumps([{"id": str(uuid4()), "message": "x", "node_id": "a"} for _ in range(many)])


async def test_a_plan_made_while_the_log_was_empty_is_good_when_it_is_long(world: World) -> None:
    """On a month's first day every table is empty, and plans are kept."""
    team = await world.team()
    async with world.superuser.transaction():
        await world.superuser.execute("SELECT app.become($1)", team.editor)
        await world.superuser.fetch(REPORT, team.execution, lines(1), ["a"])
        sent = [lines(500) for _ in range(4)]
        for batch in (*sent, sent[0]):
            await world.superuser.fetch(REPORT, team.execution, batch, ["a"])
        read = await world.superuser.fetchval(READ)

    assert read <= 3 * 2_500
