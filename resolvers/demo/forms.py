"""The forms that the demonstration's content is written in, and what they mean to the platform."""

from collections.abc import Callable
from random import Random
from typing import Literal, NamedTuple, TypeAlias

from resolvers.definitions import MAIN, Definition, Edge, Node, Position
from resolvers.exact_json import Json

COLUMN, ROW = 240, 140

Facts: TypeAlias = dict[str, str | int | float]
"""What one run is about; log lines name these in braces."""

Rhythm: TypeAlias = Literal["daily", "office hours", "round the clock"]
Ending: TypeAlias = Literal["failed", "timeout", "cancelled"]


class Person(NamedTuple):
    name: str
    email: str
    timezone: str
    locale: str


class Step(NamedTuple):
    """A node. ``at`` is its column and row; ``takes`` is in milliseconds, from and to.

    A line that it ``says`` may begin with its level, as in ``warn: Slow answer``.
    """

    id: str
    type: str
    name: str
    at: tuple[int, int]
    config: dict[str, Json] = {}
    says: tuple[str, ...] = ()
    takes: tuple[int, int] = (8, 60)
    since: int = 1


class Link(NamedTuple):
    """An edge, which the versions from ``since`` to ``until`` have."""

    source: str
    target: str
    port: str | None = None
    kind: str = MAIN
    since: int = 1
    until: int = 99


class Fault(NamedTuple):
    """How a run can go wrong: at which node, and what is said of it."""

    at: str
    message: str
    cause: str = ""
    ending: Ending = "failed"


class Deployed(NamedTuple):
    """A version in an environment, put there so many days ago."""

    environment: Literal["development", "staging", "production"]
    version: int
    by: Person
    days_ago: float
    status: Literal["deploying", "deployed", "failed", "stopped"] = "deployed"
    health: str | None = "healthy"
    config: dict[str, Json] = {}


class Saved(NamedTuple):
    """One version: who saved it, and what they said."""

    by: Person
    changelog: str


class Flow(NamedTuple):
    """A workflow with its versions, where it is deployed, and how it runs.

    A run goes along one of ``paths``; what it is given and answers are the facts of those names.
    ``days`` is when it ran: from so many days ago to so many.
    """

    workspace: str
    name: str
    slug: str
    description: str
    tags: tuple[str, ...]
    status: Literal["draft", "active", "inactive", "archived"]
    versions: tuple[Saved, ...]
    steps: tuple[Step, ...]
    links: tuple[Link, ...]
    deployed: tuple[Deployed, ...] = ()
    runs: int = 0
    days: tuple[float, float] = (20, 0)
    rhythm: Rhythm = "office hours"
    trigger: str = "webhook"
    trigger_data: Facts = {}
    facts: Callable[[Random], Facts] | None = None
    paths: tuple[tuple[str, ...], ...] = ()
    given: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    running: tuple[float, ...] = ()
    """How many seconds ago each run began that still goes on."""

    @property
    def version(self) -> int:
        return len(self.versions)

    def definition(self, version: int) -> Definition:
        """The definition as it was saved in a version."""
        return Definition(
            tuple(_node(step) for step in self.steps if step.since <= version),
            tuple(_edge(link) for link in self.links if link.since <= version <= link.until),
        )


def _node(step: Step) -> Node:
    column, row = step.at
    return Node(step.id, step.type, step.name, step.config, Position(column * COLUMN, row * ROW))


def _edge(link: Link) -> Edge:
    return Edge(link.source, link.target, from_port=link.port, kind=link.kind)
