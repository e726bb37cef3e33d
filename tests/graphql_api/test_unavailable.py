"""A database that goes away in the middle of a request."""

import pytest
from graphql import ExecutionResult, GraphQLError

from db.errors import Busy, OutOfRoom, Unavailable
from graphql_api.execute import response
from graphql_api.http import explained

FAILED = ExecutionResult(
    data={"appendExecutionLogs": {"lastSeq": "3", "execution": None}},
    errors=[
        GraphQLError(
            "", path=["appendExecutionLogs", "execution"], original_error=Unavailable("gone")
        )
    ],
)


def test_a_request_that_changed_nothing_is_refused_as_a_whole() -> None:
    with pytest.raises(Unavailable):
        response(FAILED, changed=False)


def test_a_request_that_changed_something_says_so_and_what_could_not_be_read() -> None:
    answer = response(FAILED, changed=True)
    assert answer["data"] == FAILED.data
    assert [(each["path"], each["extensions"]) for each in answer["errors"]] == [
        (["appendExecutionLogs", "execution"], {"code": "UNAVAILABLE"})
    ]


@pytest.mark.parametrize(
    ("error", "said", "after"),
    [
        (Unavailable(), "cannot be reached", "1"),
        (Busy(), "nothing was done", "1"),
        (OutOfRoom(), "disk is full", "30"),
    ],
)
def test_what_is_away_is_said_with_when_to_try_again(
    error: Unavailable, said: str, after: str
) -> None:
    refused = explained(error)
    assert (refused.status, refused.headers) == (503, {"retry-after": after})
    assert said in refused.body.decode()
    assert '"code":"UNAVAILABLE"' in refused.body.decode()
