"""The scalars that GraphQL itself does not have, and how each is written."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NewType
from uuid import UUID

import msgspec
import strawberry
from graphql import GraphQLError
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry.types.scalar import ScalarDefinition

from db.json import Json

BigInt = NewType("BigInt", int)


def _rfc3339(moment: datetime) -> str:
    """As PostgreSQL writes a timestamptz into JSON under UTC: no trailing zeros in the fraction."""
    text = moment.isoformat()
    return f"{text[:-6].rstrip('0')}+00:00" if moment.microsecond else text


def _moment(value: Any) -> datetime:
    """A moment in UTC, of a text as RFC 3339 has it: with its zone."""
    try:
        moment = msgspec.convert(value, datetime)
        if moment.tzinfo is None:
            raise GraphQLError(
                f"{value!r} has no zone; write Z or an offset such as +02:00 behind it"
            )
        return moment.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        raise GraphQLError(f"{value!r} is no time as RFC 3339 has it") from None


def _as_written(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def _json(value: Any) -> Json:
    return Json(msgspec.json.encode(value).decode())


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment as RFC 3339 has it, with its zone; answers are in UTC.",
        serialize=_rfc3339,
        parse_value=_moment,
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
    ),
    Json: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        serialize=_as_written,
        parse_value=_json,
    ),
    UUID: replace(
        DEFAULT_SCALAR_REGISTRY[UUID],
        description="A UUID in its usual form, with hyphens.",
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc9562",
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number of up to 64 bits, as a JSON number.",
        serialize=int,
        parse_value=int,
    ),
}
