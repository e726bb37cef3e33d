"""What was measured, as a table, as ratios, as JSON and as a drawing."""

import statistics
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

from bench.load import Shot
from bench.queries import QUERIES

COLOURS = {
    "ours": "#2563eb",
    "loaders": "#93c5fd",
    "floor": "#9ca3af",
    "postgraphile": "#f59e0b",
    "naive": "#fca5a5",
}


class Case(NamedTuple):
    query: str
    connections: int
    server: str


Figures = dict[Case, Shot]


def medians(shots: dict[Case, list[Shot]]) -> Figures:
    return {case: _median(taken) for case, taken in shots.items()}


def _median(taken: Sequence[Shot]) -> Shot:
    def of(values: Iterable[float | None]) -> Any:
        given = [value for value in values if value is not None]
        return statistics.median(given) if given else None

    rate, p50, p99, errors, server, postgres = zip(*taken, strict=True)
    return Shot(of(rate), of(p50), of(p99), sum(errors), of(server), of(postgres))


def table(figures: Figures) -> str:
    lines = [
        "| query | connections | server | requests/s | p50 ms | p99 ms |"
        " CPU ms: server | Postgres |",
        "|---|--:|---|--:|--:|--:|--:|--:|",
    ]
    for case, shot in figures.items():
        own, postgres = ("" if each is None else f"{each:.2f}" for each in shot[4:])
        lines.append(
            f"| {case.query} | {case.connections} | {case.server} | {shot.rate:,.0f} |"
            f" {shot.p50:.2f} | {shot.p99:.2f} | {own} | {postgres} |"
        )
    return "\n".join(lines)


def ratios(figures: Figures) -> str:
    """Requests a second of ours over the others', and its p99 over PostGraphile's."""
    lines = [
        "| query | connections | ours / PostGraphile | p99 ours / PostGraphile | ours / floor |"
        " without the plan / naive | ours / without the plan |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for query, connections in dict.fromkeys(case[:2] for case in figures):
        of = {
            case.server: shot for case, shot in figures.items() if case[:2] == (query, connections)
        }
        shown = [
            _over(of, "ours", "postgraphile", "rate"),
            _over(of, "ours", "postgraphile", "p99"),
            _over(of, "ours", "floor", "rate"),
            _over(of, "loaders", "naive", "rate"),
            _over(of, "ours", "loaders", "rate"),
        ]
        lines.append(f"| {query} | {connections} | {' | '.join(shown)} |")
    return "\n".join(lines)


def _over(of: dict[str, Shot], one: str, other: str, what: str) -> str:
    if one not in of or other not in of or not getattr(of[other], what):
        return ""
    return f"{getattr(of[one], what) / getattr(of[other], what):.2f}"


def as_json(figures: Figures) -> list[dict[str, Any]]:
    return [{**case._asdict(), **shot._asdict()} for case, shot in figures.items()]


# The drawing: a group of bars a query, of which the longest fills the width

BAR, GAP, LEFT, WIDTH, SMALL = 16, 22, 480, 1100, 12


def chart(figures: Figures, connections: int) -> str:
    """Bars as long as the requests a second."""
    rows: list[str] = []
    y = 40
    for query in dict.fromkeys(case.query for case in figures):
        of = {
            case.server: shot.rate
            for case, shot in figures.items()
            if (case.query, case.connections) == (query, connections)
        }
        if not of:
            continue
        rows.append(_text(0, y + 12, query, 13))
        rows.append(_text(0, y + 28, QUERIES[query]))
        for server, rate in of.items():
            long = (WIDTH - LEFT - 90) * rate / max(of.values())
            rows.append(
                f'<rect x="{LEFT}" y="{y}" width="{long:.1f}" height="{BAR - 3}"'
                f' fill="{COLOURS.get(server, "#666")}"/>'
            )
            rows.append(_text(LEFT - 8, y + 11, server, anchor="end"))
            rows.append(_text(LEFT + long + 6, y + 11, f"{rate:,.0f}"))
            y += BAR
        y += GAP
    title = _text(0, 16, f"Requests a second, {connections} connections", 15)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 -8 {WIDTH + 32} {y + 8}"'
        f' font-family="system-ui, sans-serif"><rect x="-16" y="-8" width="{WIDTH + 32}"'
        f' height="{y + 8}" fill="#fff"/>{title}{"".join(rows)}</svg>\n'
    )


def _text(x: float, y: float, words: str, size: int = 11, anchor: str = "start") -> str:
    weight = 600 if size > SMALL else 400
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}"'
        f' text-anchor="{anchor}" fill="#111">{escape(words)}</text>'
    )
