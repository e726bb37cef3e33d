"""How hard a password is to guess, by zxcvbn, which knows words, names, dates and keyboards.

It takes seconds over a long password and minutes over a very long one (320 s over a thousand times
the same letter), so it is shown the beginning, which is the hard part of whatever is longer.
"""

from collections.abc import Sequence

from zxcvbn import zxcvbn  # pyright: ignore[reportMissingTypeStubs]

from resolvers.errors import InvalidInput
from resolvers.passwords import Passwords, check_password

LOOKED_AT = 72
"""Characters; half a tenth of a second at the worst."""
ENOUGH = 3
"""Of 4: safe from whoever steals the hashes and computes with them for a while."""


class WeakPassword(InvalidInput):
    """A password that is guessed soon. ``score`` is 0 to 4, of which 3 is enough."""

    code = "WEAK_PASSWORD"

    def __init__(
        self, score: int, warning: str | None, suggestions: Sequence[str], path: Sequence[str]
    ) -> None:
        reason = warning or "It is easy to guess."
        super().__init__(" ".join(["Choose another password.", reason, *suggestions]), path)
        self.score, self.warning, self.suggestions = score, warning, list(suggestions)


async def check_strength(
    passwords: Passwords, password: str, about: Sequence[str], path: Sequence[str]
) -> None:
    """Raises InvalidInput unless it may be a password, WeakPassword unless it is a good one.

    ``about`` is what others know of whoever chooses it. Raises TooBusy, too.
    """
    check_password(password, path)
    known = [word for text in about for word in (text, *text.replace("@", " ").split())]
    judged = await passwords.compute(
        lambda: zxcvbn(password[:LOOKED_AT], user_inputs=known, max_length=LOOKED_AT)
    )
    if judged["score"] < ENOUGH:
        feedback = judged["feedback"]
        raise WeakPassword(
            judged["score"], feedback["warning"] or None, feedback["suggestions"], path
        )
