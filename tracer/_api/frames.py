"""Tables of pandas, which is imported when one is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracer._json import JsonObject

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]


def data_frame(wish: str, rows: Sequence[JsonObject], columns: Sequence[str] | None = None) -> pandas.DataFrame:
    """A table of these rows. Raises ImportError, which names the wish, where pandas is not installed."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(f"{wish} needs pandas; install it with `pip install pandas`") from error
    return pandas.DataFrame(list(rows), columns=None if columns is None else list(columns))
