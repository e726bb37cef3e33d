"""What each node did, and how long executions took: as counted in the rows themselves."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any

import pytest

from tests import sample
from tests.graph import Row, Rows
from tests.graphql_api.asking import OWNER, Asking

TIMELINE = """
query ($id: ID!) {
  execution(id: $id) {
    timeline {
      nodeId lines debug info warn error durationMs startedAt endedAt
      firstLine { seq message } lastLine { seq }
    }
  }
}
"""
PERFORMANCE = """
fragment numbers on WorkflowPerformance {
  version totalExecutions endedExecutions failedExecutions failureRate p50DurationMs p95DurationMs
}
query ($id: ID!, $since: DateTime!, $until: DateTime) {
  workflow(id: $id) {
    performance(since: $since, until: $until) { ...numbers }
    performanceByVersion(since: $since, until: $until) { ...numbers }
    performanceByNode(since: $since, until: $until) {
      nodeId executions failedExecutions failureRate p50DurationMs p95DurationMs
    }
  }
}
"""
FLOW = sample.of("workflow 1 1")


def lines_of(rows: Rows) -> list[Row]:
    """The lines of the execution with the longest log."""
    seen = rows.seen_by(OWNER)["Execution"]
    return max((rows.behind("Execution.logs", each) for each in seen), key=len)


async def test_the_timeline_tells_what_each_node_said(ask: Asking, rows: Rows) -> None:
    lines = sorted(lines_of(rows), key=lambda line: line["seq"])
    by_node: dict[Any, list[Row]] = defaultdict(list)
    for line in lines:
        by_node[line["node_id"]].append(line)
    answer = await ask(TIMELINE, id=str(lines[0]["execution_id"]))
    timeline = answer["execution"]["timeline"]
    assert [node["nodeId"] for node in timeline] == list(by_node)
    for node, said in zip(timeline, by_node.values(), strict=True):
        assert node["lines"] == len(said)
        for level in ("debug", "info", "warn", "error"):
            assert node[level] == len([line for line in said if line["level"] == level])
        length = said[-1]["timestamp"] - said[0]["timestamp"]
        assert node["durationMs"] == length / timedelta(milliseconds=1)
        assert node["firstLine"] == {"seq": said[0]["seq"], "message": said[0]["message"]}
        assert node["lastLine"] == {"seq": said[-1]["seq"]}


async def test_an_execution_that_says_nothing_has_an_empty_timeline(
    ask: Asking, rows: Rows
) -> None:
    silent = next(
        each for each in rows.seen_by(OWNER)["Execution"] if not rows.behind("Execution.logs", each)
    )
    answer = await ask(TIMELINE, id=str(silent["id"]))
    assert answer["execution"]["timeline"] == []


def measured(executions: list[Row]) -> dict[str, Any]:
    """The numbers of these executions, without those of their version."""
    ended = [each for each in executions if each["status"] in ("success", "failed", "timeout")]
    failed = [each for each in ended if each["status"] != "success"]
    took = [each["duration_ms"] for each in executions if each["duration_ms"] is not None]
    cuts = quantiles(took, n=20, method="inclusive") if len(took) > 1 else took * 19
    return {
        "totalExecutions": len(executions),
        "endedExecutions": len(ended),
        "failedExecutions": len(failed),
        "failureRate": round(100 * len(failed) / len(ended), 2) if ended else None,
        "p50DurationMs": pytest.approx(cuts[9]) if took else None,
        "p95DurationMs": pytest.approx(cuts[18]) if took else None,
    }


def version_of(rows: Rows, execution: Row) -> int | None:
    if execution["workflow_version"] is not None:
        return execution["workflow_version"]
    deployed = rows.behind("Execution.deployment", execution)
    return deployed[0]["workflow_version"] if deployed else None


async def test_performance_is_that_of_the_executions_in_range(ask: Asking, rows: Rows) -> None:
    executions = [each for each in rows.seen_by(OWNER)["Execution"] if each["workflow_id"] == FLOW]
    middle = sorted(each["started_at"] for each in executions)[len(executions) // 2]
    chosen = [each for each in executions if each["started_at"] < middle]
    given: dict[str, Any] = {"since": "2020-01-01T00:00:00Z", "until": middle.isoformat()}
    answer = (await ask(PERFORMANCE, id=str(FLOW), **given))["workflow"]
    assert answer["performance"] == {"version": None, **measured(chosen)}
    versions = {version_of(rows, each) for each in chosen}
    assert len(versions) > 1
    assert answer["performanceByVersion"] == [
        {
            "version": version,
            **measured([each for each in chosen if version_of(rows, each) == version]),
        }
        for version in sorted(versions, key=lambda each: (each is None, each))
    ]


def by_node(rows: Rows, executions: list[Row]) -> list[dict[str, Any]]:
    """What the lines of these executions tell of their nodes."""
    said: dict[str, dict[Any, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for execution in executions:
        for line in rows.behind("Execution.logs", execution):
            if line["node_id"] is not None:
                said[line["node_id"]][execution["id"]].append(line)
    found: list[dict[str, Any]] = []
    for node, runs in sorted(said.items()):
        failed = [run for run in runs.values() if any(line["level"] == "error" for line in run)]
        took = [
            (max(each["timestamp"] for each in run) - min(each["timestamp"] for each in run))
            / timedelta(milliseconds=1)
            for run in runs.values()
        ]
        cuts = quantiles(took, n=20, method="inclusive") if len(took) > 1 else took * 19
        found.append(
            {
                "nodeId": node,
                "executions": len(runs),
                "failedExecutions": len(failed),
                "failureRate": round(100 * len(failed) / len(runs), 2),
                "p50DurationMs": pytest.approx(cuts[9]),
                "p95DurationMs": pytest.approx(cuts[18]),
            }
        )
    return found


async def test_performance_by_node_is_that_of_the_lines_in_range(ask: Asking, rows: Rows) -> None:
    ended = [each for each in rows.seen_by(OWNER)["Execution"] if each["status"] != "running"]
    said = [each for each in ended if rows.behind("Execution.logs", each)]
    flow = Counter(each["workflow_id"] for each in said).most_common(1)[0][0]
    expected = by_node(rows, [each for each in ended if each["workflow_id"] == flow])
    assert expected
    answer = await ask(PERFORMANCE, id=str(flow), since="2020-01-01T00:00:00Z")
    assert answer["workflow"]["performanceByNode"] == expected


async def test_where_nothing_ran_there_are_no_durations(ask: Asking) -> None:
    since = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    until = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    answer = (await ask(PERFORMANCE, id=str(FLOW), since=since, until=until))["workflow"]
    assert answer["performance"] == {"version": None, **measured([])}
    assert answer["performanceByVersion"] == []
    assert answer["performanceByNode"] == []


async def test_a_range_that_ends_before_it_begins_is_refused(ask: Asking) -> None:
    since, until = "2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"
    query = """
    query ($id: ID!, $since: DateTime!, $until: DateTime) {
      workflow(id: $id) { performance(since: $since, until: $until) { totalExecutions } }
    }
    """
    assert await ask.code(query, id=str(FLOW), since=since, until=until) == "INVALID_INPUT"
