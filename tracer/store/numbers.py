"""Which texts are numbers, the same in every store: what JSON takes as one, where it is finite."""

from __future__ import annotations

import math
import re
from typing import Final

# for Python and RE2; without question marks, which are parameters in SQL
NUMBER: Final = "(|-)(0|[1-9][0-9]*)(|[.][0-9]+)(|[eE](|[+-])[0-9]+)"
_is_number = re.compile(NUMBER).fullmatch


def number_of(text: str) -> float | None:
    """The number that a text is; None for any other text."""
    return finite(float(text)) if _is_number(text) else None


def as_float(number: float | None) -> float | None:
    """A number that JSON may have written as a whole one."""
    return None if number is None else float(number)


def finite(number: float | None) -> float | None:
    """The number, and None where it is not finite, as a sum of very large ones."""
    return number if number is not None and math.isfinite(number) else None
