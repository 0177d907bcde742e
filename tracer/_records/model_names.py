"""When two names are of one model."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DATE = re.compile(r"[-@:]\d{4}[-\d]*$")  # of a model's version


def name_one_model(names: Iterable[str], others: Iterable[str]) -> bool:
    """Whether one of the names and one of the others may be of the same model: a provider in front, a date behind."""
    return any(
        longer.endswith(f"/{name}") or _DATE.sub("", longer) == _DATE.sub("", name)
        for one in names
        for other in others
        for longer, name in ((one, other), (other, one))
    )
