"""Statements that were put together before are found again, as the same objects, so that asyncpg
finds what it has prepared without reading them."""

from db.session import bound

MOST_CHARACTERS = 2_000_000
"""Of all together."""


class Statements:
    """Those that requests of a process share."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], str] = {}
        self._characters = 0

    def of(self, texts: tuple[str, ...], parameters: int) -> str:
        """The query of these texts as a statement that first binds its viewer."""
        statement = self._kept.get(texts)
        if statement is None:
            statement = bound("".join(texts), parameters)
            self._characters += len(statement)
            if self._characters > MOST_CHARACTERS:
                self._kept.clear()
                self._characters = len(statement)
            self._kept[texts] = statement
        return statement
