"""How long the event loop is held up while many people sign in at once.

    python bench/sign_in.py [people]

Prints how late a timer of a millisecond fires (percentiles, in milliseconds): at rest, while the
passwords are verified as the server does it, and, for comparison, on the loop itself.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from argon2 import PasswordHasher, extract_parameters

from resolvers.passwords import Passwords

TICK = 0.001
PERCENTILES = (50, 90, 99, 100)


async def lateness(until: Awaitable[object]) -> list[float]:
    """How many milliseconds late each tick was, until the work is done."""
    work, late = asyncio.ensure_future(until), list[float]()
    while not work.done():
        due = time.perf_counter() + TICK
        await asyncio.sleep(TICK)
        late.append((time.perf_counter() - due) * 1000)
    await work
    return sorted(late)


async def measure(name: str, work: Callable[[], Awaitable[object]]) -> None:
    began = time.perf_counter()
    late = await lateness(work())
    shown = "  ".join(f"p{p} {late[(len(late) - 1) * p // 100]:8.2f}" for p in PERCENTILES)
    sys.stdout.write(f"{name:14} {time.perf_counter() - began:5.1f} s   {shown}\n")


async def main(people: int) -> None:
    passwords = Passwords()
    stored = await passwords.hash("correct horse battery")

    async def in_threads() -> None:
        await asyncio.gather(*(passwords.verify(stored, "wrong password") for _ in range(people)))

    async def on_the_loop() -> None:
        hasher = PasswordHasher.from_parameters(extract_parameters(stored))
        for _ in range(people):
            hasher.hash("wrong password")
            await asyncio.sleep(0)

    await measure("at rest", lambda: asyncio.sleep(1))
    await measure("in threads", in_threads)
    await measure("on the loop", on_the_loop)
    passwords.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
