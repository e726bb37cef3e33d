"""Codes of the second factor: those that change every thirty seconds (RFC 6238), each accepted
once, and recovery codes, each good once.
"""

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime
from uuid import UUID

from pyotp.totp import TOTP

from db import second_factors
from db.sealing import Box, Sealing
from db.session import Client
from resolvers import allowances
from resolvers.context import Resources
from resolvers.errors import Refusal

DRIFT = 1
"""Steps of thirty seconds that a clock may be off."""
CODE = re.compile(r"[0-9]{6}")
RECOVERY_CODES = 10
LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Without those that are taken for each other: l and 1, o and 0."""
GROUPS, GROUP = 4, 4
"""80 random bits: no hash of them is guessed."""


class InvalidCode(Refusal):
    """The code is wrong, was used before, or is of another time."""

    code = "INVALID_CODE"


def box(sealing: Sealing) -> Box:
    """Seals the keys that codes are made of, each for its user."""
    return Box(sealing, "second factor")


async def check_code(resources: Resources, client: Client, user_id: UUID, code: str) -> str:
    """Use the code up: ``totp`` or ``recovery_code``, whichever it was.

    Raises InvalidCode, RateLimited.
    """
    turns = allowances.code_guess(str(user_id), client)
    await allowances.spend(resources, turns)
    if not (kind := await _used(resources, client, user_id, code)):
        await second_factors.note_failed(resources.database, user_id, client)
        raise InvalidCode("The code is wrong, was used already, or is too old; try the next one.")
    await allowances.give_back(resources, turns)
    return kind


async def _used(resources: Resources, client: Client, user_id: UUID, code: str) -> str | None:
    code = code.strip().replace(" ", "").lower()
    if CODE.fullmatch(code):
        return "totp" if await use_totp(resources, user_id, code, confirmed=True) else None
    hashed = recovery_hash(user_id, code)
    used = await second_factors.use_recovery_code(resources.database, user_id, hashed, client)
    return "recovery_code" if used else None


async def use_totp(resources: Resources, user_id: UUID, code: str, *, confirmed: bool) -> bool:
    """Whether this is a code of now, by the key that is confirmed or not yet; it is used up."""
    found = await second_factors.find(resources.database, user_id)
    if found is None or found.confirmed is not confirmed:
        return False
    totp = TOTP(box(resources.database.sealing).open(found.key, user_id).decode())
    now = totp.timecode(datetime.now(UTC))
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step), code):
            return await second_factors.use_step(resources.database, user_id, found.key, step)
    return False


def new_recovery_codes() -> list[str]:
    return [_new_recovery_code() for _ in range(RECOVERY_CODES)]


def _new_recovery_code() -> str:
    return "-".join(
        "".join(secrets.choice(LETTERS) for _ in range(GROUP)) for _ in range(GROUPS)
    )


def recovery_hash(user_id: UUID, code: str) -> bytes:
    """What is stored of a recovery code; dashes do not count."""
    plain = code.replace("-", "").encode(errors="replace")
    return hashlib.sha256(user_id.bytes + plain).digest()
