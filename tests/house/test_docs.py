"""The documentation holds together: links lead somewhere, numbers and tables are complete."""

import re
from collections import Counter
from pathlib import Path

import pytest

from graphql_api.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What the headings are called in addresses, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each).strip().lower().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in PAGES])
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_decision_has_a_number_of_its_own() -> None:
    files = sorted((ROOT / "docs/adr").glob("*.md"))
    numbers = [int(each.name[:4]) for each in files]

    assert [number for number, times in Counter(numbers).items() if times > 1] == []
    for number, file in zip(numbers, files, strict=True):
        assert file.read_text("utf-8").startswith(f"# {number}. "), file.name


def test_every_decision_that_is_named_is_there() -> None:
    there = {int(each.name[:4]) for each in (ROOT / "docs/adr").glob("*.md")}
    for page in PAGES:
        named = re.findall(r"\bADR (\d+)", prose(page))
        assert {int(each) for each in named} <= there, page


def test_every_command_is_in_the_operators_guide_and_in_a_checkout() -> None:
    guide = (ROOT / "docs/operate.md").read_text("utf-8")
    rows = " ".join(re.findall(r"^\| (`.*?) \|", guide, re.MULTILINE))
    told = set(re.findall(r"`([a-z-]+)", rows))
    checkout = (ROOT / "dev.py").read_text("utf-8")
    served = re.search(r"^SERVER_COMMANDS = \{$(.*?)^\}", checkout, re.MULTILINE | re.DOTALL)
    commands = {name for name in app if not name.startswith("-")}

    assert served
    assert told == commands
    assert set(re.findall(r'^    "([a-z-]+)":', served[1], re.MULTILINE)) == commands
