"""The credentials of integrations: sealed by the API, read back by the login ``mcp_worker`` alone.

They are a JSON object of texts, bound to the workspace and the integration that they are of.
"""

from collections.abc import Mapping
from typing import LiteralString
from uuid import UUID

import msgspec

from db.sealing import NotOpened, Sealed, Sealing
from db.session import Database

PURPOSE = "credentials"

OF_INTEGRATION: LiteralString = """
SELECT workspace_id, credentials, credentials_key_id FROM app.read_credentials($1)
"""
TO_TEST: LiteralString = """
SELECT workspace_id, credentials, credentials_key_id FROM app.read_credentials_to_test($1)
"""
OF_WORKSPACE: LiteralString = """
SELECT integration_id, credentials, credentials_key_id FROM app.read_workspace_credentials($1)
"""


def encrypt_credentials(
    sealing: Sealing, workspace_id: UUID, integration_id: UUID, credentials: Mapping[str, str]
) -> Sealed:
    plain = msgspec.json.encode(dict(credentials))
    return sealing.seal(PURPOSE, plain, workspace_id, integration_id)


def decrypt_credentials(
    sealing: Sealing, workspace_id: UUID, integration_id: UUID, sealed: Sealed
) -> dict[str, str]:
    """Raises NotOpened."""
    plain = sealing.open(PURPOSE, sealed, workspace_id, integration_id)
    return msgspec.json.decode(plain, type=dict[str, str])


async def of_integration(database: Database, integration_id: UUID) -> dict[str, str] | None:
    """Those of an active integration; None if there is none. Raises NotOpened."""
    return await _read(database, OF_INTEGRATION, integration_id)


async def to_test(database: Database, integration_id: UUID) -> dict[str, str] | None:
    """Those of an integration of any status. Raises NotOpened."""
    return await _read(database, TO_TEST, integration_id)


async def _read(
    database: Database, statement: LiteralString, integration_id: UUID
) -> dict[str, str] | None:
    async with database.working() as transaction:
        row = await transaction.row(statement, integration_id)
    if row is None:
        return None
    workspace_id, text, key_id = row
    return decrypt_credentials(
        database.sealing, workspace_id, integration_id, Sealed(text, key_id)
    )


async def of_workspace(database: Database, workspace_id: UUID) -> list[dict[str, str]]:
    """Those of all its integrations, switched off ones too; without those that do not open."""
    rows = await database.as_worker(OF_WORKSPACE, workspace_id)
    opened: list[dict[str, str]] = []
    for id, text, key_id in rows:
        try:
            sealed = Sealed(text, key_id)
            opened.append(decrypt_credentials(database.sealing, workspace_id, id, sealed))
        except NotOpened:
            continue  # what nobody can open, nobody can have written into a log
    return opened
