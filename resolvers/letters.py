"""Messages to people about their accounts, and what is offered to them; each with its token."""

from datetime import UTC, timedelta
from uuid import UUID

from db import accounts, ownership
from db.session import Writing
from resolvers import allowances
from resolvers.context import Context, Resources
from resolvers.mail import Mail, Message
from resolvers.tokens import digest, new_one_time_token

VERIFICATION_LIFE = timedelta(days=2)
RESET_LIFE = timedelta(hours=1)

VERIFY = """\
Somebody, we hope you, has opened an account with this e-mail address.

To show that the address is yours, follow this link within two days:

{link}

If it was not you, do nothing.
"""
RESET = """\
{why}

To choose a new password, follow this link within an hour. It ends all sessions of the account:

{link}

If it was not you, do nothing: the password stays as it is.
"""
ASKED = "Somebody, we hope you, has asked for a new password for the account of this address."
SIGNED_UP = (
    "Somebody, we hope you, has tried to open an account with this e-mail address. It has one\n"
    "already: sign in with it."
)
OFFER = """\
{owner} offers you the workspace “{workspace}”: you would be its owner, with everything that is in
it, and {owner} an admin.

To accept or decline, sign in with this address until {end:%d %B %Y, %H:%M} UTC and open

{link}

Until you accept, nothing changes.
"""
IF_NOT = """\

If it was not you, ask for a new password at once: that ends all sessions of the account.
"""
CHANGED = (
    "Your password was changed",
    f"The password of your account was changed just now.\n{IF_NOT}",
)
FACTOR_DISABLED = (
    "Your second factor was disabled",
    f"Signing in to your account takes no second factor any more.\n{IF_NOT}",
)
LINKED = (
    "Another way to sign in",
    f"A sign-in by another service was linked to your account just now.\n{IF_NOT}",
)


async def post_verification(
    mail: Mail, transaction: Writing, user_id: UUID, address: str
) -> None:
    token = new_one_time_token()
    hashed, life = digest(token), VERIFICATION_LIFE
    await accounts.make_token(
        transaction, hashed, "verify_email", life, user_id=user_id, email=address
    )
    text = VERIFY.format(link=mail.link("verify-email", token))
    await mail.post(transaction, Message(address, "Verify your e-mail address", text))


async def post_reset(
    mail: Mail, transaction: Writing, user_id: UUID, address: str, *, signed_up: bool = False
) -> None:
    """A link to choose a new password; ``signed_up``: because the address was signed up again."""
    token = new_one_time_token()
    await accounts.make_token(
        transaction, digest(token), "reset_password", RESET_LIFE, user_id=user_id, email=address
    )
    why, subject = (
        (SIGNED_UP, "You have an account already") if signed_up else (ASKED, "Your new password")
    )
    text = RESET.format(why=why, link=mail.link("reset-password", token))
    await mail.post(transaction, Message(address, subject, text))


async def post_for(context: Context, transaction: Writing, message: Message) -> None:
    """What the asker sends to somebody who need not want it. Raises RateLimited, NoMail."""
    turns = allowances.letter(message.to, context.asker.viewer.user_id)
    await allowances.spend(context.resources, turns, "You have sent many messages just now;")
    await context.resources.mail.post(transaction, message)


async def post_offer(context: Context, transaction: Writing, offer_id: UUID) -> None:
    """What the owner, who asks, has just offered to a member. Raises RateLimited, NoMail."""
    told = await ownership.offered(transaction, offer_id)
    text = OFFER.format(
        owner=told.owner_name,
        workspace=told.workspace_name,
        end=told.expires_at.astimezone(UTC),
        link=context.resources.mail.link("ownership-offer", str(offer_id), "id"),
    )
    subject = f"{told.workspace_name} is offered to you"
    await post_for(context, transaction, Message(told.email, subject, text))


async def tell(resources: Resources, address: str, letter: tuple[str, str]) -> None:
    """Tell somebody what was done to their account, where mail can be sent."""
    if resources.mail.possible:
        async with resources.database.signing_in() as transaction:
            await resources.mail.post(transaction, Message(address, *letter))
