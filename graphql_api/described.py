"""Descriptions: the docstring under an attribute of a class says what the attribute is."""

import ast
import inspect
import textwrap
from itertools import pairwise


def docstrings(cls: type) -> dict[str, str]:
    """The docstring under each attribute of ``cls``, by the attribute's name."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    found: dict[str, str] = {}
    for statement, following in pairwise(body):
        name = _assigned(statement)
        if (
            name
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            found[name] = inspect.cleandoc(following.value.value)
    return found


def _assigned(statement: ast.stmt) -> str | None:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return None
