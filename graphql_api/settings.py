"""What can be set, each thing described once, and the sentences said when it is set wrongly.

Every setting is read from the environment variable of its name in capitals; the command line's
options come before it. Whoever needs a setting is handed ``Settings``; nobody else reads the
environment.
"""

import ipaddress
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from graphql_api.setting_values import (
    check_mail_server,
    checked_front_end,
    checked_sender,
    fault_of_url,
    read_providers,
    words,
)
from resolvers.oauth import Provider

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

SHORTEST_SECRET = 32
HOW_TO_MAKE_ONE = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
NEVER_SHOWN = {
    *("database_url", "direct_database_url", "replica_url", "hints_url", "smtp_url"),
    "oauth_providers",
    *("secret_key", "secret_key_previous", "demo_password"),
}


class BadSettings(Exception):
    """Settings that cannot be used; ``faults`` says one line about each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def _in_development(given: dict[str, Any]) -> bool:
    return given["environment"] == "development"


def _sends_mail(given: dict[str, Any]) -> bool:
    return given.get("smtp_url") is not None


def _log_format(given: dict[str, Any]) -> Literal["text", "json"]:
    return "text" if _in_development(given) else "json"


def _drain_seconds(given: dict[str, Any]) -> float:
    return 0 if _in_development(given) else 5


class Settings(BaseSettings):
    """Everything the server can be told. Made by ``read_settings``, which explains faults."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    environment: Literal["development", "production"] = Field(
        default="development",
        description="`production` turns off what helps only developers (GraphiQL, introspection, "
        "suggestions of field names) and logs JSON. Each can be set by itself, too.",
    )

    # Where it listens
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. `0.0.0.0` listens on every network.",
    )
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one."
    )
    workers: int = Field(
        default=1, ge=1, le=256, description="Number of processes that share the port."
    )
    trusted_proxies: str = Field(
        default="127.0.0.1,::1",
        description="Addresses or networks of proxies whose X-Forwarded-For is believed, "
        "separated by commas.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins of web pages on other hosts that may call this API, separated by "
        "commas, such as `https://app.example.com`. Pages served from here always may.",
    )

    # Database
    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL server and database, `postgresql://user:password@host:5432/name`. "
        "Its user applies the migrations and must be a superuser; requests are served by lesser "
        "logins of our own. Unset: the embedded PostgreSQL is started.",
    )
    data: Path | None = Field(
        default=None,
        description="Folder of the embedded PostgreSQL and its secret. Unset: "
        "`/var/lib/graphql-api` for root, else the user's folder for application data.",
    )
    archive: Path | None = Field(
        default=None,
        description="Folder where the embedded PostgreSQL keeps what it writes, for `restore --to` "
        "any moment; give it to `backup --to`, too. Unset: nothing is kept.",
    )
    migrate_on_start: bool = Field(
        default=True,
        description="Apply new migrations before serving. Off: refuse to serve until "
        "`graphql-api migrate` was run.",
    )
    direct_database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL itself, where DATABASE_URL leads to PgBouncer: for migrations, "
        "for maintenance and to hear of new log lines at once. Unset: DATABASE_URL.",
    )
    replica_url: SecretStr | None = Field(
        default=None,
        description="Streaming replica of that server, in the same form: it answers queries, but "
        "for viewers whose last write it has not seen. Unset: DATABASE_URL answers all.",
    )
    replica_lag_seconds: float = Field(
        default=2, gt=0, le=3600, description="A replica further behind answers no queries."
    )
    pool_size: int = Field(
        default=6, ge=1, le=500, description="Connections of each process for requests."
    )
    sign_in_pool_size: int = Field(
        default=2, ge=1, le=100, description="Connections of each process for sign-in."
    )
    statement_cache_size: int = Field(
        default=1000,
        ge=0,
        description="Prepared statements kept on each connection. Must be 0 behind PgBouncer in "
        "transaction mode.",
    )
    statement_timeout_seconds: float = Field(
        default=8, gt=0, le=600, description="PostgreSQL gives up a statement after this time."
    )

    hints_url: SecretStr | None = Field(
        default=None,
        description="NATS server that tells processes of new log lines, `nats://host:4222`; takes "
        "the extra `nats`. Unset: PostgreSQL tells them.",
    )

    # Secrets and sign-in
    secret_key: SecretStr | None = Field(
        default=None,
        description="The one secret, at least 32 characters, from which every key is derived. "
        "Needed with DATABASE_URL; the embedded database keeps its own. "
        f"Make one: `{HOW_TO_MAKE_ONE}`.",
    )
    secret_key_previous: SecretStr | None = Field(
        default=None,
        description="The secret before the last change: what it signed is valid until it runs out.",
    )
    access_token_minutes: int = Field(
        default=15, ge=1, le=1440, description="How long an access token is valid."
    )
    password_threads: int = Field(
        default=2, ge=1, le=64, description="Passwords checked at once in a process, 19 MiB each."
    )

    # Mail
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Mail server, `smtp://user:password@host:587` (with STARTTLS) or "
        "`smtps://user:password@host:465`. Unset: in development messages are shown in the log; in "
        "production none is sent, and what goes by mail answers MAIL_UNAVAILABLE.",
    )
    mail_from: str | None = Field(
        default=None,
        validate_default=True,
        description="Sender of messages, `Name <address@example.com>`. Needed with SMTP_URL.",
    )
    public_url: str | None = Field(
        default=None,
        validate_default=True,
        description="Where the front end is, such as `https://app.example.com`: links in messages "
        "lead to its pages `/verify-email`, `/reset-password` and `/invitation`, with "
        "`#token=…`, and `/ownership-offer`, with `#id=…`. Needed with SMTP_URL; unset: messages "
        "carry the bare token.",
    )

    require_verified_email: bool = Field(
        default_factory=_sends_mail,
        description="Signing in by password takes a verified e-mail address. Default: where "
        "SMTP_URL is set.",
    )

    # Sign-in by others
    oauth_providers: SecretStr | None = Field(
        default=None,
        description='JSON list of those whose word signs people in: `[{"name": "github", '
        '"client_id": "…", "client_secret": "…"}, {"name": "google", "issuer": '
        '"https://accounts.google.com", "client_id": "…", "client_secret": "…"}]`. Without an '
        '`issuer` it is GitHub. An issuer other than Google needs `"trust_email": true` for '
        "an address that it calls verified to open or find an account.",
    )
    oauth_redirect_uris: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Pages of front ends that providers may send people back to, separated by "
        "commas, such as `https://app.example.com/signed-in`.",
    )

    # Calls to outside services
    outgoing_networks: Annotated[tuple[IPNetwork, ...], NoDecode] = Field(
        default=(),
        description="Networks that integrations and webhooks may call although they are not the "
        "public internet, separated by commas, such as `10.20.0.0/16`; also without TLS, and on "
        "any port.",
    )

    deliver_webhooks: bool = Field(
        default=True,
        description="Send what webhooks are to be told from the processes that serve. Off: "
        "`graphql-api deliver` does, beside them.",
    )
    webhook_patience_days: float = Field(
        default=5,
        gt=0,
        le=365,
        description="A webhook where nothing arrives for so long is switched off.",
    )

    # What a request may ask
    introspection: bool = Field(
        default_factory=_in_development, description="Answer questions about the schema."
    )
    graphiql: bool = Field(
        default_factory=_in_development, description="Serve GraphiQL, the page to explore the API."
    )
    metrics: bool = Field(
        default_factory=_in_development,
        description="Answer Prometheus at `/metrics`, which tells of all processes of this "
        "`serve`. In production let the proxy keep it from the outside.",
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        default=None,
        description="Collector of OpenTelemetry that takes traces, `http://host:4318`; takes the "
        "extra `otel`. OpenTelemetry's own `OTEL_…` variables set the rest. Unset: no traces.",
    )
    field_suggestions: bool = Field(
        default_factory=_in_development, description="Suggest names when a field does not exist."
    )
    trusted_documents: Path | None = Field(
        default=None,
        description="File of registered documents, made by `graphql-api documents add`, which "
        "requests name by their SHA-256.",
    )
    trusted_documents_only: bool = Field(
        default=False, description="Run registered documents only, and no other."
    )
    max_depth: int = Field(default=15, ge=1, description="Levels of nesting in a request.")
    max_aliases: int = Field(default=30, ge=0, description="Aliases in a request.")
    max_tokens: int = Field(default=2000, ge=10, description="Tokens in a request's document.")
    max_directives: int = Field(default=20, ge=0, description="Directives in a request.")
    max_page_size: int = Field(default=500, ge=1, description="Rows in a page: `first` and `last`.")
    max_cost: int = Field(
        default=100_000,
        ge=1,
        description="Fields that a request may have answered, counted from its page sizes before "
        "it runs; a `totalCount` counts ten.",
    )
    max_cost_per_hour: int = Field(
        default_factory=lambda given: 0 if _in_development(given) else 10_000_000,
        ge=0,
        description="What all requests of a user or API key (of nobody: from an address) may cost "
        "in an hour together, in all processes; 0 for any.",
    )
    max_body_bytes: int = Field(
        default=1_048_576, ge=1024, description="Bytes of a request's body."
    )
    request_timeout_seconds: float = Field(
        default=10, gt=0, le=600, description="A query or mutation is to be answered in this time."
    )
    connection_init_timeout_seconds: float = Field(
        default=5, gt=0, le=60, description="Time a WebSocket has to say who it is."
    )
    max_subscriptions: int = Field(
        default=50, ge=1, le=10_000, description="Subscriptions on one WebSocket."
    )
    max_subscriptions_per_viewer: int = Field(
        default=200, ge=1, description="Subscriptions of one user or API key in each process."
    )
    max_subscriptions_per_process: int = Field(
        default=10_000, ge=1, description="Subscriptions in each process."
    )
    drain_seconds: float = Field(
        default_factory=_drain_seconds,
        ge=0,
        le=600,
        description="Time in which a process that was told to stop is not ready but still takes "
        "requests, so that the load balancer sees it in time; more than the time between two of "
        "its looks at `/health/ready`.",
    )
    shutdown_seconds: int = Field(
        default=10, ge=1, le=600, description="Time that running requests have after "
        "DRAIN_SECONDS, until they are broken off."
    )

    # The demonstration
    demo_email: str | None = Field(
        default=None,
        description="Who GraphiQL offers to sign in as. `serve` sets it with the demonstration.",
    )
    demo_password: SecretStr | None = Field(
        default=None, description="The password that GraphiQL offers with DEMO_EMAIL."
    )

    # Logs
    log_format: Literal["text", "json"] = Field(
        default_factory=_log_format,
        description="`text` for people, `json` for machines. Default: `json` in production.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe messages that are logged."
    )

    @field_validator("allowed_origins", "oauth_redirect_uris", "outgoing_networks", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return words(value)

    @field_validator("data", "archive", "trusted_documents")
    @classmethod
    def _folder(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value else None

    @field_validator("database_url", "direct_database_url", "replica_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (fault := fault_of_url(value.get_secret_value())):
            raise ValueError(fault)
        return value

    @field_validator("secret_key", "secret_key_previous")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(
                f"needs at least {SHORTEST_SECRET} characters; make one: {HOW_TO_MAKE_ONE}"
            )
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_mail_server(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str | None, given: ValidationInfo) -> str | None:
        return checked_sender(value, needed=bool(given.data.get("smtp_url")))

    @field_validator("public_url")
    @classmethod
    def _front_end(cls, value: str | None, given: ValidationInfo) -> str | None:
        return checked_front_end(value, needed=bool(given.data.get("smtp_url")))

    @field_validator("require_verified_email")
    @classmethod
    def _can_be_verified(cls, value: bool, given: ValidationInfo) -> bool:
        sends = given.data.get("smtp_url") or given.data.get("environment") == "development"
        if value and not sends:
            raise ValueError("needs SMTP_URL in production: nobody could verify an address")
        return value

    @field_validator("oauth_providers")
    @classmethod
    def _described_well(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_providers(value.get_secret_value())
        return value

    @property
    def providers(self) -> list[Provider]:
        """Those whose word signs people in."""
        given = self.oauth_providers
        return read_providers(given.get_secret_value()) if given else []

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def read_settings(**given: object) -> Settings:
    """The settings of the environment, with those ``given`` (that are not None) before them.

    Raises BadSettings with a line for each fault.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise BadSettings([_explained(fault) for fault in _own(error.errors())]) from None


def to_environment(settings: Settings) -> dict[str, str]:
    """The environment in which ``read_settings`` gives the same settings again."""
    texts = {name: text_of(getattr(settings, name)) for name in Settings.model_fields}
    return {name.upper(): text for name, text in texts.items() if text}


def text_of(value: object) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return value.get_secret_value()
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return str(value)


def _own(faults: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the faults that are only the echo of another."""
    return [fault for fault in faults if fault["type"] != "default_factory_not_called"]


def _explained(fault: ErrorDetails) -> str:
    name = str(fault["loc"][0])
    said = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if fault["type"] == "value_error":
        return f"{name.upper()} {said}."
    asked = "" if name in NEVER_SHOWN else f", not {json.dumps(fault['input'], default=str)}"
    return f"{name.upper()} should be {_lower(said)}{asked}. {meaning_of(name)}"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def meaning_of(name: str) -> str:
    return Settings.model_fields[name].description or ""
