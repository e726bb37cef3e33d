"""Sign-in by a provider's word: whom it lets in, to which account, and what is no word at all."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from joserfc.jwk import OctKey, RSAKey

from db.session import ANONYMOUS, Viewer
from resolvers import accounts, identities
from resolvers.accounts import SecondFactorRequired, SignedIn
from resolvers.context import Asker, Context, Resources
from resolvers.errors import Conflict, InvalidInput, NotFound, Refusal, Unauthenticated
from resolvers.identities import EmailNotProven, LastWayIn, LinkRequired, Started
from resolvers.oauth import OAuthFailed, Provider, Providers
from tests.graphql_api.sign_in.people import (
    PASSWORD,
    Person,
    a_person,
    events,
    somewhere,
    with_second_factor,
)
from tests.graphql_api.sign_in.providers import (
    CLIENT_ID,
    CLIENT_SECRET,
    REDIRECT_URI,
    GitHub,
    Issuer,
    a_github,
    agreed,
    issuing,
)


def provider(name: str, **more: Any) -> Provider:
    return Provider(name=name, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, **more)


@pytest.fixture(scope="module")
async def running() -> AsyncGenerator[tuple[Issuer, GitHub]]:
    async with issuing() as issuer, a_github() as github:
        yield issuer, github


@pytest.fixture
def issuer(running: tuple[Issuer, GitHub]) -> Issuer:
    found, email = running[0], f"ada.{uuid4().hex}@example.org"
    found.user = {"sub": uuid4().hex, "email": email, "email_verified": True, "name": "Ada"}
    found.claims, found.algorithm, found.published = {}, "RS256", None
    found.key = RSAKey.generate_key(2048, {"kid": uuid4().hex})
    return found


@pytest.fixture
def github(running: tuple[Issuer, GitHub]) -> GitHub:
    found, email = running[1], f"octo.{uuid4().hex}@example.org"
    found.user = {"id": uuid4().int % 2**31, "login": "octo", "name": None}
    found.emails = [
        {"email": f"other.{email}", "primary": False, "verified": True},
        {"email": email, "primary": True, "verified": True},
    ]
    return found


@pytest.fixture
def open_to(resources: Resources, issuer: Issuer, github: GitHub) -> Resources:
    known = Providers(
        [
            provider("company", issuer=issuer.url, trust_email=True),
            provider("stranger", issuer=issuer.url),
            provider("github", url=github.url, api_url=github.url),
        ],
        [REDIRECT_URI],
    )
    return replace(resources, providers=known)


def nobody(resources: Resources) -> Context:
    return Context(resources, Asker(client=somewhere()))


async def begin(resources: Resources, name: str = "company") -> tuple[Started, str, str]:
    """A flow, and what the browser came back with: code and state."""
    started = await identities.begin_flow(nobody(resources), name, REDIRECT_URI, link=False)
    return started, *(await agreed(started.url))


async def sign_in(resources: Resources, name: str = "company") -> SignedIn:
    started, code, state = await begin(resources, name)
    return await identities.complete_flow(resources, somewhere(), started.flow, code, state)


async def link(person: Person, name: str = "company") -> None:
    context = await person.context()
    started = await identities.begin_flow(context, name, REDIRECT_URI, link=True)
    code, state = await agreed(started.url)
    await identities.link(context, started.flow, code, state)


async def own(person: Person) -> list[Any]:
    context = await person.context()
    rows = await context.session.fetch("SELECT id, provider, email FROM user_identities")
    await context.end()
    return rows


async def user_of(session: SignedIn, resources: Resources) -> Any:
    reading = resources.database.reading(Viewer(session.user_id))
    [row] = await reading.fetch(
        "SELECT email, name, email_verified FROM users WHERE id = (SELECT app.uid())"
    )
    await reading.end()
    return row


@pytest.mark.parametrize("name", ["company", "github"])
async def test_who_is_new_gets_an_account_and_comes_back_to_it(
    open_to: Resources, issuer: Issuer, github: GitHub, name: str
) -> None:
    first, second = [await sign_in(open_to, name) for _ in range(2)]
    assert first.user_id == second.user_id
    user = await user_of(first, open_to)
    assert user["email_verified"]
    assert (user["email"], user["name"]) in [
        (issuer.user["email"], "Ada"),
        (github.emails[1]["email"], "octo"),
    ]


async def test_an_identity_stays_its_owner_s_when_its_address_changes(
    open_to: Resources, issuer: Issuer
) -> None:
    first = await sign_in(open_to)
    other = await a_person(open_to)
    issuer.user["email"] = other.email
    assert (await sign_in(open_to)).user_id == first.user_id


async def test_an_address_that_both_sides_have_proven_links_the_identity(
    open_to: Resources, issuer: Issuer
) -> None:
    person = await a_person(open_to)
    issuer.user["email"] = person.email.upper()
    assert (await sign_in(open_to)).user_id == person.id
    assert "account.identity_linked" in await events(person)


async def test_an_account_that_nobody_has_verified_is_handed_to_nobody(
    open_to: Resources, issuer: Issuer
) -> None:
    address = issuer.user["email"]
    await accounts.sign_up(open_to, somewhere(), email=address, password=PASSWORD, name="Eve")
    with pytest.raises(LinkRequired):
        await sign_in(open_to)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("company", {"email_verified": False}),
        ("company", {"email_verified": "true"}),
        ("company", {"email_verified": None}),
        ("company", {"email": None}),
        ("stranger", {}),
    ],
)
async def test_an_address_without_proof_opens_and_finds_no_account(
    open_to: Resources, issuer: Issuer, name: str, changed: dict[str, object]
) -> None:
    issuer.user["email"] = (await a_person(open_to)).email
    issuer.claims = changed
    with pytest.raises(EmailNotProven):
        await sign_in(open_to, name)


async def test_an_address_that_github_has_not_verified_is_no_proof(
    open_to: Resources, github: GitHub
) -> None:
    github.emails[1]["verified"] = False
    with pytest.raises(EmailNotProven):
        await sign_in(open_to, "github")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://somebody.else.example"},
        {"aud": "another client"},
        {"aud": [CLIENT_ID, "another client"]},
        {"aud": [CLIENT_ID, "another client"], "azp": "another client"},
        {"nonce": "of another flow"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
    ],
    ids=str,
)
async def test_an_id_token_that_is_not_for_this_flow_is_refused(
    open_to: Resources, issuer: Issuer, changed: dict[str, object]
) -> None:
    issuer.claims = changed
    with pytest.raises(OAuthFailed):
        await sign_in(open_to)


async def test_a_token_that_another_key_has_signed_is_refused(
    open_to: Resources, issuer: Issuer
) -> None:
    issuer.published = RSAKey.generate_key(2048, {"kid": str(issuer.key.kid)})
    with pytest.raises(OAuthFailed):
        await sign_in(open_to)


async def test_a_token_that_is_signed_by_what_the_client_knows_is_refused(
    open_to: Resources, issuer: Issuer
) -> None:
    issuer.published, issuer.algorithm = RSAKey.generate_key(2048, {"kid": "it"}), "HS256"
    issuer.key = OctKey.import_key(CLIENT_SECRET, {"kid": "it"})
    with pytest.raises(OAuthFailed):
        await sign_in(open_to)


async def test_a_key_that_the_issuer_took_up_since_is_read(
    resources: Resources, issuer: Issuer
) -> None:
    known = Providers([provider("company", issuer=issuer.url, trust_email=True)], [REDIRECT_URI])
    open_to = replace(resources, providers=known)
    assert await sign_in(open_to)
    issuer.key = RSAKey.generate_key(2048, {"kid": uuid4().hex})
    with pytest.raises(OAuthFailed):  # an issuer is not asked again and again
        await sign_in(open_to)
    for keys in known._keys.values():  # pyright: ignore[reportPrivateUsage]
        keys._read_at -= 100  # pyright: ignore[reportPrivateUsage]
    assert await sign_in(open_to)


@pytest.mark.parametrize("state", ["", "x", "\ud800", "A" * 43])
async def test_a_state_of_another_flow_is_refused(open_to: Resources, state: str) -> None:
    started, code, _ = await begin(open_to)
    with pytest.raises(OAuthFailed):
        await identities.complete_flow(open_to, somewhere(), started.flow, code, state)


@pytest.mark.parametrize("flow", ["", "x", "\ud800", "QUJD" * 10, "x" * 100_000])
async def test_what_is_no_flow_of_ours_ends_nothing(open_to: Resources, flow: str) -> None:
    with pytest.raises(OAuthFailed):
        await identities.complete_flow(open_to, somewhere(), flow, "code", "state")


async def test_a_code_of_another_flow_is_refused_for_lack_of_its_verifier(
    open_to: Resources,
) -> None:
    (_, code, _), (other, _, state) = await begin(open_to), await begin(open_to)
    with pytest.raises(OAuthFailed):
        await identities.complete_flow(open_to, somewhere(), other.flow, code, state)


async def test_of_eight_who_end_one_flow_at_once_one_signs_in(open_to: Resources) -> None:
    started, code, state = await begin(open_to)
    answers = await asyncio.gather(
        *(
            identities.complete_flow(open_to, somewhere(), started.flow, code, state)
            for _ in range(8)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, SignedIn) for each in answers) == 1
    assert sum(isinstance(each, OAuthFailed) for each in answers) == 7


async def test_of_several_who_are_new_at_once_with_one_address_one_opens_the_account(
    open_to: Resources,
) -> None:
    flows = [await begin(open_to) for _ in range(4)]
    sessions = await asyncio.gather(
        *(
            identities.complete_flow(open_to, somewhere(), started.flow, code, state)
            for started, code, state in flows
        )
    )
    assert len({session.user_id for session in sessions}) == 1


@pytest.mark.parametrize(
    "uri", ["https://evil.example.org/", f"{REDIRECT_URI}/more", f"{REDIRECT_URI}?a=b", ""]
)
async def test_nobody_is_sent_back_to_a_page_that_is_not_known(
    open_to: Resources, uri: str
) -> None:
    with pytest.raises(InvalidInput):
        await identities.begin_flow(nobody(open_to), "company", uri, link=False)


async def test_an_unknown_provider_is_refused(open_to: Resources) -> None:
    with pytest.raises(InvalidInput) as refused:
        await identities.begin_flow(nobody(open_to), "nobody", REDIRECT_URI, link=False)
    assert "company, stranger, github" in refused.value.message


async def test_a_provider_that_is_down_is_said_in_words(resources: Resources) -> None:
    known = Providers([provider("down", issuer="http://127.0.0.1:1")], [REDIRECT_URI])
    with pytest.raises(OAuthFailed, match="down did not confirm"):
        await identities.begin_flow(
            nobody(replace(resources, providers=known)), "down", REDIRECT_URI, link=False
        )


async def test_a_second_factor_is_asked_for_here_too(
    open_to: Resources, issuer: Issuer
) -> None:
    person = await with_second_factor(await a_person(open_to))
    issuer.user["email"] = person.email
    with pytest.raises(SecondFactorRequired):
        await sign_in(open_to)


async def test_who_is_signed_in_links_what_they_are_elsewhere(open_to: Resources) -> None:
    person = await a_person(open_to)
    await link(person, "stranger")
    [row] = await own(person)
    assert row["provider"] == "stranger"
    assert (await sign_in(open_to, "stranger")).user_id == person.id


async def test_an_identity_is_of_one_account(open_to: Resources) -> None:
    await sign_in(open_to)
    with pytest.raises(Conflict):
        await link(await a_person(open_to))


async def test_nobody_ends_the_flow_that_another_began_to_link(open_to: Resources) -> None:
    ada, eve = await a_person(open_to), await a_person(open_to)
    context = await ada.context()
    started = await identities.begin_flow(context, "company", REDIRECT_URI, link=True)
    code, state = await agreed(started.url)
    with pytest.raises(OAuthFailed):
        await identities.link(await eve.context(), started.flow, code, state)
    assert await own(eve) == []


@pytest.mark.parametrize("linking", [True, False])
async def test_a_flow_ends_as_it_was_begun(open_to: Resources, linking: bool) -> None:
    context = await (await a_person(open_to)).context()
    started = await identities.begin_flow(context, "company", REDIRECT_URI, link=linking)
    code, state = await agreed(started.url)
    end = (
        identities.complete_flow(open_to, somewhere(), started.flow, code, state)
        if linking
        else identities.link(context, started.flow, code, state)
    )
    with pytest.raises(OAuthFailed):
        await end


@pytest.mark.parametrize("viewer", [ANONYMOUS, Viewer(api_key_id=uuid4())])
async def test_linking_takes_a_person_who_is_signed_in(
    open_to: Resources, viewer: Viewer
) -> None:
    context = Context(open_to, Asker(viewer, somewhere()))
    with pytest.raises(Unauthenticated):
        await identities.begin_flow(context, "company", REDIRECT_URI, link=True)
    with pytest.raises(Unauthenticated):
        await identities.link(context, "", "", "")
    with pytest.raises(Unauthenticated):
        await identities.unlink(context, uuid4())


async def test_the_last_way_in_stays(open_to: Resources) -> None:
    session = await sign_in(open_to)
    person = Person(open_to, "", somewhere(), session)
    [row] = await own(person)
    with pytest.raises(LastWayIn):
        await identities.unlink(await person.context(), row["id"])
    await link_another(person)
    await identities.unlink(await person.context(), row["id"])
    assert len(await own(person)) == 1


async def link_another(person: Person) -> None:
    await link(person, "github")


async def test_of_two_last_ways_in_that_are_unlinked_at_once_one_stays(
    open_to: Resources,
) -> None:
    person = Person(open_to, "", somewhere(), await sign_in(open_to))
    await link_another(person)
    context, ids = await person.context(), [row["id"] for row in await own(person)]
    answers = await asyncio.gather(
        *(identities.unlink(context, id) for id in ids), return_exceptions=True
    )
    assert sum(isinstance(each, LastWayIn) for each in answers) == 1
    assert len(await own(person)) == 1


async def test_nobody_unlinks_another_s_identity(open_to: Resources) -> None:
    person = await a_person(open_to)
    await link(person)
    [row] = await own(person)
    with pytest.raises(NotFound):
        await identities.unlink(await (await a_person(open_to)).context(), row["id"])
    assert len(await own(person)) == 1


async def test_who_may_not_sign_in_is_told_why_without_the_provider_s_words(
    open_to: Resources, issuer: Issuer
) -> None:
    issuer.claims = {"iss": "<script>secret</script>"}
    with pytest.raises(Refusal) as refused:
        await sign_in(open_to)
    assert "secret" not in refused.value.message
