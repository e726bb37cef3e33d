"""The command ``graphql-api``: what is asked for, and what went wrong in a line."""

import asyncio
import difflib
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from db import maintenance
from db.backup import BackupFailed
from db.cluster import CannotStart
from db.maintenance import MaintenanceFailed
from db.migrate import MigrationFailed
from graphql_api import registering
from graphql_api.home import NotServed, bring_up, home
from graphql_api.pooling import pgbouncer
from graphql_api.settings import BadSettings, Settings, read_settings
from graphql_api.settings_table import reference
from resolvers.errors import Refusal

VERSION = "0.1.0"

DEFAULT_URL = "http://127.0.0.1:8000/graphql"

Data = Annotated[
    Path | None,
    Parameter(help="Folder of the embedded PostgreSQL (DATA). Without effect with DATABASE_URL."),
]

Files = Annotated[
    list[Path], Parameter(help="Files in JSON, or folders, of which every *.json is taken.")
]
Remarks = Annotated[
    bool | None,
    Parameter(
        name="--report",
        help="Print what did not map or was changed, not only how much. Default with one file.",
    ),
]
Workspace = Annotated[str, Parameter(help="Slug of the workspace that gets the workflows.")]

app = App(
    name="graphql-api",
    help="The GraphQL API server of an MCP server creation platform.\n\n"
    "Works on the database of DATABASE_URL or, where that is unset, on an embedded PostgreSQL. "
    "What else can be set by the environment: `graphql-api settings`.",
    help_format="markdown",
    version=VERSION,
    result_action="return_value",
)
importing = App(name="import", help="Import workflows from elsewhere.", help_format="markdown")
app.command(importing)
app.command(registering.app)
app.command(pgbouncer)


@app.command
def serve(
    *,
    host: Annotated[str | None, Parameter(help="Address to listen on; 127.0.0.1 (HOST).")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on; 8000 (PORT).")] = None,
    data: Data = None,
    workers: Annotated[int | None, Parameter(help="Processes that serve; 1 (WORKERS).")] = None,
    demo: Annotated[
        bool | None,
        Parameter(
            help="Load demonstration data into an empty database. By default only into the "
            "embedded one, when only this machine can reach the server."
        ),
    ] = None,
) -> int:
    """Start the server and keep it running until Ctrl-C.

    Starts the embedded PostgreSQL if there is no DATABASE_URL, applies new migrations, and prints
    the address of GraphiQL.
    """
    from graphql_api import serving  # noqa: PLC0415 # the schema takes a while to make

    chosen = read_settings(host=host, port=port, data=data, workers=workers)
    return serving.serve(chosen, report, with_demo=demo)


@app.command
def migrate(*, data: Data = None) -> int:
    """Bring the database to the newest shape, and set the passwords of its logins.

    The user of DATABASE_URL must be a superuser.
    """
    return asyncio.run(_migrate(read_settings(data=data, migrate_on_start=True)))


@app.command
def demo(*, data: Data = None) -> int:
    """Load the demonstration data into an empty database, and print its sign-in.

    Everybody who knows the sign-in can use it: not for a server that others reach.
    """
    return asyncio.run(_demo(read_settings(data=data)))


@app.command
def reap(*, data: Data = None) -> int:
    """Give up the executions that have been silent for longer than their workflows allow.

    A running server does so by itself, every 15 seconds.
    """
    return asyncio.run(_reap(read_settings(data=data)))


@app.command
def deliver(
    *,
    once: Annotated[
        bool, Parameter(help="Send what is due now, and end.", negative="")
    ] = False,
    data: Data = None,
) -> int:
    """Send what webhooks are to be told, until Ctrl-C.

    A running server does so by itself, unless DELIVER_WEBHOOKS is off.
    """
    return asyncio.run(_deliver(read_settings(data=data), once=once))


@app.command
def rotate_credentials(*, data: Data = None) -> int:
    """Seal anew with SECRET_KEY what is stored sealed, after it was changed.

    What the secret before it sealed is opened with SECRET_KEY_PREVIOUS, which is not needed for
    that any longer when this ends with 0. Can be broken off and run again, beside a running server.
    """
    return asyncio.run(_rotate_credentials(read_settings(data=data)))


@app.command
def maintain(*, data: Data = None) -> int:
    """Make the partitions of the coming months, and take away what is older than plans keep.

    A running server does so by itself, every ten minutes.
    """
    return asyncio.run(_maintain(read_settings(data=data)))


@app.command
def backup(
    *,
    to: Annotated[Path, Parameter(help="Folder of the backups; ARCHIVE, where that is set.")],
    data: Data = None,
) -> int:
    """Copy the database's whole server while it runs, and check every byte of the copy.

    With the write-ahead log kept beside it (ARCHIVE, or archive_command of a server of your own),
    `restore` brings it to any later moment.
    """
    from graphql_api import recovery  # noqa: PLC0415

    asyncio.run(recovery.make_backup(read_settings(data=data), to, report))
    return 0


@app.command
def restore(
    *,
    backups: Annotated[Path, Parameter(name="--from", help="Folder of the backups.")],
    to: Annotated[
        datetime | None,
        Parameter(help="Moment, such as 2026-11-25T19:00:00Z. By default the last that was kept."),
    ] = None,
    data: Annotated[Path, Parameter(help="New folder that gets the database.")],
) -> int:
    """Make a database of a backup, as it was at a moment.

    Of the embedded PostgreSQL: ready to be served. Of a server of your own: its data folder, ready
    to be started.
    """
    from graphql_api import recovery  # noqa: PLC0415

    recovery.restore(backups, to, data, report)
    return 0


@app.command
def simulate(
    *,
    workspace: Annotated[
        str, Parameter(help="Slug of the workspace whose workflows are replayed.")
    ],
    url: Annotated[str, Parameter(help="Where the server answers.")] = DEFAULT_URL,
    key: Annotated[
        str | None, Parameter(help="API key to use. By default one is made, and revoked again.")
    ] = None,
    rate: Annotated[float, Parameter(help="Executions that begin in a second.")] = 0.5,
    most: Annotated[
        int | None, Parameter(help="Executions in all; by default without end.")
    ] = None,
    speed: Annotated[float, Parameter(help="How much faster than usual an execution goes.")] = 1.0,
    data: Data = None,
) -> int:
    """Pretend to be a runtime: replay workflows with made-up logs on a running server.

    For whoever runs the server; with --key from anywhere.
    """
    from graphql_api.simulate import Pace  # noqa: PLC0415
    from graphql_api.simulate import simulate as replay  # noqa: PLC0415

    chosen = read_settings(data=data)
    return asyncio.run(
        replay(chosen, workspace, url, key=key, pace=Pace(rate, most, speed), report=report)
    )


@app.command
def schema(
    *,
    check: Annotated[
        Path | None, Parameter(help="Print only the differences from this file; 1 if there are.")
    ] = None,
) -> int:
    """Print the GraphQL schema in the schema definition language."""
    from graphql_api.schema import schema as made  # noqa: PLC0415

    printed = made.as_str().rstrip() + "\n"
    if check is None:
        sys.stdout.write(printed)
        return 0
    kept = check.read_text(encoding="utf-8") if check.exists() else ""
    lines = list(
        difflib.unified_diff(
            kept.splitlines(keepends=True), printed.splitlines(keepends=True), str(check), "schema"
        )
    )
    sys.stdout.writelines(lines)
    if lines:
        report(f"{check} is not the schema: graphql-api schema > {check}")
    return 1 if lines else 0


@app.command
def tail(
    execution: Annotated[str | None, Parameter(help="Id of the execution.")] = None,
    /,
    *,
    workspace: Annotated[
        str | None, Parameter(help="Slug of a workspace: follow all that runs in it.")
    ] = None,
    url: Annotated[
        str, Parameter(help="Address of the server.", env_var="GRAPHQL_URL")
    ] = "http://127.0.0.1:8000/graphql",
    token: Annotated[
        str | None,
        Parameter(help="Access token or API key.", env_var="GRAPHQL_TOKEN", show_default=False),
    ] = None,
    min_level: Annotated[
        Literal["debug", "info", "warn", "error"] | None,
        Parameter(help="Only lines that matter as much, or more."),
    ] = None,
    node: Annotated[str | None, Parameter(help="Only lines of this node.")] = None,
) -> int:
    """Follow the log of an execution, or all logs of a workspace, in colour.

    Goes on where it stood when the connection breaks. Ends with the execution, or with Ctrl-C.
    """
    from graphql_api.tail import Place, Tail  # noqa: PLC0415 # takes a while to load

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    if (execution is None) == (workspace is None):
        report("Name either an execution, or a workspace with --workspace SLUG")
        return 2
    wanted = {"minLevel": min_level and min_level.upper(), "nodeId": node}
    tail = Tail(Place(url, token), say, colour=sys.stdout.isatty(), wanted=wanted)
    following = tail.execution(execution) if execution else tail.workspace(workspace or "")
    asyncio.run(following)
    return 0


@app.command
def settings() -> int:
    """Print every setting, with its default and its meaning: docs/operate/settings.md."""
    sys.stdout.write(reference())
    return 0


@app.command
def explain(
    file: Annotated[Path, Parameter(help="A document with one query.")],
    /,
    *,
    variables: Annotated[str, Parameter(help="Its variables, a JSON object.")] = "{}",
    email: Annotated[
        str | None, Parameter(name="--as", help="Address of the person who asks; else nobody.")
    ] = None,
    data: Data = None,
) -> int:
    """Print the SQL that answers a query, and how PostgreSQL runs it.

    The query is run, read only. The exit code is 1 if it has no plan, and why.
    """
    from graphql_api import explaining  # noqa: PLC0415

    chosen = read_settings(data=data)
    return asyncio.run(explaining.explain(chosen, file, variables, email, report))


@importing.command(name="n8n")
def import_n8n(
    files: Files, /, *, workspace: Workspace, report: Remarks = None, data: Data = None
) -> int:
    """Import exports of n8n as workflows, with a report of what did not map.

    For whoever runs the server: works on its database, beside the running server too, and writes
    as the owner of the workspace. Nothing of a file that is refused is stored; it is told why, the
    others are imported, and the exit code is 1.
    """
    return _import("n8n", files, workspace, data, remarks=report)


@importing.command(name="mcp")
def import_mcp(
    files: Files, /, *, workspace: Workspace, report: Remarks = None, data: Data = None
) -> int:
    """Import descriptions of MCP servers (server.json) as workflows.

    Refusals and the exit code are as with n8n.
    """
    return _import("server_json", files, workspace, data, remarks=report)


def _import(
    reader: str, files: list[Path], workspace: str, data: Path | None, *, remarks: bool | None
) -> int:
    from graphql_api.importing import import_files  # noqa: PLC0415

    chosen = read_settings(data=data)
    return asyncio.run(import_files(chosen, reader, files, workspace, report, remarks=remarks))


async def _migrate(settings: Settings) -> int:
    async with home(settings, report, share=True) as place:
        await bring_up(place, settings, report)
    report("The database is up to date")
    return 0


async def _reap(settings: Settings) -> int:
    from resolvers import reaping  # noqa: PLC0415
    from resolvers.streams import Streams  # noqa: PLC0415

    async with home(settings, report, share=True) as place:
        await bring_up(place, settings, report)
        ended = await reaping.reap(place.url, place.secrets, Streams())
    report(f"Gave up {ended} silent executions")
    return 0


async def _deliver(settings: Settings, *, once: bool) -> int:
    from pydantic import SecretStr  # noqa: PLC0415

    from graphql_api.app import delivering_of, resources  # noqa: PLC0415

    async with home(settings, report, share=True) as place:
        await bring_up(place, settings, report)
        here = {"database_url": SecretStr(place.url), "secret_key": SecretStr(place.secret)}
        async with resources(settings.model_copy(update=here)) as shared:
            sender = delivering_of(settings, shared)
            if not once:
                report("Sending what webhooks are to be told, until Ctrl-C")
                await sender.keep_delivering()
            report(f"Sent {await sender.deliver()} deliveries")
    return 0


async def _rotate_credentials(settings: Settings) -> int:
    from db.session import connect  # noqa: PLC0415
    from resolvers.rewrapping import rewrap  # noqa: PLC0415

    async with home(settings, report, share=True) as place:
        await bring_up(place, settings, report)
        async with connect(place.url, place.secrets, size=1) as database:
            everything = await rewrap(database, report)
    if everything:
        report("Everything is sealed with the present key")
    return 0 if everything else 1


async def _maintain(settings: Settings) -> int:
    async with home(settings, report, share=True) as place:
        await bring_up(place, settings, report)
        done = await maintenance.maintain(place.url, place.secrets, report)
    report(str(done) if done else "Another process is at it")
    return 0


async def _demo(settings: Settings) -> int:
    from graphql_api.serving import load_demo  # noqa: PLC0415

    async with home(settings, report, share=True) as place:
        await bring_up(place, settings, report)
        sign_in = await load_demo(place, report)
    if sign_in is None:
        report("The database has other data: nothing was loaded")
        return 1
    report(f"Sign in as {sign_in.email} with the password {sign_in.password}")
    return 0


EXPECTED = (
    BackupFailed,
    CannotStart,
    MaintenanceFailed,
    MigrationFailed,
    NotServed,
    Refusal,
)
"""What is said in a line, without a trace."""


def report(line: str) -> None:
    """Tell the person at the terminal what goes on."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main(words: list[str] | None = None) -> None:
    """Run the command line; expected faults are a line each, and no trace."""
    try:
        code = app(words)
    except BadSettings as error:
        code = _failed(error, 2)
    except EXPECTED as error:
        code = _failed(error, 1)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _failed(error: Exception, code: int) -> int:
    report(f"graphql-api: {error}")
    return code
