"""Columns of JSON stay the text that PostgreSQL wrote, so that no number is rounded."""

from typing import NewType

Json = NewType("Json", str)
