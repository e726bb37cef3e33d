"""The configuration of a PgBouncer between many processes and one PostgreSQL.

In transaction mode a connection of the server is lent for one transaction, so that thousands of
clients share a few. What we set on a connection when it is opened, PgBouncer cannot pass on; it
sets the same itself. Nothing else that we do outlives a transaction but LISTEN, which goes past it.
"""

from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from db.secrets import Secrets
from db.session import SERVER_SETTINGS

LOGINS = ("mcp_api", "mcp_auth", "mcp_worker", "mcp_stream")
PASSED_ON = frozenset({"application_name", "timezone"})

MAIN = """\
; Made by `graphql-api pgbouncer`. Start it: pgbouncer pgbouncer.ini
[databases]
{name} = {server} connect_query='{settings}'

[pgbouncer]
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {size}
max_client_conn = {clients}
ignore_startup_parameters = {ignored}
server_login_retry = 1
query_wait_timeout = 5
"""


class Pooling(NamedTuple):
    """Where PgBouncer listens, and for how many; ``size`` is connections for each login."""

    address: str = "127.0.0.1"
    port: int = 6432
    size: int = 20
    clients: int = 5000


def main_file(url: str, users: str, statement_timeout: float, pooling: Pooling) -> str:
    """``pgbouncer.ini`` for the server and database of ``url``; ``users`` is the other file."""
    ours = {**SERVER_SETTINGS, "statement_timeout": str(round(statement_timeout * 1000))}
    ours = {name: value for name, value in ours.items() if name not in PASSED_ON}
    parts = urlsplit(url)
    name = unquote(parts.path.strip("/"))
    given = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    host, port = parts.hostname or given.get("host", ""), parts.port or given.get("port", 5432)
    return MAIN.format(
        name=name,
        server=f"host={host} port={port} dbname={name}",
        settings="; ".join(f"SET {key} = {value}" for key, value in ours.items()),
        users=users,
        ignored=", ".join(ours),
        **pooling._asdict(),
    )


def users_file(secrets: Secrets) -> str:
    """``userlist.txt``: the logins of requests, with their passwords."""
    return "".join(f'"{login}" "{secrets.password(login)}"\n' for login in LOGINS)
