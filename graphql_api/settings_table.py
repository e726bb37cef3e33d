"""The settings as a page, for the command and the documentation."""

from graphql_api.settings import Settings, meaning_of, text_of

HEAD = """\
# Settings

Environment variables; `graphql-api settings` prints this page. Options of the command line come
first. A setting that cannot be used stops the program with a line that says why.

| Setting | Default | Meaning |
|---|---|---|
"""


def reference() -> str:
    """Every setting in a Markdown table."""
    rows = [
        f"| `{name.upper()}` | {_default(name)} | {meaning_of(name)} |"
        for name in Settings.model_fields
    ]
    return HEAD + "\n".join(rows) + "\n"


def _default(name: str) -> str:
    field = Settings.model_fields[name]
    if field.default_factory is not None:
        development, production = (
            text_of(getattr(Settings.model_construct(environment=environment), name))
            for environment in ("development", "production")
        )
        return f"`{development}`; `{production}` in production"
    text = text_of(field.default)
    return f"`{text}`" if text else ""
