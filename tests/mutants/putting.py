"""Puts a mutant in a module's place."""

import gc
import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from types import CodeType, FunctionType, ModuleType


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Finds the one module, and gives the mutant's text: for before anything has imported it."""

    def __init__(self, name: str, source: str) -> None:
        self._name, self._source = name, source
        self._original = f"{name.replace('.', '/')}.py"

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._original, loader=self)

    def get_filename(self, fullname: str) -> str:
        return self._original

    def get_data(self, path: str) -> bytes:
        return self._source.encode()

    def path_stats(self, path: str) -> dict[str, float]:
        raise OSError("a mutant is compiled each time")


def put_inside(name: str, source: str) -> None:
    """Give the functions of an imported module the code of the mutant, and forget what they
    remember."""
    codes = dict(codes_in(compile(source, name, "exec")))
    for function in functions_of(name):
        code = codes.get(function.__code__.co_qualname)
        if code and code.co_freevars == function.__code__.co_freevars:
            function.__code__ = code
    for each in vars(sys.modules[name]).values():
        if hasattr(each, "cache_clear"):
            each.cache_clear()


def codes_in(code: CodeType) -> list[tuple[str, CodeType]]:
    found: list[tuple[str, CodeType]] = []
    for each in code.co_consts:
        if isinstance(each, CodeType):
            found += [(each.co_qualname, each), *codes_in(each)]
    return found


@cache
def functions_of(name: str) -> list[FunctionType]:
    """All functions of a module, wherever they are kept."""
    everything = gc.get_objects()
    return [each for each in everything if type(each) is FunctionType and each.__module__ == name]
