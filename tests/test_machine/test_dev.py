"""``dev.py``: from a bare machine to the command that was asked for."""
# ruff: noqa: S603

import ast
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEV = ROOT / "dev.py"
LOCKS = ["requirements.lock", "requirements-dev.lock"]
OLD_PYTHON = """
import runpy, sys
sys.version_info, sys.version = (3, 9, 2, "final", 0), "3.9.2 (main)"
runpy.run_path(sys.argv[1], run_name="__main__")
"""
SHOW = """
import json, os, sys
print(json.dumps({"words": sys.argv[1:], "folder": os.getcwd(), "path": sys.path}))
"""


def run(*words: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command in an empty environment."""
    return subprocess.run(
        words, env={}, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose packages are installed, with a server that says how it was called."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ["dev.py", *LOCKS]:
        shutil.copy(ROOT / name, folder)
    venv.create(folder / ".venv", symlinks=True)
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in LOCKS}
    (folder / ".venv" / "installed.json").write_text(json.dumps(digests))
    server = folder / "graphql_api"
    server.mkdir()
    (server / "__main__.py").write_text(SHOW)
    return folder


def test_it_uses_nothing_but_the_standard_library() -> None:
    tree = ast.parse(DEV.read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names


def test_older_pythons_can_read_it() -> None:
    ast.parse(DEV.read_text(), feature_version=(3, 7))


def test_an_older_python_is_told_in_a_line() -> None:
    ran = run(sys.executable, "-c", OLD_PYTHON, DEV)
    newer = "Python 3.11 or newer is needed; this is 3.9.2.\n"
    found_a_newer_one = "python3 dev.py COMMAND" in ran.stderr + ran.stdout
    assert ran.stderr == newer or found_a_newer_one


def test_without_a_command_it_says_what_there_is() -> None:
    ran = run(sys.executable, DEV)
    assert ran.returncode == 0
    assert {"serve", "test", "lint", "check"} <= set(ran.stdout.split())


def test_an_unknown_command_is_an_error() -> None:
    assert run(sys.executable, DEV, "sevre").returncode == 2


def test_installed_packages_are_not_installed_again(checkout: Path) -> None:
    ran = run(sys.executable, checkout / "dev.py", "serve", "--port", "1", cwd=checkout.parent)
    assert ran.stderr == ""
    assert json.loads(ran.stdout)["words"] == ["serve", "--port", "1"]


def test_paths_stay_relative_to_where_the_person_stands(checkout: Path) -> None:
    standing = checkout.parent
    ran = run(sys.executable, checkout / "dev.py", "import", "n8n", "x.json", cwd=standing)
    called = json.loads(ran.stdout)
    assert Path(called["folder"]) == standing
    assert called["path"][0] == str(checkout)
    assert str(standing) not in called["path"]


def test_a_changed_lock_is_installed(checkout: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(checkout, tmp_path / "changed", symlinks=True)
    with (changed / "requirements.lock").open("a") as lock:
        lock.write("# another release\n")
    ran = run(sys.executable, changed / "dev.py", "serve")
    assert ran.returncode == 1
    assert "Installing the" in ran.stderr
    assert "No module named pip" in ran.stderr  # this .venv was made without


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_packages_and_hashes_and_no_hosts(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"://|^-|^/", text, re.MULTILINE)
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)


def test_what_runs_in_tests_is_what_runs_in_production() -> None:
    to_run, to_develop = (
        set(re.findall(r"^(\S+==\S+)", (ROOT / name).read_text(), re.MULTILINE)) for name in LOCKS
    )
    assert to_run <= to_develop


def test_everything_that_the_project_names_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {"requirements.lock": project["dependencies"]}
    named["requirements-dev.lock"] = (
        named["requirements.lock"] + project["optional-dependencies"]["dev"]
    )
    for lock, wanted in named.items():
        locked = set(re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(), re.MULTILINE))
        assert {re.split(r"[\[<>=;]", each)[0] for each in wanted} <= locked
