"""Tokens: ours are believed until they expire; nothing else ever is."""

import base64
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from db.secrets import Secrets
from resolvers.errors import Unauthenticated
from resolvers.tokens import API_KEY, REFRESH_TOKEN, Tokens, digest, new_api_key, new_refresh_token
from resolvers.tokens import shown as shown_of

SECRETS = Secrets("a secret of an installation, long enough")
KEY = SECRETS.derive("access-token")
TOKENS = Tokens(SECRETS)
ADA = UUID("00000000-0000-4000-8000-00000000000a")


def forged(
    *,
    key: bytes | str = KEY,
    algorithm: str = "HS256",
    header: dict[str, Any] | None = None,
    without: str = "",
    **changed: object,
) -> str:
    """A good token of Ada's but for what is said."""
    now = int(time.time())
    claims = {
        "iss": "graphql-api",
        "aud": "graphql-api",
        "iat": now,
        "exp": now + 60,
        "sub": str(ADA),
        "jti": str(uuid4()),
    } | changed
    claims.pop(without, None)
    headers = {"typ": "at+jwt", "kid": SECRETS.kid} | (header or {})
    return jwt.encode(claims, key, algorithm, headers=headers)


def segment(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def test_a_token_of_ours_is_believed() -> None:
    token, expires_at = TOKENS.issue(ADA)
    assert TOKENS.read(token)[:2] == (ADA, expires_at)


def test_the_forger_of_these_tests_makes_good_tokens_unless_told_otherwise() -> None:
    assert TOKENS.read(forged()).user_id == ADA


def test_a_token_is_good_for_as_many_minutes_as_set() -> None:
    _, expires_at = Tokens(SECRETS, minutes=15).issue(ADA)
    left = expires_at - datetime.now(UTC)
    assert timedelta(minutes=14, seconds=50) < left <= timedelta(minutes=15)


def test_every_token_has_an_id_of_its_own() -> None:
    first, second = (TOKENS.read(TOKENS.issue(ADA)[0]).token_id for _ in range(2))
    assert first != second


def test_an_expired_token_is_refused_and_says_so() -> None:
    token, _ = Tokens(SECRETS, minutes=-1).issue(ADA)
    with pytest.raises(Unauthenticated, match="expired"):
        TOKENS.read(token)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(forged(key=b"another key of thirty-two bytes!!"), id="another key"),
        pytest.param(forged(key=SECRETS.derive("viewer")), id="our key for another purpose"),
        pytest.param(forged(key=KEY * 2, algorithm="HS512"), id="another algorithm"),
        pytest.param(forged(key="", algorithm="none"), id="no algorithm"),
        pytest.param(forged(header={"typ": "JWT"}), id="another type"),
        pytest.param(forged(header={"kid": "zz"}), id="an unknown key id"),
        pytest.param(forged(header={"crit": ["exp"]}), id="an extension we do not know"),
        pytest.param(forged(aud="another-api"), id="another audience"),
        pytest.param(forged(aud=["graphql-api", "another-api"]), id="several audiences"),
        pytest.param(forged(iss="somebody"), id="another issuer"),
        pytest.param(forged(sub="ada"), id="a subject that is no id"),
        pytest.param(forged(jti="1"), id="a token id that is none"),
        pytest.param(forged(iat=int(time.time()) + 3600), id="of the future"),
        pytest.param(forged(exp="soon"), id="an expiry that is no time"),
        pytest.param(forged(note="x" * 2000), id="a huge one"),
        *(
            pytest.param(forged(without=claim), id=f"without {claim}")
            for claim in ("iss", "aud", "exp", "iat", "sub", "jti")
        ),
    ],
)
def test_a_token_is_refused_that_has(token: str) -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.read(token)


def test_a_token_without_a_type_or_a_key_id_is_refused() -> None:
    header, payload = {"alg": "HS256"}, forged().split(".")[1]
    with pytest.raises(Unauthenticated):
        TOKENS.read(f"{segment(header)}.{payload}.{forged().split('.')[2]}")


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_with_one_character_changed_is_refused(part: int) -> None:
    parts = TOKENS.issue(ADA)[0].split(".")
    middle = len(parts[part]) // 2
    other = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + other + parts[part][middle + 1 :]
    with pytest.raises(Unauthenticated):
        TOKENS.read(".".join(parts))


def test_tokens_made_before_the_secret_was_changed_are_still_believed() -> None:
    changed = Secrets(
        "a newer secret of the installation, long", "a secret of an installation, long enough"
    )
    assert Tokens(changed).read(TOKENS.issue(ADA)[0]).user_id == ADA


def test_new_tokens_are_made_with_the_new_secret() -> None:
    changed = Secrets(
        "a newer secret of the installation, long", "a secret of an installation, long enough"
    )
    with pytest.raises(Unauthenticated):
        TOKENS.read(Tokens(changed).issue(ADA)[0])


@given(st.text(st.characters()))
@example("\ud800.\ud800.\ud800")
@example("..")
@example("a.b.c.d")
def test_any_text_is_refused_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.read(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
HEADER = st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk"]), JSON) | JSON


@settings(max_examples=50)
@given(HEADER, JSON, st.binary(max_size=64))
@example({"alg": "HS256", "typ": "at+jwt", "kid": SECRETS.kid, "b64": False}, {}, b"")
@example({"alg": "HS256", "typ": "at+jwt", "kid": {}}, {}, b"")
@example({"alg": [], "typ": "at+jwt", "kid": SECRETS.kid, "crit": [{}]}, {}, b"")
def test_anything_in_the_form_of_a_token_is_refused_and_nothing_else_happens(
    header: object, claims: object, signature: bytes
) -> None:
    mac = base64.urlsafe_b64encode(signature).decode().rstrip("=")
    with pytest.raises(Unauthenticated):
        TOKENS.read(f"{segment(header)}.{segment(claims)}.{mac}")


def test_a_refresh_token_is_of_256_random_bits_and_told_by_its_beginning() -> None:
    assert REFRESH_TOKEN.fullmatch(new_refresh_token())
    assert len({new_refresh_token() for _ in range(100)}) == 100


def test_an_api_key_is_of_256_random_bits_and_told_by_its_beginning() -> None:
    key = new_api_key()
    assert API_KEY.fullmatch(key)
    assert len(base64.urlsafe_b64decode(key.removeprefix("mcp_") + "=")) == 32
    assert re.fullmatch(r"mcp_.{8}", shown_of(key))
    assert key.startswith(shown_of(key))


def test_what_is_stored_of_a_token_is_32_bytes_and_always_the_same() -> None:
    token = new_refresh_token()
    assert digest(token) == digest(token) != digest(new_refresh_token())
    assert len(digest(token)) == 32
