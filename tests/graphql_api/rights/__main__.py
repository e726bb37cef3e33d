"""Writes ``docs/permissions.md``."""

from pathlib import Path

from tests.graphql_api.rights import RIGHTS
from tests.graphql_api.rights.document import document

PERMISSIONS = Path(__file__).parents[3] / "docs/permissions.md"

if __name__ == "__main__":
    PERMISSIONS.write_text(document(RIGHTS), encoding="utf-8")
