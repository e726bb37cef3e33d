"""Second factors: sealed keys that codes are made of, and hashed recovery codes."""

from uuid import UUID

import msgspec

from db.session import Client, Database


class SecondFactorRow(msgspec.Struct, frozen=True):
    """``key`` is sealed. Sign-in asks for a code once it is ``confirmed``."""

    key: bytes
    confirmed: bool


BEGIN = "SELECT app.begin_second_factor($1, $2)"
FIND = "SELECT key, confirmed FROM app.find_second_factor($1)"
USE_STEP = "SELECT app.use_step($1, $2, $3)"
USE_RECOVERY_CODE = "SELECT app.use_recovery_code($1, $2)"
REPLACE_RECOVERY_CODES = "SELECT app.replace_recovery_codes($1, $2)"
CONFIRM = "SELECT app.confirm_second_factor($1, $2)"
DISABLE = "SELECT app.disable_second_factor($1)"
NOTE_FAILED = "SELECT app.note_failed_factor($1)"


async def begin(database: Database, user_id: UUID, key: bytes) -> bool:
    """Keep a key to be confirmed. False where one is confirmed already."""
    async with database.signing_in() as transaction:
        return await transaction.value(BEGIN, user_id, key)


async def find(database: Database, user_id: UUID) -> SecondFactorRow | None:
    async with database.signing_in() as transaction:
        found = await transaction.row(FIND, user_id)
    return SecondFactorRow(*found) if found else None


async def use_step(database: Database, user_id: UUID, key: bytes, step: int) -> bool:
    """Whether the code of this step may be used: none twice, none older than the last."""
    async with database.signing_in() as transaction:
        return await transaction.value(USE_STEP, user_id, key, step)


async def use_recovery_code(
    database: Database, user_id: UUID, code_hash: bytes, client: Client
) -> bool:
    """Whether there was this code: it is used up. Of several at once, one gets it."""
    async with database.signing_in(client) as transaction:
        return await transaction.value(USE_RECOVERY_CODE, user_id, code_hash)


async def replace_recovery_codes(
    database: Database, user_id: UUID, hashes: list[bytes], client: Client
) -> None:
    async with database.signing_in(client) as transaction:
        await transaction.value(REPLACE_RECOVERY_CODES, user_id, hashes)


async def confirm(
    database: Database, user_id: UUID, hashes: list[bytes], client: Client
) -> bool:
    """Have sign-in ask for it. False where it does already."""
    async with database.signing_in(client) as transaction:
        return await transaction.value(CONFIRM, user_id, hashes)


async def disable(database: Database, user_id: UUID, client: Client) -> None:
    async with database.signing_in(client) as transaction:
        await transaction.value(DISABLE, user_id)


async def note_failed(database: Database, user_id: UUID, client: Client) -> None:
    async with database.signing_in(client) as transaction:
        await transaction.value(NOTE_FAILED, user_id)
