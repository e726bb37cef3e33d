"""Explaining an operation from the command line: its statement, and how PostgreSQL runs it."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from db import owners
from db.session import Viewer
from graphql_api.app import resources
from graphql_api.execute import Executor
from graphql_api.home import Report, bring_up, home
from graphql_api.limits import Limits
from graphql_api.messages import Body, RequestFault
from graphql_api.plan import Declined
from graphql_api.schema import schema
from graphql_api.settings import Settings
from resolvers.context import Asker
from resolvers.errors import InvalidInput, NotFound


async def explain(
    settings: Settings, file: Path, variables: str, email: str | None, report: Report
) -> int:
    """Print the SQL of the query in ``file`` and its plan; 1 if it is answered by the loaders.

    It runs, read only, as the person with this address, or as nobody. Raises InvalidInput,
    NotFound, and whatever ``home`` raises.
    """
    text = await asyncio.to_thread(_read, file)
    async with home(settings, report, share=True) as place:
        await bring_up(place, settings, report)
        asker = Asker()
        if email is not None:
            user = await owners.by_email(place.url, email)
            if user is None:
                raise NotFound(f"Nobody has the address {email}.")
            asker = Asker(Viewer(user))
        here = {"database_url": SecretStr(place.url), "secret_key": SecretStr(place.secret)}
        async with resources(settings.model_copy(update=here)) as shared:
            executor = Executor(schema, shared, Limits())
            try:
                sql, plan = await executor.explain(Body(text, _variables(variables)), asker)
            except RequestFault as fault:
                raise InvalidInput("; ".join(error.message for error in fault.errors)) from None
            except Declined as declined:
                report(f"No plan ({declined.reason}): the data loaders answer this operation")
                return 1
    sys.stdout.write(f"{sql}\n\n{plan}\n")
    return 0


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}") from None


def _variables(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise InvalidInput(f"--variables takes a JSON object: {error}") from None
