"""The storm in a bounded form; ``python -m tests.faults --full`` is the whole one."""

from tests.faults.storm import Plan, weather
from tests.streams.bus import INSTALLED


async def test_no_line_is_lost_doubled_or_out_of_order_whatever_breaks() -> None:
    plan = Plan()
    verdict = await weather(plan)
    assert not verdict.wrong, str(verdict)
    assert verdict.deliveries == plan.subscribers * plan.lines, str(verdict)
    assert verdict.faults["server killed"], str(verdict)
    assert verdict.faults["PostgreSQL stopped fast"], str(verdict)
    assert verdict.faults["bus killed"] or not INSTALLED, str(verdict)
