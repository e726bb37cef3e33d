"""A pytest plugin that puts a mutant in a module's place, before anything imports it.

MUTANT is the module's name, MUTANT_SOURCE the file with its text.
"""

import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Finds the one module, and gives its text."""

    def __init__(self, name: str, source: Path, original: str) -> None:
        self._name, self._source, self._original = name, source, original

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._original, loader=self)

    def get_filename(self, fullname: str) -> str:
        return self._original

    def get_data(self, path: str) -> bytes:
        return self._source.read_bytes()

    def path_stats(self, path: str) -> dict[str, float]:
        raise OSError("a mutant is compiled each time")


if "MUTANT" in os.environ:
    name = os.environ["MUTANT"]
    sys.meta_path.insert(
        0, Mutated(name, Path(os.environ["MUTANT_SOURCE"]), f"{name.replace('.', '/')}.py")
    )
