"""What a plan makes of values, as PostgreSQL writes it."""

from typing import TYPE_CHECKING

import msgspec
import pytest

from db.plan import (
    MOST_ARGUMENTS,
    Sql,
    Text,
    broken,
    json_list,
    json_object,
    nullable,
    number,
    promised,
    sql,
    subselect,
)

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


async def answered(on_server: "Connection[Record]", text: Text | Sql) -> bytes:
    piece = text.sql if isinstance(text, Text) else text
    assert isinstance(piece, str)
    return (await on_server.fetchval(f"SELECT {piece}")).encode()


@pytest.mark.parametrize("count", [0, 1, MOST_ARGUMENTS // 2, MOST_ARGUMENTS, 3 * MOST_ARGUMENTS])
async def test_an_object_has_any_number_of_fields(
    on_server: "Connection[Record]", count: int
) -> None:
    wide = json_object({f"f{number}": f"{number}::text" for number in range(count)})

    assert msgspec.json.decode(await answered(on_server, wide)) == {
        f"f{number}": number for number in range(count)
    }


def test_an_object_in_another_is_put_together_with_it() -> None:
    inner = json_object({"a": "1::text", "b": Text(("true",))})

    assert json_object({"c": inner, "d": "2::text"}).sql == (
        """concat('{"c":{"a":', 1::text, ',"b":true},"d":', 2::text, '}')"""
    )


async def test_a_list_is_in_the_order_of_its_rows_or_by_a_column_and_of_some(
    on_server: "Connection[Record]",
) -> None:
    rows = "(VALUES (2, 'b'), (3, 'c'), (1, 'a')) AS r (number, name)"
    item = json_object({"n": "r.number::text"})

    async def listed(shown: Text) -> list[int]:
        found = await answered(on_server, subselect(shown.sql, rows))
        return [each["n"] for each in msgspec.json.decode(found)]

    assert await listed(json_list(item)) == [2, 3, 1]
    assert await listed(json_list(item, by="r.name")) == [1, 2, 3]
    assert await listed(json_list(item, only="r.number > 1")) == [2, 3]
    assert await listed(json_list(item, only="r.number > 3")) == []


async def test_a_value_that_is_missing_spoils_no_answer(on_server: "Connection[Record]") -> None:
    may_be = json_object({"a": nullable("to_json(NULL::int)"), "b": promised("to_json(7)")})
    must_be = json_object({"a": promised("to_json(NULL::int)"), "b": nullable("to_json(7)")})

    assert await answered(on_server, may_be) == b'{"a":null,"b":7}'
    assert not broken(await answered(on_server, may_be))
    assert broken(await answered(on_server, must_be))
