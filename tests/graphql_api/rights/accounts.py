"""Rights of what people do to their accounts."""

from datetime import timedelta
from uuid import UUID, uuid4

from pyotp.totp import TOTP

from db import accounts
from db.session import Viewer
from resolvers.passwords import Passwords
from resolvers.tokens import digest, new_one_time_token
from tests.graphql_api.asking import Data
from tests.graphql_api.rights.table import WHO, World, anybody, signed_in
from tests.graphql_api.sign_in.providers import REDIRECT_URI, agreed

PASSWORD = "correct horse battery staple"
SESSION = "accessToken refreshToken"


async def somebody(world: World) -> Data:
    """An account that was just opened, as its owner would sign in to it."""
    person = {"email": f"{uuid4()}@example.org", "password": PASSWORD, "name": "Somebody New"}
    await world.done("signUp", Viewer(), input=person)
    return {"email": person["email"], "password": PASSWORD}


async def sign_up(_world: World, _asker: Viewer) -> Data:
    return {
        "input": {"email": f"{uuid4()}@example.org", "password": PASSWORD, "name": "Somebody New"}
    }


async def sign_in(world: World, _asker: Viewer) -> Data:
    return {"input": await somebody(world)}


async def refresh_token(world: World, _asker: Viewer) -> Data:
    session = await world.done("signIn", Viewer(), SESSION, input=await somebody(world))
    return {"input": {"refreshToken": session["refreshToken"]}}


async def address(_world: World, _asker: Viewer) -> Data:
    """A message is sent only where there is an account; nobody learns whether there is."""
    return {"input": {"email": f"{uuid4()}@example.org"}}


async def token(world: World, purpose: str) -> str:
    """A token as it is sent by mail to somebody who has just opened an account."""
    given = await somebody(world)
    made = new_one_time_token()
    async with world.database.signing_in() as transaction:
        account = await accounts.find_by_address(transaction, given["email"])
        assert account
        await accounts.make_token(
            transaction,
            digest(made),
            purpose,
            timedelta(minutes=5),
            user_id=account.id,
            email=given["email"],
        )
    return made


async def verification(world: World, _asker: Viewer) -> Data:
    return {"input": {"token": await token(world, "verify_email")}}


async def reset(world: World, _asker: Viewer) -> Data:
    made = await token(world, "reset_password")
    return {"input": {"token": made, "password": "another password altogether"}}


async def has_password(world: World, asker: Viewer) -> None:
    """The one who asks, who has whatever account there is in the sample, has this password."""
    await world.superuser.execute(
        "UPDATE users SET password_hash = $2, mfa_enabled = false WHERE id = $1",
        asker.user_id,
        await Passwords().hash(PASSWORD),
    )
    await world.superuser.execute(
        "DELETE FROM secret.second_factors WHERE user_id = $1", asker.user_id
    )


async def new_password(world: World, asker: Viewer) -> Data:
    await has_password(world, asker)
    return {"input": {"currentPassword": PASSWORD, "password": "another password altogether"}}


async def profile(_world: World, _asker: Viewer) -> Data:
    return {"input": {"name": "Somebody Else", "timezone": "Europe/Berlin"}}


async def password(world: World, asker: Viewer) -> Data:
    await has_password(world, asker)
    return {"input": {"password": PASSWORD}}


async def begun(world: World, asker: Viewer) -> str:
    """The key of a second factor that is not confirmed yet; that of somebody who may not ask."""
    given = await password(world, asker)
    if asker.user_id is None:
        return "A" * 32
    key = await world.done("beginSecondFactor", asker, "secret", **given)
    return key["secret"]


async def first_code(world: World, asker: Viewer) -> Data:
    return {"input": {"code": TOTP(await begun(world, asker)).now()}}


async def recovery_code(world: World, asker: Viewer) -> Data:
    confirmed = {"recoveryCodes": ["none"]}
    if asker.user_id:
        given = await first_code(world, asker)
        confirmed = await world.done("confirmSecondFactor", asker, "recoveryCodes", **given)
    return {"input": {"password": PASSWORD, "code": confirmed["recoveryCodes"][0]}}


async def challenge(world: World, _asker: Viewer) -> Data:
    """The second step of the sign-in of somebody who has just taken a second factor on."""
    person = Viewer(await new_person(world))
    codes = await recovery_code(world, person)
    email = await world.superuser.fetchval(
        "SELECT email FROM users WHERE id = $1", person.user_id
    )
    answer = await world.asked(
        "signIn", Viewer(), "challenge", {"input": {"email": email, "password": PASSWORD}}
    )
    return {"input": {"challenge": answer["challenge"], "recoveryCode": codes["input"]["code"]}}


async def new_person(world: World) -> UUID:
    return await world.superuser.fetchval(
        "SELECT id FROM users WHERE email = $1", (await somebody(world))["email"]
    )


async def session(world: World, asker: Viewer) -> Data:
    made = uuid4()
    if asker.user_id:
        await world.superuser.execute(
            "INSERT INTO sessions (id, user_id, expires_at) VALUES ($1, $2, now() + '1 day')",
            made,
            asker.user_id,
        )
    return {"id": str(made)}


async def identity(world: World, asker: Viewer) -> Data:
    await has_password(world, asker)
    made = uuid4()
    if asker.user_id:
        await world.superuser.execute(
            "INSERT INTO user_identities (id, user_id, provider, subject)"
            " VALUES ($1, $2, 'github', gen_random_uuid()::text)",
            made,
            asker.user_id,
        )
    return {"id": str(made)}


async def nothing(_world: World, _asker: Viewer) -> Data:
    return {}


async def flow(_world: World, _asker: Viewer) -> Data:
    return {"input": {"provider": "github", "redirectUri": REDIRECT_URI}}


async def returned(world: World, *, link_to: Viewer | None = None) -> Data:
    """What a browser comes back with from the company, which knows somebody new."""
    assert world.issuer
    who = uuid4().hex
    world.issuer.user = {"sub": who, "email": f"{who}@example.org", "email_verified": True}
    begun = await world.done(
        "beginOAuth",
        link_to or Viewer(),
        "authorizationUrl flow",
        input={"provider": "company", "redirectUri": REDIRECT_URI, "link": link_to is not None},
    )
    code, state = await agreed(begun["authorizationUrl"])
    return {"input": {"flow": begun["flow"], "code": code, "state": state}}


async def arrival(world: World, _asker: Viewer) -> Data:
    return await returned(world)


async def link(world: World, asker: Viewer) -> Data:
    """The end of a flow that whoever asks began; of another's, where they may begin none."""
    return await returned(world, link_to=asker if asker.user_id else WHO["viewer"])


RIGHTS = {
    "signUp": anybody(sign_up),
    "signIn": anybody(sign_in),
    "completeSignIn": anybody(challenge, "whoever holds the challenge and a code"),
    "refreshSession": anybody(refresh_token, "whoever holds the refresh token"),
    "signOut": anybody(refresh_token, "whoever holds the refresh token"),
    "requestEmailVerification": anybody(address),
    "verifyEmail": anybody(verification, "whoever reads the mail"),
    "requestPasswordReset": anybody(address),
    "resetPassword": anybody(reset, "whoever reads the mail"),
    "changePassword": signed_in(new_password, "with the password"),
    "updateProfile": signed_in(profile),
    "beginSecondFactor": signed_in(password, "with the password"),
    "confirmSecondFactor": signed_in(first_code, "with a code"),
    "disableSecondFactor": signed_in(recovery_code, "with the password and a code"),
    "replaceRecoveryCodes": signed_in(recovery_code, "with the password and a code"),
    "revokeSession": signed_in(session, "one's own"),
    "revokeOtherSessions": signed_in(nothing),
    "beginOAuth": anybody(flow),
    "completeOAuth": anybody(arrival, "whoever comes back from the provider"),
    "linkOAuth": signed_in(link, "whoever comes back from the provider"),
    "unlinkOAuth": signed_in(identity, "one's own, but for the last way in"),
    "deleteAccount": signed_in(
        password, "with the password and a code, and not while others work in a workspace of theirs"
    )._replace(last=True),
}
