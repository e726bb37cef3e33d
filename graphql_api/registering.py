"""``graphql-api documents``: the build step that registers what a server may be asked."""

import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from graphql import GraphQLError, GraphQLSchema, parse, validate

from graphql_api.trusted import documents_of, hash_of, read_manifest

app = App(
    name="documents",
    help="Register the documents that clients ask, for TRUSTED_DOCUMENTS.",
    help_format="markdown",
)


@app.command
def add(
    files: Annotated[
        list[Path],
        Parameter(help="Documents (.graphql), or what Relay's or Apollo's compiler wrote (.json)."),
    ],
    /,
    *,
    to: Annotated[Path, Parameter(help="File that keeps them by SHA-256; made if need be.")],
) -> int:
    """Add documents to a file of registered ones, each checked against the schema.

    Nothing is added if one of them is faulty; the exit code is 1 then. Those that are in the file
    stay: clients that are out there ask them.
    """
    from graphql_api.schema import schema  # noqa: PLC0415

    kept = read_manifest(to) if to.exists() else {}
    found = {id: text for file in files for id, text in _read(file).items()}
    faults = [
        f"{text.strip().splitlines()[0][:60]}: {fault}"
        for text in found.values()
        for fault in _faults(schema._schema, text)  # pyright: ignore[reportPrivateUsage]
    ]
    if faults:
        sys.stderr.write("".join(f"{fault}\n" for fault in faults))
        return 1
    new = found.keys() - kept.keys()
    _write(to, kept | found)
    sys.stderr.write(f"{len(new)} new documents, {len(kept | found)} in {to}\n")
    return 0


def _read(file: Path) -> dict[str, str]:
    if file.suffix == ".json":
        return documents_of(msgspec.json.decode(file.read_bytes()), file)
    text = file.read_text(encoding="utf-8")
    return {hash_of(text): text}


def _faults(schema: GraphQLSchema, text: str) -> list[str]:
    try:
        return [fault.message for fault in validate(schema, parse(text))]
    except GraphQLError as error:
        return [error.message]


def _write(to: Path, documents: dict[str, str]) -> None:
    """All of it or nothing: a server may be reading it."""
    unfinished = to.with_name(f".{to.name}.{os.getpid()}")
    written = msgspec.json.encode(dict(sorted(documents.items())))
    unfinished.write_bytes(msgspec.json.format(written, indent=1) + b"\n")
    unfinished.replace(to)
