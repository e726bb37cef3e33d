"""Carries out the Dockerfile's instructions in a folder of its own, for machines without an engine.

The last stage's folders stand below one temporary folder, whose path takes the place of ``/`` in
the paths that the Dockerfile names. Then the image's command is asked for its help, with no package
and no source but what was copied. What only an engine can do (users, ports, health checks) is
left to one.
"""
# ruff: noqa: S603, T201

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
OF_THE_ENGINE = {"USER", "EXPOSE", "HEALTHCHECK", "CMD"}
OUR_FOLDERS = re.compile(r"(?<![\w.])/(?=opt/|srv\b|build\b)")


class Image:
    """The instructions carried out so far: the working folder and the environment."""

    def __init__(self, top: Path) -> None:
        self.top, self.folder = top, top
        (top / "bin").mkdir()
        (top / "bin" / "python").symlink_to(sys.executable)
        self.environment = {"PATH": f"{top / 'bin'}:{os.defpath}"}
        self.entry: list[str] = []

    def inside(self, text: str) -> str:
        return OUR_FOLDERS.sub(f"{self.top}/", text)

    def follow(self, word: str, rest: str) -> None:
        match word:
            case "FROM" | "WORKDIR":
                self.folder = Path(self.inside(rest)) if word == "WORKDIR" else self.top
                self.folder.mkdir(parents=True, exist_ok=True)
            case "COPY" if not rest.startswith("--from"):
                source, target = rest.split()
                copy(ROOT / source, self.folder / target)
            case "RUN" if not rest.startswith("useradd"):
                self.run(["sh", "-c", self.inside(rest)])
            case "ENV":
                for name, text in re.findall(r"(\w+)=(\S+)", rest):
                    value = self.inside(text).replace("$PATH", self.environment["PATH"])
                    self.environment[name] = value
            case "ENTRYPOINT":
                self.entry = json.loads(rest)
            case _ if word not in OF_THE_ENGINE | {"COPY", "RUN"}:
                sys.exit(f"What is to be done for {word}?")
            case _:
                pass

    def run(self, words: list[str]) -> str:
        path = self.environment["PATH"]
        words[0] = shutil.which(words[0], path=path) or words[0]
        ran = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            text=True,
            capture_output=True,
            check=False,
        )
        if ran.returncode:
            sys.exit(f"{' '.join(words)}\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}")
        return ran.stdout


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        unwanted = shutil.ignore_patterns("__pycache__", "node_modules", "src")
        shutil.copytree(source, target, ignore=unwanted)
    else:
        shutil.copy(source, target)


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = filter(None, text.replace("\\\n", " ").split("\n"))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def main() -> None:
    with TemporaryDirectory() as folder:
        image = Image(Path(folder))
        for word, rest in instructions():
            print(f"{word} {rest}"[:100], flush=True)
            image.follow(word, rest)
        image.folder = image.top
        for words in (["serve", "--help"], ["schema"]):
            print(image.run([*image.entry, *words])[:300])


if __name__ == "__main__":
    main()
