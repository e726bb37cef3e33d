"""What is done to integrations. Their credentials go in sealed, and come out here only to be tried.

Nothing that an outside service answers is stored but its status: it may echo what it was sent.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid4

import msgspec

from db import credentials, deployments, integrations
from db.credentials import encrypt_credentials
from db.deployments import DeploymentRow
from db.integrations import IntegrationRow, IntegrationStatus, NewIntegration
from db.json import Json
from db.sealing import NotOpened
from db.session import Writing
from resolvers import allowances, probes
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, InvalidInput, NotFound
from resolvers.outgoing import NotCalled, Reply
from resolvers.probes import KINDS, Probe, Unfit
from resolvers.rules import SAID, obeying

LONGEST_SERVICE = 100
LONGEST_ACCOUNT = 255
LONGEST_SCOPE = 200
MOST_SCOPES = 100
METHODS = ("GET", "HEAD", "POST")
TEST_SECONDS = 6.0


class IntegrationInUse(Conflict):
    """Live deployments name it; ``deployments`` are those."""

    code = "INTEGRATION_IN_USE"

    def __init__(self, found: Sequence[DeploymentRow]) -> None:
        super().__init__(
            f"{len(found)} live deployments use this integration; stop them first, or force it.",
            ("input", "id"),
        )
        self.deployments = found


class Connecting(NamedTuple):
    """An integration that is to be."""

    workspace_id: UUID
    service_name: str
    service_type: str
    account_name: str
    scopes: Sequence[str]
    credentials: Json
    test_method: str = "GET"
    test_url: str | None = None


class Rotating(NamedTuple):
    """Credentials that replace others; None leaves what there is."""

    id: UUID
    credentials: Json
    service_type: str | None = None
    test_method: str | None = None
    test_url: str | None = None


async def create(context: Context, given: Connecting) -> UUID:
    context.signed_in()
    new = NewIntegration(
        uuid4(),
        given.workspace_id,
        _line(given.service_name.strip().lower(), LONGEST_SERVICE, "serviceName"),
        _type(given.service_type),
        _account(given.account_name),
        _scopes(given.scopes),
        *_test(context, given.test_method, given.test_url),
    )
    checked = _credentials(new.service_type, given.credentials)
    database = context.resources.database
    sealed = encrypt_credentials(database.sealing, new.workspace_id, new.id, checked)
    with obeying(("input", "accountName")):
        async with context.writing() as transaction:
            may = await integrations.right_in_workspace(transaction, new.workspace_id)
            _check(may, "workspaces_visible", ("input", "workspaceId"))
            await integrations.create(transaction, new, sealed)
    context.resources.known.forget(new.workspace_id)
    return new.id


async def update(
    context: Context,
    id: UUID,
    *,
    account_name: str | None,
    scopes: Sequence[str] | None,
    service_type: str | None,
) -> None:
    """None leaves what there is. The credentials must fit a new type."""
    context.signed_in()
    account = None if account_name is None else _account(account_name)
    granted = None if scopes is None else _scopes(scopes)
    if service_type is not None:
        row = await _changeable(context, id)
        await _check_fit(context, row, _type(service_type))
    with obeying(("input", "accountName")):
        async with context.writing() as transaction:
            await _check_right(transaction, id)
            await integrations.update(transaction, id, account, granted, service_type)


async def rotate(context: Context, given: Rotating) -> None:
    """Replace the credentials, and with them, where that is wanted, what they are tested with."""
    row = await _changeable(context, given.id)
    service_type = _type(given.service_type or row.service_type)
    url = row.test_url if given.test_url is None else given.test_url
    method, url = _test(context, given.test_method or row.test_method, url)
    checked = _credentials(service_type, given.credentials)
    database = context.resources.database
    sealed = encrypt_credentials(database.sealing, row.workspace_id, given.id, checked)
    with obeying(("input", "id")):
        async with context.writing() as transaction:
            await integrations.rotate(
                transaction,
                given.id,
                sealed,
                service_type=service_type,
                test_method=method,
                test_url=url,
            )
    context.resources.known.forget(row.workspace_id)


async def set_status(context: Context, id: UUID, status: IntegrationStatus) -> None:
    context.signed_in()
    if status is IntegrationStatus.ERROR:
        raise InvalidInput("Only a test says that it does not work.", ("input", "status"))
    async with context.writing() as transaction:
        await _check_right(transaction, id)
        await integrations.set_status(transaction, id, status)


async def delete(context: Context, id: UUID, *, force: bool) -> None:
    """Raises IntegrationInUse where live deployments name it, unless ``force``."""
    context.signed_in()
    async with context.writing() as transaction:
        await _check_right(transaction, id)
        if not force and (found := await deployments.using_integration(transaction, id)):
            raise IntegrationInUse(found)
        await integrations.delete(transaction, id)


async def test(context: Context, id: UUID) -> None:
    """Ask the service whether the credentials work, and store what it said: works or not.

    Raises RateLimited where the workspace has just tested many.
    """
    row = await _changeable(context, id, ("id",))
    probe = probes.probe_of(row.service_name, row.test_method, row.test_url)
    if probe is None or row.service_type == "custom":
        raise InvalidInput(
            "There is no way to test this integration; give the address of a test with its"
            " credentials, and a type other than custom.",
            ("id",),
        )
    turns = allowances.integration_test(row.workspace_id)
    await allowances.spend(context.resources, turns, "This workspace has tested many just now;")
    result = await _tried(context, row, probe)
    written = Json(msgspec.json.encode(result).decode())
    async with context.writing() as transaction:
        await integrations.store_test(
            transaction, id, written, row.rotated_at, ok=bool(result["ok"])
        )


async def _tried(context: Context, row: IntegrationRow, probe: Probe) -> dict[str, Any]:
    try:
        opened = await _opened(context, row)
        reply = await context.resources.outgoing.call(
            probe.method,
            probe.url,
            headers=probes.signed(probe, row.service_type, opened),
            seconds=TEST_SECONDS,
        )
    except NotCalled as refused:
        return {"ok": False, "error": refused.code, "message": refused.message}
    except NotOpened:
        return {
            "ok": False,
            "error": "CREDENTIALS_UNREADABLE",
            "message": "The credentials were sealed with a key that is gone; enter them again.",
        }
    return {"ok": probes.works(probe, reply), **_measured(reply)}


def _measured(reply: Reply) -> dict[str, int]:
    return {"statusCode": reply.status, "latencyMs": reply.milliseconds}


async def _opened(context: Context, row: IntegrationRow) -> dict[str, str]:
    return await credentials.to_test(context.resources.database, row.id) or {}


async def _changeable(
    context: Context, id: UUID, path: Sequence[str] = ("input", "id")
) -> IntegrationRow:
    """The integration, which the asker may change."""
    context.signed_in()
    async with context.writing() as transaction:
        await _check_right(transaction, id, path)
        row = await integrations.find(transaction, id)
    assert row is not None  # noqa: S101 # it was seen in the same transaction
    return row


async def _check_right(
    transaction: Writing, id: UUID, path: Sequence[str] = ("input", "id")
) -> None:
    _check(await integrations.right(transaction, id), "integrations_visible", path)


def _check(may: bool | None, unseen: str, path: Sequence[str]) -> None:
    if may is None:
        raise NotFound(SAID[unseen], path)
    if not may:
        raise Forbidden(SAID["integrations_write"], path)


async def _check_fit(context: Context, row: IntegrationRow, service_type: str) -> None:
    if service_type == row.service_type:
        return
    try:
        probes.check_credentials(service_type, await _opened(context, row))
    except (Unfit, NotOpened) as error:
        raise InvalidInput(
            f"The stored credentials are not of the type {service_type}; enter others with"
            " rotateIntegrationCredentials.",
            ("input", "serviceType"),
        ) from error


def _credentials(service_type: str, given: Json) -> dict[str, str]:
    read: object = msgspec.json.decode(given)
    if not isinstance(read, dict):
        raise InvalidInput("Credentials are an object of texts.", ("input", "credentials"))
    try:
        return probes.check_credentials(service_type, cast("Mapping[str, object]", read))
    except Unfit as unfit:
        raise InvalidInput(str(unfit), ("input", "credentials")) from None


def _test(context: Context, method: str, url: str | None) -> tuple[str, str | None]:
    if method not in METHODS:
        raise InvalidInput(f"A test is one of {', '.join(METHODS)}.", ("input", "testMethod"))
    if url:
        try:
            context.resources.outgoing.check(url)
        except NotCalled as refused:
            raise InvalidInput(refused.message, ("input", "testUrl")) from None
    return method, url or None


def _type(given: str) -> str:
    if given not in KINDS:
        raise InvalidInput(f"The type is one of {', '.join(KINDS)}.", ("input", "serviceType"))
    return given


def _account(given: str) -> str:
    return _line(given.strip(), LONGEST_ACCOUNT, "accountName", empty=True)


def _scopes(given: Sequence[str]) -> list[str]:
    if len(given) > MOST_SCOPES:
        raise InvalidInput(f"At most {MOST_SCOPES} scopes.", ("input", "scopes"))
    return list(dict.fromkeys(_line(each, LONGEST_SCOPE, "scopes") for each in given))


def _line(given: str, longest: int, field: str, *, empty: bool = False) -> str:
    if (not given and not empty) or len(given) > longest or not given.isprintable():
        least = 0 if empty else 1
        raise InvalidInput(
            f"{field} is a line of between {least} and {longest} characters.", ("input", field)
        )
    return given
