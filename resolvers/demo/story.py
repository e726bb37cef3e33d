"""The runs of the demonstration: when they were, what each said, and how it ended.

The same every time, but for the moment that they are told from.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from resolvers.demo.forms import Deployed, Facts, Fault, Flow, Step

SEED = "demonstration"
FAULTS_IN_A_HUNDRED = 6
BY_HAND_IN_A_HUNDRED = 8
STAGING_IN_A_HUNDRED = 15
SATURDAY = 5
ENGINE_TAKES = 12  # milliseconds, before the first node
PATIENCE = 30_000  # milliseconds, until a node is given up


class Line(NamedTuple):
    node_id: str | None
    level: str
    message: str
    metadata: Facts | None
    timestamp: datetime


class Run(NamedTuple):
    """An execution; ``status`` is running where the last four say nothing."""

    id: UUID
    flow: Flow
    deployed: Deployed | None
    trigger_type: str
    trigger_data: Facts
    input_data: Facts | None
    lines: list[Line]
    status: str = "running"
    output_data: Facts | None = None
    error_message: str | None = None
    error_stack: str | None = None
    duration_ms: int | None = None
    memory_usage_mb: int | None = None
    completed_at: datetime | None = None


def runs(flows: Sequence[Flow], now: datetime) -> list[Run]:
    """Every run of the last weeks, the oldest first."""
    found = [run for flow in flows for run in _runs_of(flow, now)]
    return sorted(found, key=lambda run: run.id)


def _runs_of(flow: Flow, now: datetime) -> Iterator[Run]:
    random = Random(f"{SEED} {flow.slug}")  # noqa: S311 # a story, and the same one every time
    moments = [_moment(flow, number, now, random) for number in range(flow.runs)]
    faults: list[Fault | None] = [*flow.faults]
    for _ in range(flow.runs - len(faults)):
        unlucky = bool(flow.faults) and random.randrange(100) < FAULTS_IN_A_HUNDRED
        faults.append(random.choice(flow.faults) if unlucky else None)
    random.shuffle(faults)
    for began, fault in zip(moments, faults, strict=True):
        yield _Telling(flow, began, now, random).ended(fault)
    for seconds in flow.running:
        yield _Telling(flow, now - timedelta(seconds=seconds), now, random).going_on()


def _moment(flow: Flow, number: int, now: datetime, random: Random) -> datetime:
    """When a run began; always long enough ago to have ended."""
    latest = now - timedelta(minutes=10)
    if flow.rhythm == "daily":
        seven = latest.replace(hour=7, minute=0, second=random.randrange(4), microsecond=0)
        return seven - timedelta(days=number + int(flow.days[1]) + (seven > latest))
    oldest, newest = flow.days
    moment = latest - timedelta(days=random.uniform(newest, oldest))
    if flow.rhythm == "office hours":
        moment = moment.replace(hour=random.randint(7, 17))
        if moment > latest:
            moment -= timedelta(days=1)
        moment -= timedelta(days=max(0, moment.weekday() - SATURDAY + 1))
    return moment


class _Telling:
    """One run while it is made up."""

    def __init__(self, flow: Flow, began: datetime, now: datetime, random: Random) -> None:
        self._flow, self._began, self._random = flow, began, random
        self._facts = flow.facts(random) if flow.facts else {}
        self._deployed = self._choose((now - began) / timedelta(days=1))
        self._version = self._deployed.version if self._deployed else flow.version
        steps = {step.id: step for step in flow.steps if step.since <= self._version}
        self._path = [steps[id] for id in random.choice(flow.paths) if id in steps]
        self._lines: list[Line] = []
        self._passed = 0  # milliseconds

    def ended(self, fault: Fault | None) -> Run:
        """The run, which ended well or by the fault."""
        broken = next((step for step in self._path if fault and step.id == fault.at), None)
        self._say(None, "info", self._opening())
        self._passed += ENGINE_TAKES
        for step in self._path:
            if step is broken:
                break
            self._pass(step)
        if fault is None or broken is None:
            self._say(None, "info", f"Ended well after {self._passed} ms")
            return self._run(status="success", output_data=self._of(self._flow.answers))
        message = self._fill(fault.message)
        self._fail(broken, fault, message)
        stack = None if fault.ending == "cancelled" else self._stack(broken, fault)
        return self._run(status=fault.ending, error_message=message, error_stack=stack)

    def going_on(self) -> Run:
        """The run, which is at some node in the middle."""
        self._say(None, "info", self._opening())
        self._passed += ENGINE_TAKES
        for step in self._path[:2]:
            self._pass(step)
        self._begin(self._path[2])
        return self._so_far()

    # Nodes

    def _begin(self, step: Step) -> None:
        self._say(step, "debug", f"{step.name} begins", {"type": step.type})

    def _pass(self, step: Step) -> None:
        took = self._random.randint(*step.takes)
        self._begin(step)
        for number, said in enumerate(step.says, 1):
            level, _, message = said.partition(": ")
            if level not in ("debug", "warn"):
                level, message = "info", said
            self._say(step, level, self._fill(message), after=took * number // (len(step.says) + 1))
        self._passed += took
        self._say(step, "debug", f"{step.name} is done", {"durationMs": took})

    def _fail(self, step: Step, fault: Fault, message: str) -> None:
        self._begin(step)
        if fault.ending == "cancelled":
            self._passed += self._random.randint(*step.takes)
            self._say(step, "warn", message)
        elif fault.ending == "timeout":
            self._passed += PATIENCE
            self._say(step, "error", message)
        else:
            for attempt in (1, 2):
                self._passed += self._random.randint(400, 2500)
                again: Facts = {"attempt": attempt, "of": 3}
                self._say(step, "warn", f"Attempt {attempt} failed; trying again", again)
            self._passed += step.takes[1]
            self._say(step, "error", message, {"attempt": 3, "of": 3})
        self._say(None, "error" if fault.ending == "failed" else "warn", f"Ended: {fault.ending}")

    # Words

    def _opening(self) -> str:
        where = f"in {self._deployed.environment}" if self._deployed else "by hand"
        return f"{self._flow.name}, version {self._version}, begins {where}"

    def _fill(self, text: str) -> str:
        return text.format_map(self._facts)

    def _of(self, names: Sequence[str]) -> Facts | None:
        return {name: self._facts[name] for name in names} or None

    def _stack(self, step: Step, fault: Fault) -> str:
        cause = self._fill(fault.cause) or "Timeout: no answer"
        node = f"  at {step.id} ({step.type})"
        return f"{cause}\n{node}\n  at {self._flow.slug}, version {self._version}"

    def _say(
        self,
        step: Step | None,
        level: str,
        message: str,
        metadata: Facts | None = None,
        after: int = 0,
    ) -> None:
        at = self._began + timedelta(milliseconds=self._passed + after)
        self._lines.append(Line(step.id if step else None, level, message, metadata, at))

    # The whole

    def _choose(self, days_ago: float) -> Deployed | None:
        """Where it ran: mostly in production, now and then by hand or for a last look."""
        up = [
            each
            for each in self._flow.deployed
            if each.days_ago >= days_ago and each.status in ("deployed", "stopped")
        ]
        luck = self._random.randrange(100)
        if not up or luck < BY_HAND_IN_A_HUNDRED:
            return None
        second = luck < BY_HAND_IN_A_HUNDRED + STAGING_IN_A_HUNDRED
        return up[1] if second and up[1:] and up[1].status == "deployed" else up[0]

    def _so_far(self) -> Run:
        by_hand = self._deployed is None
        return Run(
            id=_id(self._began, self._random),
            flow=self._flow,
            deployed=self._deployed,
            trigger_type="manual" if by_hand else self._flow.trigger,
            trigger_data={"by": "Ada Lindqvist"} if by_hand else self._flow.trigger_data,
            input_data=self._of(self._flow.given),
            lines=self._lines,
        )

    def _run(
        self,
        *,
        status: str,
        output_data: Facts | None = None,
        error_message: str | None = None,
        error_stack: str | None = None,
    ) -> Run:
        return self._so_far()._replace(
            status=status,
            output_data=output_data,
            error_message=error_message,
            error_stack=error_stack,
            duration_ms=self._passed,
            memory_usage_mb=self._random.randint(48, 310),
            completed_at=self._began + timedelta(milliseconds=self._passed),
        )


def _id(began: datetime, random: Random) -> UUID:
    """A UUIDv7 of that moment."""
    moment = int(began.timestamp() * 1000) << 80
    number = moment | 0x7 << 76 | random.getrandbits(12) << 64 | 0b10 << 62 | random.getrandbits(62)
    return UUID(int=number)
