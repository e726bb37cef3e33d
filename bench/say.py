"""What the person at the terminal is told while it works; results go to standard output."""

import sys


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def show(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
