"""What a plan makes of values, as PostgreSQL writes it."""

from typing import TYPE_CHECKING

import pytest

from db.plan import number, sql

if TYPE_CHECKING:
    from asyncpg import Connection, Record


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (3.0, "3.0"),
        (-7.0, "-7.0"),
        (2.5, "2.5"),
        (-0.125, "-0.125"),
        (9999999999999998.0, "9999999999999998.0"),
        (1e16, "1e+16"),
        (1e300, "1e+300"),
        (None, None),
    ],
)
async def test_a_number_is_a_float_however_whole_it_is(
    on_server: "Connection[Record]", value: float | None, text: str | None
) -> None:
    query = f"SELECT {number('x.y')}::text FROM (VALUES ($1::float8)) AS x(y)"

    assert await on_server.fetchval(query, value) == text


def test_texts_are_joined_once_for_all_requests() -> None:
    assert sql() == ""
    assert sql("a", "b", "c") == "abc"
