"""What is sealed opens for its owner with the installation's secret, and for nobody else."""

from uuid import UUID, uuid4

import pytest

from db.credentials import decrypt_credentials, encrypt_credentials
from db.sealing import NotOpened, Sealed, Sealing
from db.secrets import Secrets

OLD, NEW = "the secret before the last change of it", "the secret that is used from now on...."
SEALING = Sealing(Secrets(OLD))
OWNER, OTHER = uuid4(), uuid4()
CREDENTIALS = {"apiKey": "sk-live-4eC39HqLyjWDarjtT1zdp7dc", "account": "müller 🙂"}


def test_credentials_open_for_their_integration() -> None:
    sealed = encrypt_credentials(SEALING, OWNER, OTHER, CREDENTIALS)

    assert decrypt_credentials(SEALING, OWNER, OTHER, sealed) == CREDENTIALS


def test_what_is_sealed_shows_nothing_and_is_never_the_same_twice() -> None:
    first, second = (encrypt_credentials(SEALING, OWNER, OTHER, CREDENTIALS) for _ in range(2))

    assert first.text != second.text
    for value in CREDENTIALS.values():
        assert value.encode() not in first.text


@pytest.mark.parametrize(
    ("workspace", "integration"), [(OTHER, OTHER), (OWNER, OWNER), (OTHER, OWNER)]
)
def test_a_row_that_is_moved_does_not_open(workspace: UUID, integration: UUID) -> None:
    sealed = encrypt_credentials(SEALING, OWNER, OTHER, CREDENTIALS)

    with pytest.raises(NotOpened):
        decrypt_credentials(SEALING, workspace, integration, sealed)


def test_what_is_sealed_for_one_purpose_does_not_open_for_another() -> None:
    text, _ = SEALING.seal("one", b"x", OWNER)

    with pytest.raises(NotOpened):
        SEALING.open("two", Sealed(text, SEALING.key_id("two")), OWNER)


def test_a_changed_byte_anywhere_is_noticed() -> None:
    text, key_id = SEALING.seal("credentials", b"secret", OWNER)

    for place in range(len(text)):
        changed = bytes(byte ^ (n == place) for n, byte in enumerate(text))
        with pytest.raises(NotOpened):
            SEALING.open("credentials", Sealed(changed, key_id), OWNER)


@pytest.mark.parametrize("length", [0, 1, 5, 13, 28])
def test_what_is_cut_short_does_not_open(length: int) -> None:
    text, key_id = SEALING.seal("credentials", b"secret", OWNER)

    with pytest.raises(NotOpened):
        SEALING.open("credentials", Sealed(text[:length], key_id), OWNER)


def test_what_the_previous_secret_sealed_opens_and_nothing_new_is_sealed_with_it() -> None:
    sealed = SEALING.seal("credentials", b"x", OWNER)
    rotated = Sealing(Secrets(NEW, OLD))

    assert rotated.open("credentials", sealed, OWNER) == b"x"
    assert rotated.seal("credentials", b"x", OWNER).key_id != sealed.key_id
    with pytest.raises(NotOpened):
        Sealing(Secrets(NEW)).open("credentials", sealed, OWNER)
