"""The settings as a table, for the command and the documentation."""

from graphql_api.settings import Settings, meaning_of, text_of


def reference() -> str:
    """Every setting in a Markdown table."""
    rows = [
        f"| `{name.upper()}` | {_default(name)} | {meaning_of(name)} |"
        for name in Settings.model_fields
    ]
    return "\n".join(["| Setting | Default | Meaning |", "|---|---|---|", *rows]) + "\n"


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
