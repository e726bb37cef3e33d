"""A statement that was put together before is found again, until too many are kept."""

import pytest

from db import statements
from db.session import bound
from db.statements import Statements


def test_a_statement_is_put_together_once() -> None:
    kept = Statements()
    first = kept.of(("SELECT ", "1"), 2)
    assert first == bound("SELECT 1", 2)
    assert kept.of(("SELECT ", "1"), 2) is first


def test_no_more_are_kept_than_memory_is_meant_for(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Statements()
    first = kept.of(("SELECT 1",), 0)
    monkeypatch.setattr(statements, "MOST_CHARACTERS", 2 * len(first))
    second = kept.of(("SELECT 2",), 0)
    assert kept.of(("SELECT 1",), 0) is first

    third = kept.of(("SELECT 3",), 0)
    assert kept.of(("SELECT 2",), 0) is not second
    assert kept.of(("SELECT 3",), 0) is third
