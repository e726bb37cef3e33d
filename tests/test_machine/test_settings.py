"""What can be set, and what is said when it is set wrongly."""

from pathlib import Path

import pytest

from graphql_api.settings import BadSettings, Settings, read_settings, to_environment
from graphql_api.settings_table import reference

SETTINGS = Path(__file__).parents[2] / "docs/operate/settings.md"
SECRET = "a secret of more than thirty-two characters"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def faults(**given: object) -> list[str]:
    with pytest.raises(BadSettings) as refused:
        read_settings(**given)
    return refused.value.faults


def test_the_environment_sets_what_the_command_line_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("WORKERS", "3")
    settings = read_settings(port=8123, workers=None)
    assert (settings.port, settings.workers) == (8123, 3)


def test_every_fault_is_one_line_that_names_the_setting() -> None:
    assert [line.split()[0] for line in faults(port="x", workers=0, environment="prod")] == [
        "ENVIRONMENT",
        "PORT",
        "WORKERS",
    ]


def test_a_fault_says_what_was_given_and_what_it_means() -> None:
    (line,) = faults(max_depth=0)
    assert line == (
        "MAX_DEPTH should be greater than or equal to 1, not 0. Levels of nesting in a request."
    )


@pytest.mark.parametrize("name", ["secret_key", "secret_key_previous"])
def test_a_short_secret_is_refused_without_showing_it(name: str) -> None:
    (line,) = faults(**{name: "hunter2"})
    assert "at least 32 characters" in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    "url",
    ["mysql://root:hunter2@db/x", "hunter2", "postgresql://u:hunter2@db", "postgresql://u@[::1/x"],
)
def test_a_url_of_something_else_is_refused_without_showing_it(url: str) -> None:
    (line,) = faults(database_url=url)
    assert line.startswith("DATABASE_URL must")
    assert "hunter2" not in line


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = read_settings(secret_key=SECRET, database_url="postgresql://u:hunter2@db/x")
    assert SECRET not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_production_turns_off_what_helps_only_developers() -> None:
    settings = read_settings(environment="production")
    assert [settings.introspection, settings.graphiql, settings.field_suggestions] == [False] * 3
    assert settings.log_format == "json"


def test_production_may_still_serve_graphiql() -> None:
    assert read_settings(environment="production", graphiql=True).graphiql


def test_a_worker_reads_the_settings_that_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    given = read_settings(
        environment="production",
        graphiql=True,
        allowed_origins="https://a.example, https://b.example",
        secret_key=SECRET,
        data="/somewhere",
        statement_timeout_seconds=2.5,
    )
    for name, text in to_environment(given).items():
        monkeypatch.setenv(name, text)
    assert read_settings() == given


@pytest.mark.parametrize(
    ("host", "only_here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("192.0.2.1", False), ("::", False)],
)
def test_only_a_loopback_address_is_for_this_machine_alone(host: str, only_here: bool) -> None:
    assert read_settings(host=host).on_loopback is only_here


def test_the_page_of_settings_is_what_the_command_prints() -> None:
    assert SETTINGS.read_text() == reference()  # graphql-api settings > docs/operate/settings.md


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


SENDING = {
    "smtp_url": "smtp://us:hunter2@mail.example.com:587",
    "mail_from": "The platform <platform@example.com>",
    "public_url": "https://app.example.com",
}


def test_a_server_that_sends_mail_asks_for_verified_addresses() -> None:
    assert read_settings(**SENDING).require_verified_email
    assert not read_settings().require_verified_email


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"mail_from": None}, "MAIL_FROM is needed"),
        ({"public_url": None}, "PUBLIC_URL is needed"),
        ({"smtp_url": "mail.example.com"}, "SMTP_URL must look like"),
        ({"public_url": "app.example.com"}, "PUBLIC_URL must look like"),
        ({"mail_from": "nobody"}, "MAIL_FROM must look like"),
    ],
)
def test_half_a_mail_server_is_none(changed: dict[str, object], named: str) -> None:
    assert named in "\n".join(faults(**SENDING | changed))


def test_production_asks_for_verified_addresses_only_where_it_can_send_mail() -> None:
    (line,) = faults(environment="production", require_verified_email=True)
    assert line.startswith("REQUIRE_VERIFIED_EMAIL needs SMTP_URL")


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        '[{"name": "github", "client_id": "a"}]',
        '[{"name": "x", "client_id": "a", "client_secret": "hunter2", "issuer": "http://x.org"}]',
        '[{"name": "x", "client_id": "a", "client_secret": "hunter2", "isuer": "https://x.org"}]',
    ],
)
def test_a_provider_that_is_described_wrongly_is_refused_without_its_secret(text: str) -> None:
    (line,) = faults(oauth_providers=text)
    assert line.startswith("OAUTH_PROVIDERS must be a JSON list of providers")
    assert "hunter2" not in line
