"""``python -m tests.faults [--full]``: the storm, with its verdict in a line."""

import asyncio
import logging
import sys

import structlog

from tests.faults.storm import Plan, weather

FULL = Plan(lines=2_600, seconds=150.0, pause=2.0)


def main() -> int:
    # Everybody complains of the weather; the verdict is what matters.
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    verdict = asyncio.run(weather(FULL if "--full" in sys.argv[1:] else Plan()))
    sys.stdout.write(f"{verdict}\n")
    return 1 if verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
