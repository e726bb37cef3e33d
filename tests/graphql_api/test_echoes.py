"""A request that cannot be read is told why, and nothing of what it sent."""

import pytest
from graphql import GraphQLError

from graphql_api.echoes import without_echo


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Expected value of type 'X' to include required field 'y', found: {'a': 'b'}.", None),
        (
            "Expected value of type 'X' not to include unknown field 'y'. Did you mean 'z'?"
            " Found: {'y': 'b'}.",
            "Expected value of type 'X' not to include unknown field 'y'. Did you mean 'z'?",
        ),
        ("Expected value of type 'X', but encountered error 'no'; found: 'b\nb'.", None),
        ("String cannot represent a non string value: ['b']", None),
        ('Value cannot represent a UUID: "\'b". badly formed hexadecimal UUID string', None),
        (
            "Value 'b' does not exist in 'X' enum. Did you mean the enum value 'C'?",
            "The value does not exist in 'X' enum. Did you mean the enum value 'C'?",
        ),
        ("Syntax Error: Expected ':', found String 'b'.", None),
        ("Syntax Error: Unexpected BlockString 'b'.", None),
        ("Cannot query field 'b' on type 'Query'.", "Cannot query field 'b' on type 'Query'."),
    ],
)
def test_a_message_is_cut_where_it_repeats_a_value(message: str, said: str | None) -> None:
    cut = without_echo(GraphQLError(message)).message

    assert cut == said or (said is None and "'b" not in cut and cut.endswith("."))
