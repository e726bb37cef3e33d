"""Documents that are asked for by a hash: registered ones, and those that clients sent before.

Registered documents come from a file that a build step writes (``graphql-api documents add``): a
map of ids to texts, as Relay's compiler writes it, or an Apollo manifest. A request names one with
``documentId`` (GraphQL over HTTP), or with ``extensions.persistedQuery`` (Apollo). A document that
is not registered may be sent once with its hash, unless only registered ones run.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from graphql_api.messages import Body, RequestFault, request_fault
from graphql_api.settings import BadSettings

APOLLO = "apollo-persisted-query-manifest"
PREFIX = "sha256:"
MOST_DOCUMENTS, MOST_CHARACTERS = 1_000, 4_000_000
"""Of those that clients sent, in each process."""


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


class Trusted:
    """The documents that requests can name. With ``only``, no other runs."""

    def __init__(self, registered: Mapping[str, str] | None = None, *, only: bool = False) -> None:
        self._registered, self._only = registered or {}, only
        self._texts = frozenset(self._registered.values())
        self._sent: OrderedDict[str, str] = OrderedDict()
        self._characters = 0

    def knows(self, text: str) -> bool:
        """Whether this document is registered."""
        return text in self._texts

    def fill(self, body: Body) -> None:
        """Put the text of the document that a request names into it. Raises RequestFault."""
        id = named_by(body)
        if id is None:
            if self._only and body.query and body.query not in self._texts:
                raise _not_trusted()
            return
        known = self._registered.get(id) or self._sent_before(id)
        if known is None:
            known = self._learned(id, body.query)
        elif body.query and body.query != known:
            raise _another()
        body.query = known

    def _sent_before(self, id: str) -> str | None:
        if id in self._sent:
            self._sent.move_to_end(id)
        return self._sent.get(id)

    def _learned(self, id: str, text: str | None) -> str:
        """The text, to be known by its hash from now on."""
        if not text:
            # What Apollo's clients read; they send the text then.
            raise request_fault("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
        if self._only:
            raise _not_trusted()
        if hash_of(text) != id:
            raise _another()
        self._sent[id] = text
        self._characters += len(text)
        while len(self._sent) > MOST_DOCUMENTS or self._characters > MOST_CHARACTERS:
            _, gone = self._sent.popitem(last=False)
            self._characters -= len(gone)
        return text


def named_by(body: Body) -> str | None:
    """The id of the document that a request names, if it names one. Raises RequestFault."""
    if body.document_id is not None:
        return body.document_id.removeprefix(PREFIX)
    if not body.extensions or "persistedQuery" not in body.extensions:
        return None
    match body.extensions["persistedQuery"]:
        case {"version": 1, "sha256Hash": str(id)}:
            return id
        case _:
            raise request_fault(
                "`persistedQuery` holds `version`, which is 1, and `sha256Hash`.", "BAD_REQUEST"
            )


def _not_trusted() -> RequestFault:
    said = "This server runs registered documents only, and this is none of them."
    return request_fault(said, "DOCUMENT_NOT_TRUSTED")


def _another() -> RequestFault:
    said = "The hash is another document's. Send the SHA-256 of `query`, in hexadecimal."
    return request_fault(said, "PERSISTED_QUERY_MISMATCH")


def read_manifest(file: Path) -> dict[str, str]:
    """The texts of a file's documents by their ids. Raises BadSettings."""
    try:
        told: Any = msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise BadSettings([f"{file} is no file of registered documents: {error}."]) from error
    return documents_of(told, file)


def documents_of(told: Any, file: Path) -> dict[str, str]:
    """Relay's form, a map, or Apollo's, a list of operations. Raises BadSettings."""
    if isinstance(told, dict) and cast("dict[str, Any]", told).get("format") == APOLLO:
        try:
            read = msgspec.convert(told, _Manifest)
        except msgspec.ValidationError as error:
            raise BadSettings([f"{file} is no Apollo manifest: {error}."]) from error
        return {each.id.removeprefix(PREFIX): each.body for each in read.operations}
    try:
        return {
            id.removeprefix(PREFIX): text
            for id, text in msgspec.convert(told, dict[str, str]).items()
        }
    except msgspec.ValidationError as error:
        raise BadSettings([f"{file} is no map of ids to documents: {error}."]) from error


class _Operation(msgspec.Struct):
    id: str
    body: str


class _Manifest(msgspec.Struct):
    operations: list[_Operation]
