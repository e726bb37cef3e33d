"""What is said of a request's values without repeating them: one may be a password."""

import re

from graphql import GraphQLError

CUTS = (
    (re.compile(r"(\?)? ?[,;]? [Ff]ound: .*", re.DOTALL), r"\1"),
    (re.compile(r" value: .*", re.DOTALL), " value"),
    (re.compile(r"(cannot represent an? \w+): .*", re.DOTALL), r"\1"),
    (re.compile(r"Value (['\"]).*\1 (does not exist in)", re.DOTALL), r"The value \2"),
    (re.compile(r"((?:Block)?String) '.*", re.DOTALL), r"\1"),
)
"""What graphql-core and strawberry write behind these words is what they were sent."""


def without_echo(error: GraphQLError) -> GraphQLError:
    """The error, its message cut where it begins to repeat a value."""
    said = error.message
    for echo, kept in CUTS:
        said = echo.sub(kept, said)
    if said != error.message:
        error.message = said if said.endswith((".", "?")) else f"{said}."
    return error
