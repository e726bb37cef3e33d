#!/usr/bin/env python3
"""From a bare machine to a running server: makes .venv, installs the locked packages, runs.

Needs Python 3.11 or newer and nothing else; this file uses the standard library only, and is read
by older Pythons too, so that they can say so.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

NEEDED = (3, 11)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
TO_RUN, TO_DEVELOP = "requirements.lock", "requirements-dev.lock"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

SERVER_COMMANDS = {
    "serve": "start the server, with a PostgreSQL of its own unless DATABASE_URL names one",
    "migrate": "bring the database of DATABASE_URL to this release",
    "demo": "load the demonstration data",
    "import": "import workflows, such as: import n8n FILE... --workspace SLUG",
    "explain": "print the SQL that answers a query, and how PostgreSQL runs it",
    "backup": "copy the database's server: backup --to DIR",
    "restore": "bring a backup to a moment: restore --from DIR --to TIME --data NEW",
    "documents": "register what clients ask: documents add FILE... --to FILE",
    "simulate": "play a runtime: replay a workspace's workflows, to see live data",
    "tail": "follow the logs of an execution or of a workspace",
    "deliver": "send what webhooks are to be told, beside servers that do not",
    "rotate-credentials": "seal what is kept sealed under the present SECRET_KEY",
    "pgbouncer": "write the configuration of a PgBouncer for the database: pgbouncer --to DIR",
    "reap": "mark executions that fell silent as timed out",
    "maintain": "make coming months' partitions, take away what is older than plans keep",
    "schema": "print the GraphQL schema",
    "settings": "print everything that can be set",
}
COMPOSE_SPEC = ["--builtin-schema", "vendor.compose-spec"]
END_TO_END = ["tests/e2e", "tests/streams/test_clients.py", "tests/faults"]
READING = "tests/graphql_api/test_*.py"
SAME_ANSWER = "tests/graphql_api/test_same_answer.py"
LINTS = [
    ("style and mistakes", ["ruff", "check"]),
    ("types", ["pyright"]),
    ("imports", ["lint-imports"]),
    ("schema.graphql", ["python", "-m", "graphql_api", "schema", "--check", "schema.graphql"]),
    ("Dockerfile", ["hadolint", "Dockerfile"]),
    ("compose.yaml", ["check-jsonschema", *COMPOSE_SPEC, "compose.yaml"]),
]
USAGE = """\
python3 dev.py COMMAND [OPTIONS]

The server ({lock}); each explains itself with --help:
{server}

Development ({dev_lock}):
  test               run the tests; options and paths go to pytest; with --plan on or --plan off
                     every query is answered by its plan, or by the loaders
  e2e                run those that take minutes: a browser, other clients, faults under live logs,
                     thousands of generated queries
  lint               run every other check: {lints}
  check              all that CI runs: test, what reads with --plan off, e2e, lint, the image's
                     steps, the database on PostgreSQL 15
  bench              measure how fast the server answers, next to others
  mutants            see that the tests notice every change of the compiler and the relations

The first run makes .venv and installs the locked packages; later ones start at once."""


def main(words: list[str]) -> int:
    command, options = (words[0], words[1:]) if words else ("--help", [])
    if command in SERVER_COMMANDS:
        provide(TO_RUN)
        return become(["python", "-P", "-m", "graphql_api", *words])
    if command in DEVELOPMENT_COMMANDS:
        provide(TO_DEVELOP)
        os.chdir(ROOT)
        return DEVELOPMENT_COMMANDS[command](options)
    print(usage(), file=sys.stdout if command in {"--help", "-h", "help"} else sys.stderr)
    return 0 if command in {"--help", "-h", "help"} else 2


def usage() -> str:
    server = "\n".join(f"  {name:<18} {what}" for name, what in SERVER_COMMANDS.items())
    lints = ", ".join(what for what, _ in LINTS)
    return USAGE.format(lock=TO_RUN, dev_lock=TO_DEVELOP, server=server, lints=lints)


# Commands


def test(options: list[str]) -> int:
    """All tests but those that take minutes: ``e2e`` runs them. All of them share the cores."""
    rest = [f"--ignore={path}" for path in END_TO_END]
    some = options and "--plan" not in options
    shared = [] if some else [f"--numprocesses={min(os.cpu_count() or 1, 4)}", "--dist=loadfile"]
    return become(["python", "-m", "pytest", *rest, *shared, *options])


def e2e(options: list[str]) -> int:
    """What takes minutes, and thousands of generated queries where ``test`` asks a hundred; or
    those whose paths are given."""
    os.environ.setdefault("EXAMPLES", "3000")
    some = any(option.startswith("tests/") for option in options)
    paths = [] if some else [*END_TO_END, SAME_ANSWER]
    return become(["python", "-m", "pytest", *paths, *options])


def lint(_options: list[str]) -> int:
    failed = [what for what, words in LINTS if not passes(what, words)]
    if failed:
        say(f"Failed: {', '.join(failed)}")
    return 1 if failed else 0


def check(_options: list[str]) -> int:
    this = [sys.executable, str(ROOT / "dev.py")]
    steps = [
        [*this, "test"],
        [*this, "test", "--plan", "off", *map(str, sorted(ROOT.glob(READING)))],
        [*this, "e2e"],
        [*this, "lint"],
        [*this[:1], ".ci/image.py"],
        [".ci/postgresql_15"],
    ]
    for words in steps:
        say(f"=== {' '.join(words)}")
        if subprocess.run(words, check=False).returncode:
            return 1
    return 0


def bench(options: list[str]) -> int:
    return become(["python", "-m", "bench", *options])


def mutants(options: list[str]) -> int:
    return become(["python", "-m", "tests.mutants", *options])


DEVELOPMENT_COMMANDS = {
    "test": test,
    "e2e": e2e,
    "lint": lint,
    "check": check,
    "bench": bench,
    "mutants": mutants,
}


def passes(what: str, words: list[str]) -> bool:
    say(f"Checking {what}")
    return subprocess.run(installed(words), env=environment(), check=False).returncode == 0


def become(words: list[str]) -> int:
    sys.stdout.flush()
    os.execve(PYTHON.with_name(words[0]), installed(words), environment())  # noqa: S606


def installed(words: list[str]) -> list[str]:
    return [str(PYTHON.with_name(words[0])), *words[1:]]


def environment() -> dict[str, str]:
    path = os.environ.get("PATH", SYSTEM_PATH)
    return {**os.environ, "PATH": f"{PYTHON.parent}:{path}", "PYTHONPATH": str(ROOT)}


# The environment


def provide(lock: str) -> None:
    """See that .venv has the packages of ``lock``; of two at once the second waits."""
    with open(__file__, encoding="utf-8") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        wanted = hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()
        if not usable():
            make()
        done: dict[str, str] = json.loads(STAMP.read_text()) if STAMP.exists() else {}
        if done.get(lock) != wanted:
            install(lock)
            # The larger lock holds the smaller one; another release of either is installed anew.
            held = [TO_RUN, TO_DEVELOP] if lock == TO_DEVELOP else [TO_RUN]
            hashes = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in held}
            STAMP.write_text(json.dumps(hashes))


def usable() -> bool:
    """Whether .venv is there, and its Python is still the one it was made with."""
    release = PYTHON.resolve().name
    library = VENV / "lib" / release
    return PYTHON.exists() and (library.is_dir() or not re.fullmatch(r"python3\.\d+", release))


def make() -> None:
    try:
        import ensurepip  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport]
        import venv  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport]
    except ModuleNotFoundError:
        install_venv()
    say("Making .venv")
    python = sys.executable or shutil.which("python3", path=SYSTEM_PATH) or "python3"
    run([python, "-m", "venv", "--clear", str(VENV)], "making .venv")


def install_venv() -> None:
    """Debian keeps venv in a package of its own."""
    package = f"python3.{sys.version_info[1]}-venv"
    by_hand = f"apt-get install -y {package}"
    if not shutil.which("apt-get", path=SYSTEM_PATH):
        fail("This Python lacks the modules venv and ensurepip: install them, or another Python.")
    if os.geteuid() != 0:
        fail(f"This Python lacks venv. Install it, then try again: sudo {by_hand}")
    say(f"Installing what this Python lacks: {by_hand}")
    run(["apt-get", "update", "-qq"], "apt-get update")
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], by_hand)


def install(lock: str) -> None:
    packages = len(re.findall(r"^\S+==", (ROOT / lock).read_text(), re.MULTILINE))
    say(f"Installing the {packages} packages of {lock}")
    words = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    words += ["--progress-bar", "off", "--require-hashes", "--requirement", str(ROOT / lock)]
    run(words, "installing", counted="Collecting ")


def run(words: list[str], what: str, counted: str = "") -> None:
    """Run a command, showing only how many lines tell of progress; if it fails, what it said."""
    clean = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    env = {
        **clean,
        "PATH": os.environ.get("PATH", SYSTEM_PATH),
        "DEBIAN_FRONTEND": "noninteractive",
    }
    said: list[str] = []
    count = 0
    with subprocess.Popen(
        words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or []:
            said.append(line)
            if counted and line.startswith(counted) and sys.stderr.isatty():
                count += 1
                print(f"\r  {count}: {line.split()[1][:60]:<60}", end="", file=sys.stderr)
    if count:
        print("\r" + " " * 70 + "\r", end="", file=sys.stderr)
    if process.returncode:
        sys.stderr.writelines(said[-30:])
        fail(f"Failed: {what}. What it said is above.")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def fail(line: str) -> None:
    say(line)
    sys.exit(1)


def newer_python() -> str | None:
    path = os.environ.get("PATH", SYSTEM_PATH)
    found = (shutil.which(f"python3.{minor}", path=path) for minor in range(20, NEEDED[1] - 1, -1))
    return next(filter(None, found), None)


if __name__ == "__main__":
    if sys.version_info < NEEDED:
        newer = newer_python()
        if not newer:
            fail(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
        else:
            os.execv(newer, [newer, *sys.argv])  # noqa: S606
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
