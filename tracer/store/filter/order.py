"""Reads ``order_by``: a list of texts such as ``"timestamp DESC"``."""

from __future__ import annotations

from collections.abc import Sequence

from tracer.errors import InvalidArgumentError
from tracer.store.filter.expression import OrderTerm
from tracer.store.filter.fields import find_field

ORDER_FIELDS = (
    "timestamp", "duration", "tokens", "cost", "errors", "name", "state", "trace_id", "session", "user", "model_id",
)  # fmt: skip
_ORDERED_AS = {"version": "model_id"}  # listings have only ids, which keep traces of one version together
_EXAMPLE = 'e.g. order_by=["timestamp DESC"] or ["cost DESC", "name"]'


def parse_order(order_by: Sequence[str] | str | None) -> tuple[OrderTerm, ...]:
    """The sort keys of a listing; newest first when none is given."""
    if order_by is None:
        return (OrderTerm("timestamp", True),)
    texts = [order_by] if isinstance(order_by, str) else list(order_by)
    terms = tuple(_term(part) for text in texts for part in _parts(text))
    return terms or (OrderTerm("timestamp", True),)


def _parts(text: object) -> list[str]:
    if not isinstance(text, str):
        raise InvalidArgumentError(f"order_by holds {text!r}, expected texts, {_EXAMPLE}")
    return [part for part in text.split(",") if part.strip()]


def _term(text: str) -> OrderTerm:
    words = text.replace("`", "").split()
    direction = words[1].upper() if len(words) > 1 else "ASC"
    if len(words) > 2 or direction not in ("ASC", "DESC"):
        raise InvalidArgumentError(f"order_by {text.strip()!r} is not a field with ASC or DESC, {_EXAMPLE}")
    field = find_field(words[0].split("."))
    name = "" if field is None else _ORDERED_AS.get(field.name, field.name)
    if name not in ORDER_FIELDS:
        raise InvalidArgumentError(
            f"cannot order by {words[0]!r}; order by one of {', '.join(ORDER_FIELDS)}, {_EXAMPLE}"
        )
    return OrderTerm(name, direction == "DESC")
