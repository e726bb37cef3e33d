"""The secret of an installation is changed as the run book says, and nothing sealed is lost."""

import subprocess
from collections.abc import Callable
from pathlib import Path

RunCli = Callable[..., subprocess.CompletedProcess[str]]

NEW, ANOTHER = "the secret that is used from now on", "a secret that has sealed nothing here"


def test_what_is_sealed_comes_under_the_new_secret(demo_data: Path, run_cli: RunCli) -> None:
    old = (demo_data / "secret-key").read_text()
    words = ("rotate-credentials", "--data", demo_data)

    first = run_cli(*words, SECRET_KEY=NEW, SECRET_KEY_PREVIOUS=old)
    again = run_cli(*words, SECRET_KEY=NEW)
    lost = run_cli(*words, SECRET_KEY=ANOTHER)

    assert first.returncode == 0, first.stderr
    assert "Sealed the secrets of 7 of 7 integrations anew" in first.stderr
    assert again.returncode == 0, again.stderr
    assert "integrations anew" not in again.stderr
    assert lost.returncode == 1, lost.stderr
    assert lost.stderr.count("does not open; enter it again") == 7


def test_what_webhooks_are_to_be_told_can_be_sent_by_a_command(
    demo_data: Path, run_cli: RunCli
) -> None:
    ran = run_cli("deliver", "--once", "--data", demo_data)

    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (0, "Sent 0 deliveries"), ran.stderr
