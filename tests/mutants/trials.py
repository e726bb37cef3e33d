"""Tries mutants in processes that are forked off: what a mutant breaks ends with its process."""

import os
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from bench.say import say
from tests.mutants.mutations import Mutant

SECONDS = 300


class Task(NamedTuple):
    file: str
    mutant: Mutant

    @property
    def name(self) -> str:
        return f"{self.file}: {self.mutant.what}"

    @property
    def module(self) -> str:
        return self.file.removesuffix(".py").replace("/", ".")


class Trials:
    """Tries mutants, each in a process of its own, so many at once."""

    def __init__(self, at_once: int, count: int, lives: str = "LIVES ") -> None:
        """``lives`` is what is said of one that no test has noticed."""
        self._at_once, self._count, self._lives = at_once, count, lives
        self._began, self._done = time.monotonic(), 0
        self._running: dict[int, Task] = {}
        self.alive: list[Task] = []

    def begin(self, task: Task, passes: Callable[[Task], bool]) -> None:
        while len(self._running) >= self._at_once:
            self._await_one()

        def in_silence() -> bool:
            silenced()
            return passes(task)

        self._running[forked(in_silence)] = task

    def end(self) -> list[Task]:
        """Those who live."""
        while self._running:
            self._await_one()
        return self.alive

    def _await_one(self) -> None:
        process, status = os.wait()
        task = self._running.pop(process)
        if status == 0:
            self.alive.append(task)
            say(f"{self._lives} {task.file}:{task.mutant.line}  {task.mutant.what}")
        elif os.WIFSIGNALED(status):
            say(f"SLOW   {task.file}:{task.mutant.line}  {task.mutant.what}")
        self._done += 1
        if self._done % 20 == 0:
            say(f"{self._done} of {self._count} after {time.monotonic() - self._began:.0f} s")


def forked(passes: Callable[[], bool]) -> int:
    """Starts a process that ends with 0 if all passes."""
    process = os.fork()
    if process == 0:
        try:
            os._exit(0 if passes() else 1)
        finally:
            os._exit(2)
    return process


def ended(process: int) -> bool:
    """Whether all passed there."""
    return os.waitpid(process, 0)[1] == 0


def silenced() -> None:
    """This process says nothing any more, and does not run for ever."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    signal.alarm(SECONDS)
