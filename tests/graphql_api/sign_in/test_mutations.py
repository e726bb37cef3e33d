"""Signing up, in and out as clients do it: by mutations, whose payloads say what went wrong."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from db.session import Client
from graphql_api.schema import schema
from graphql_api.types.errors import ERRORS, told
from resolvers.accounts import RateLimited
from resolvers.context import Asker, Context, Resources
from resolvers.errors import InvalidInput, Refusal

PASSWORD = "correct horse battery"

SIGN_UP = """
mutation ($email: String!, $password: String!, $name: String!) {
  signUp(input: {email: $email, password: $password, name: $name}) {
    errors { __typename code message path }
  }
}
"""
SIGN_IN = """
mutation ($email: String!, $password: String!) {
  signIn(input: {email: $email, password: $password}) {
    errors { __typename code path }
    accessToken
    refreshToken
    expiresAt
    viewer { user { email } workspaces { nodes { name } } }
  }
}
"""
REFRESH = """
mutation ($refreshToken: String!) {
  refreshSession(input: {refreshToken: $refreshToken}) {
    errors { __typename code }
    accessToken
    refreshToken
    viewer { user { email } }
  }
}
"""
SIGN_OUT = """
mutation ($refreshToken: String!) {
  signOut(input: {refreshToken: $refreshToken}) { errors { code } ended }
}
"""


async def ask(resources: Resources, document: str, **variables: object) -> dict[str, Any]:
    """What nobody is answered."""
    context = Context(resources, Asker(client=Client("192.0.2.7", "tests")))
    try:
        answer = await schema.execute(document, variables, context)
    finally:
        await context.end()
    assert answer.errors is None
    assert answer.data is not None
    return answer.data


@pytest.fixture
async def email(resources: Resources) -> str:
    """The address of an account."""
    address = f"ada.{uuid4().hex}@example.org"
    answer = await ask(resources, SIGN_UP, email=address, password=PASSWORD, name="Ada")
    assert answer == {"signUp": {"errors": []}}
    return address


@pytest.fixture
async def session(resources: Resources, email: str) -> dict[str, Any]:
    answer = await ask(resources, SIGN_IN, email=email, password=PASSWORD)
    return answer["signIn"]


async def test_who_signs_in_gets_tokens_and_is_the_viewer_of_the_same_answer(
    resources: Resources, email: str, session: dict[str, Any]
) -> None:
    assert session["errors"] == []
    assert session["viewer"] == {
        "user": {"email": email},
        "workspaces": {"nodes": [{"name": "Ada's workspace"}]},
    }
    access = resources.tokens.read(session["accessToken"])
    assert access.expires_at == datetime.fromisoformat(session["expiresAt"])


async def test_a_wrong_password_and_an_unknown_address_have_one_answer(
    resources: Resources, email: str
) -> None:
    wrong = await ask(resources, SIGN_IN, email=email, password="wrong password")
    assert wrong == await ask(resources, SIGN_IN, email=f"not.{email}", password=PASSWORD)
    assert wrong["signIn"] == {
        "errors": [
            {"__typename": "InvalidCredentialsError", "code": "INVALID_CREDENTIALS", "path": []}
        ],
        "accessToken": None,
        "refreshToken": None,
        "expiresAt": None,
        "viewer": None,
    }


async def test_a_taken_address_is_answered_like_a_free_one(
    resources: Resources, email: str
) -> None:
    taken = await ask(resources, SIGN_UP, email=email.upper(), password=PASSWORD, name="Eve")
    assert taken == {"signUp": {"errors": []}}


@pytest.mark.parametrize(
    ("field", "value"), [("email", "nobody"), ("password", "short"), ("name", " ")]
)
async def test_a_payload_names_the_field_that_is_at_fault(
    resources: Resources, field: str, value: str
) -> None:
    good = {"email": f"ada.{uuid4().hex}@example.org", "password": PASSWORD, "name": "Ada"}
    answer = await ask(resources, SIGN_UP, **(good | {field: value}))
    [error] = answer["signUp"]["errors"]
    assert error["__typename"] == "InvalidInputError"
    assert error["code"] == "INVALID_INPUT"
    assert error["path"] == ["input", field]


async def test_a_session_is_refreshed_once_by_each_token(
    resources: Resources, email: str, session: dict[str, Any]
) -> None:
    token = session["refreshToken"]
    fresh = (await ask(resources, REFRESH, refreshToken=token))["refreshSession"]
    assert fresh["errors"] == []
    assert fresh["viewer"] == {"user": {"email": email}}
    assert fresh["refreshToken"] != token
    replayed = (await ask(resources, REFRESH, refreshToken=token))["refreshSession"]
    assert replayed == {
        "errors": [{"__typename": "RefreshTokenReusedError", "code": "REFRESH_TOKEN_REUSED"}],
        "accessToken": None,
        "refreshToken": None,
        "viewer": None,
    }
    ended = (await ask(resources, REFRESH, refreshToken=fresh["refreshToken"]))["refreshSession"]
    assert ended["errors"] == [{"__typename": "SessionEndedError", "code": "SESSION_ENDED"}]


async def test_signing_out_ends_the_session_and_may_be_repeated(
    resources: Resources, session: dict[str, Any]
) -> None:
    token = session["refreshToken"]
    answers = [await ask(resources, SIGN_OUT, refreshToken=token) for _ in range(2)]
    assert answers == [
        {"signOut": {"errors": [], "ended": True}},
        {"signOut": {"errors": [], "ended": False}},
    ]


async def test_the_next_field_of_a_request_is_answered_as_who_signed_in_last(
    resources: Resources, email: str
) -> None:
    other = f"eve.{email}"
    await ask(resources, SIGN_UP, email=other, password=PASSWORD, name="Eve")
    answer = await ask(
        resources,
        """
        mutation ($one: SignInInput!, $two: SignInInput!) {
          one: signIn(input: $one) { viewer { user { email } } }
          two: signIn(input: $two) { viewer { user { email } } }
        }
        """,
        one={"email": email, "password": PASSWORD},
        two={"email": other, "password": PASSWORD},
    )
    assert answer["one"]["viewer"]["user"]["email"] == email
    assert answer["two"]["viewer"]["user"]["email"] == other


def test_a_richer_error_shows_more_than_its_code() -> None:
    [shown] = told(RateLimited(datetime(2026, 11, 23, 2, tzinfo=UTC)))
    assert vars(shown) == {
        "code": "RATE_LIMITED",
        "message": "This API key has used up this hour's requests; ask again at 02:00:00 UTC.",
        "path": (),
        "reset_at": datetime(2026, 11, 23, 2, tzinfo=UTC),
    }


def test_an_error_without_a_type_of_its_own_is_shown_as_what_it_is_a_kind_of() -> None:
    class TooLong(InvalidInput):
        code = "TOO_LONG"

    class Unheard(Refusal):
        code = "UNHEARD"

    shown = [told(TooLong("Shorten it."))[0], told(Unheard("No."))[0]]
    assert [type(each).__name__ for each in shown] == ["InvalidInputError", "OtherError"]
    assert [each.code for each in shown] == ["TOO_LONG", "UNHEARD"]


def test_every_type_of_error_is_in_the_schema() -> None:
    sdl = schema.as_str()
    assert all(f"type {each.__name__} implements UserError" in sdl for each in ERRORS)
