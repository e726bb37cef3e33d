"""A line of the log for machines is JSON of one form, however it came about."""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Generator
from io import BytesIO, TextIOWrapper
from typing import Any

import pytest
import structlog

from graphql_api import log, told
from graphql_api.settings import read_settings

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Generator[Lines]:
    """What was logged, from level info on, or that of the parameter."""
    written = BytesIO()
    monkeypatch.setattr(sys, "stderr", TextIOWrapper(written, write_through=True))
    monkeypatch.setattr(log.Straight, "to", None)
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    log.set_up(read_settings(log_format="json", log_level=getattr(request, "param", "info")))
    try:
        yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)


def test_a_line_with_a_traceback_has_the_form_of_one_without(lines: Lines) -> None:
    told.begin("r-1")
    logger = structlog.get_logger()
    logger.warning("said", number=1)
    try:
        raise ValueError("no")
    except ValueError as error:
        logger.warning("said", number=1, exc_info=error)
    plain, traced = lines()
    assert traced.pop("exception")[0]["exc_type"] == "ValueError"
    assert plain.keys() == traced.keys()
    for line in plain, traced:
        assert len(line.pop("timestamp")) == len("2026-01-02T03:04:05.678901Z")
    assert plain == traced


def test_what_a_library_says_has_that_form_too(lines: Lines) -> None:
    told.begin("r-1")
    logging.getLogger("uvicorn.error").warning("said")
    structlog.get_logger().warning("said")
    theirs, ours = lines()
    assert {name: theirs[name] for name in ours if name != "timestamp"} == {
        name: text for name, text in ours.items() if name != "timestamp"
    }


def test_what_is_told_of_a_request_is_on_no_line_of_the_next(lines: Lines) -> None:
    told.begin("r-1")
    told.tell(viewer="ada")
    structlog.get_logger().info("first")
    told.begin("r-2")
    structlog.get_logger().info("second")
    first, second = lines()
    assert (first["request_id"], first["viewer"]) == ("r-1", "ada")
    assert second["request_id"] == "r-2"
    assert "viewer" not in second


async def test_what_is_told_of_every_request_has_that_form_and_comes_in_order(lines: Lines) -> None:
    told.begin("r-1")
    log.info("said", number=1)
    structlog.get_logger().info("said", number=2)
    log.info("said", number=3)
    assert lines() == []
    await asyncio.sleep(0)
    first, second, third = lines()
    assert [first["number"], second["number"], third["number"]] == [1, 2, 3]
    assert first.keys() == second.keys()
    assert first["request_id"] == "r-1"


@pytest.mark.parametrize("lines", ["warning"], indirect=True)
def test_what_is_told_of_every_request_heeds_the_level(lines: Lines) -> None:
    log.info("said")
    structlog.get_logger().warning("said")
    assert [line["level"] for line in lines()] == ["warning"]
