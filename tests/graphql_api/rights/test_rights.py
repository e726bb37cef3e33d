"""Every mutation is tried by everybody: who is allowed succeeds, all others change nothing."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from db.session import Database
from resolvers.oauth import Provider, Providers
from tests.graphql_api.asking import Asking
from tests.graphql_api.rights import RIGHTS
from tests.graphql_api.rights.document import document
from tests.graphql_api.rights.table import ASKERS, MUTATIONS, World
from tests.graphql_api.sign_in.providers import (
    CLIENT_ID,
    CLIENT_SECRET,
    REDIRECT_URI,
    issuing,
)

if TYPE_CHECKING:
    from asyncpg import Connection, Record

DOCUMENT = Path(__file__).parents[3] / "docs/permissions.md"
REFUSED = {"UNAUTHENTICATED", "NOT_FOUND", "FORBIDDEN"}
CELLS = [(mutation, asker) for mutation in RIGHTS for asker in ASKERS]
GITHUB = Provider(name="github", client_id=CLIENT_ID, client_secret=CLIENT_SECRET)


@pytest.fixture(scope="module")
async def world(
    own_database: Database,
    own_superuser: "Connection[Record]",
    asking: Callable[..., Asking],
) -> AsyncGenerator[World]:
    async with issuing() as issuer:
        company = replace(GITHUB, name="company", issuer=issuer.url, trust_email=True)
        providers = Providers([GITHUB, company], [REDIRECT_URI])
        ask = asking(own_database, "loaders", providers=providers)
        yield World(ask, own_database, own_superuser, issuer)


def test_every_mutation_has_a_right() -> None:
    assert set(RIGHTS) == set(MUTATIONS)


def test_the_document_of_permissions_says_what_the_table_says() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(RIGHTS)


@pytest.mark.parametrize(("mutation", "asker"), CELLS, ids=[f"{m} by {who}" for m, who in CELLS])
async def test_a_mutation_is_done_for_those_who_may_and_refused_to_others(
    world: World, mutation: str, asker: str
) -> None:
    right = RIGHTS[mutation]
    viewer = await world.viewer(asker, right)
    given = await right.given(world, viewer)
    audited = await world.superuser.fetchval("SELECT count(*) FROM audit_logs")

    errors = (await world.asked(mutation, viewer, "", given))["errors"]

    if asker in right.allowed:
        assert errors == []
    else:
        assert errors
        assert {error["code"] for error in errors} <= REFUSED
        assert await world.superuser.fetchval("SELECT count(*) FROM audit_logs") == audited
