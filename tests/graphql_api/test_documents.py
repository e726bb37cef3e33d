"""Documents are kept for who sends them again, and no more of them than memory is meant for."""

import pytest

from graphql_api import documents
from graphql_api.documents import Documents
from graphql_api.limits import Limits
from graphql_api.messages import Body
from graphql_api.schema import schema
from graphql_api.trusted import Trusted

FIRST, SECOND, THIRD = (Body(f"query {name} {{ viewer {{ __typename }} }}") for name in "ABC")


@pytest.fixture
def kept() -> Documents:
    core = schema._schema  # pyright: ignore[reportPrivateUsage]
    return Documents(core, Limits(), Trusted(), introspection=True, suggestions=True)


def test_a_document_that_is_sent_again_is_not_read_again(kept: Documents) -> None:
    assert kept.of(FIRST) is kept.of(FIRST)


def test_the_document_that_was_not_sent_for_longest_makes_room(
    kept: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_DOCUMENTS", 2)
    first, second = kept.of(FIRST), kept.of(SECOND)
    assert kept.of(FIRST) is first
    kept.of(THIRD)

    assert kept.of(FIRST) is first
    assert kept.of(SECOND) is not second


def test_documents_are_kept_by_their_length_too(
    kept: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_CHARACTERS", 2 * len(FIRST.query or ""))
    first, second = kept.of(FIRST), kept.of(SECOND)
    assert kept.of(FIRST) is first
    kept.of(THIRD)

    assert kept.of(FIRST) is first
    assert kept.of(SECOND) is not second
