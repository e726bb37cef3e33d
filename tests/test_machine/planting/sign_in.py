"""Accounts, in what takes more than a call: by mail, by a provider's word, to the end of them."""

import asyncio
import json
from urllib.parse import parse_qsl

from pyotp.totp import TOTP
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.graphql_api.sign_in.providers import (
    CLIENT_ID,
    CLIENT_SECRET,
    REDIRECT_URI,
    Issuer,
    agreed,
)
from tests.test_machine.planting.asked import ERRORS, Data, Platform, mutation

MAILED_WITHIN = 30
PASSWORD = "planted Passw0rd of Grace"
CHANGED = "planted Passw0rd that came by mail"

SESSION = "accessToken refreshToken challenge"
SIGN_UP = mutation("signUp", "SignUpInput", "")
SIGN_IN = mutation("signIn", "SignInInput", SESSION)
VERIFY = mutation("verifyEmail", "VerifyEmailInput", "")
REQUEST_VERIFICATION = mutation(
    "requestEmailVerification", "RequestEmailVerificationInput", ""
)
REQUEST_RESET = mutation("requestPasswordReset", "RequestPasswordResetInput", "")
RESET = mutation("resetPassword", "ResetPasswordInput", "")
INVITE = mutation("inviteMember", "InviteMemberInput", "invitation { databaseId }")
RESEND = f"mutation ($id: ID!) {{ resendInvitation(id: $id) {{ {ERRORS} }} }}"
ACCEPT = mutation("acceptInvitation", "AnswerInvitationInput", "")
DECLINE = mutation("declineInvitation", "AnswerInvitationInput", "")
BEGIN_FLOW = mutation("beginOAuth", "BeginOAuthInput", "authorizationUrl flow")
COMPLETE_FLOW = mutation("completeOAuth", "CompleteOAuthInput", SESSION)
LINK = mutation("linkOAuth", "CompleteOAuthInput", "")
BEGIN_SECOND = mutation("beginSecondFactor", "BeginSecondFactorInput", "secret uri")
CONFIRM_SECOND = mutation("confirmSecondFactor", "ConfirmSecondFactorInput", "recoveryCodes")
DELETE_ACCOUNT = mutation("deleteAccount", "DeleteAccountInput", "")


class Echoing(Issuer):
    """Repeats all that it was sent where it refuses."""

    async def token(self, request: Request) -> Response:
        body = (await request.body()).decode()
        if dict(parse_qsl(body))["code"] in self.codes:
            return await super().token(request)
        said = f"{body} {request.headers['authorization']} {CLIENT_SECRET}"
        return JSONResponse({"error": "invalid_grant", "error_description": said}, 400)

    def setting(self) -> str:
        """How operators describe it."""
        known = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        company = {**known, "name": "company", "issuer": self.url, "trust_email": True}
        return json.dumps([company, {**known, "name": "github"}])


async def mailed(platform: Platform, address: str, number: int) -> str:
    """The token in the message of this number to an address, counted from one."""
    async with asyncio.timeout(MAILED_WITHIN):
        while len(platform.mailbox.to(address)) < number:
            await platform.superuser.execute("SELECT pg_sleep(0.05)")
    token = platform.mailbox.token(address)
    platform.secrets[token] = "sent by mail"
    return token


async def by_mail(platform: Platform) -> None:
    person = {"email": "grace@example.org", "password": PASSWORD}
    await platform.done(SIGN_UP, input={**person, "name": "Grace"})
    await mailed(platform, person["email"], 1)
    address = {"email": person["email"]}
    await platform.done(REQUEST_VERIFICATION, input=address)
    token = await mailed(platform, person["email"], 2)
    await platform.done(VERIFY, input={"token": token})
    await platform.refused(VERIFY, input={"token": token})
    await platform.done(REQUEST_RESET, input=address)
    token = await mailed(platform, person["email"], 3)
    await platform.refused(RESET, input={"token": token, "password": "pl4nted!"})
    await platform.done(RESET, input={"token": token, "password": CHANGED})
    await platform.refused(RESET, input={"token": token, "password": CHANGED})
    await platform.refused(SIGN_IN, input=person)
    platform.known["grace"] = (await session(platform, CHANGED))["accessToken"]


async def session(platform: Platform, password: str) -> Data:
    given = {"email": "grace@example.org", "password": password}
    return await platform.done(SIGN_IN, input=given)


async def as_grace(platform: Platform, query: str, **variables: Data) -> Data:
    response = await platform.post(query, variables, platform.known["grace"])
    (payload,) = response["data"].values()
    return payload


async def by_invitation(platform: Platform) -> None:
    """Sent, sent again, declined, and accepted."""
    given = {"workspaceId": platform.known["workspace"], "email": "grace@example.org"}
    before = len(platform.mailbox.to(given["email"]))
    made = await platform.done(INVITE, input=given)
    first = await mailed(platform, given["email"], before + 1)
    await platform.done(RESEND, id=made["invitation"]["databaseId"])
    again = await mailed(platform, given["email"], before + 2)
    refused = await as_grace(platform, ACCEPT, input={"token": first})
    assert refused["errors"]
    declined = await as_grace(platform, DECLINE, input={"token": again})
    assert declined["errors"] == []
    await platform.done(INVITE, input=given)
    token = await mailed(platform, given["email"], before + 3)
    await platform.refused(ACCEPT, input={"token": token})
    accepted = await as_grace(platform, ACCEPT, input={"token": token})
    assert accepted["errors"] == []


async def where_mail_is_refused(platform: Platform) -> None:
    """The message waits; why is in the log."""
    platform.mailbox.reply = "451 come again"
    await platform.done(REQUEST_RESET, input={"email": "ada@example.org"})
    async with asyncio.timeout(MAILED_WITHIN):
        while "mail waits" not in "".join(platform.log):
            await platform.superuser.execute("SELECT pg_sleep(0.05)")
    platform.mailbox.reply = ""


async def returned(platform: Platform, *, link: bool = False) -> Data:
    """What a browser comes back with."""
    given = {"provider": "company", "redirectUri": REDIRECT_URI, "link": link}
    begun = await as_grace(platform, BEGIN_FLOW, input=given)
    code, state = await agreed(begun["authorizationUrl"])
    return {"flow": begun["flow"], "code": code, "state": state}


async def by_a_provider(platform: Platform) -> None:
    issuer = platform.issuer
    issuer.user = {"sub": "1", "email": "linus@example.org", "email_verified": True, "name": "L"}
    back = await returned(platform)
    await platform.done(COMPLETE_FLOW, input=back)
    await platform.refused(COMPLETE_FLOW, input=back)
    for wrong in ({"code": "planted-code-of-nobody"}, {"state": "planted-state-of-nobody"}):
        await platform.refused(COMPLETE_FLOW, input={**await returned(platform), **wrong})
    issuer.claims = {"nonce": "planted-nonce-of-nobody"}
    await platform.refused(COMPLETE_FLOW, input=await returned(platform))
    issuer.claims = {}
    issuer.user = {**issuer.user, "sub": "2", "email": "grace@example.org"}
    linked = await as_grace(platform, LINK, input=await returned(platform, link=True))
    assert linked["errors"] == []


async def to_the_end(platform: Platform) -> None:
    begun = await as_grace(platform, BEGIN_SECOND, input={"password": CHANGED})
    code = TOTP(begun["secret"]).now()
    confirmed = await as_grace(platform, CONFIRM_SECOND, input={"code": code})
    recovery = confirmed["recoveryCodes"]
    person = {"email": "grace@example.org", "password": CHANGED}
    await platform.refused(SIGN_IN, input=person)
    wrong = await as_grace(platform, DELETE_ACCOUNT, input={"password": CHANGED, "code": code})
    assert wrong["errors"]
    given = {"password": CHANGED, "code": recovery[0]}
    ended = await as_grace(platform, DELETE_ACCOUNT, input=given)
    assert ended["errors"] == [], ended


OPERATIONS = [by_mail, by_invitation, where_mail_is_refused, by_a_provider, to_the_end]
