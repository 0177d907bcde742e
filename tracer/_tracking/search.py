"""Search among small listings (versions, runs, experiments): a filter, an order, a number, as a list or a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, TypeVar, Union

from tracer._api.frames import data_frame
from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError
from tracer.store.filter import Field, parse_filter
from tracer.store.filter.expression import Kind
from tracer.store.filter.matching import is_met

T = TypeVar("T")

Order = Sequence[Union[str, Mapping[str, Any]]]
OutputFormat = Literal["list", "pandas"]

ALL_GROUPS = ("tags", "params", "metrics")
_PREFIXES = ("attributes", "attribute", "attr")


@dataclass(frozen=True)
class Search(Generic[T]):
    """The fields of a listing, and how to get the value of one, None where an item has none."""

    fields: Mapping[str, Kind]
    value_of: Callable[[T, Field], object]
    groups: Sequence[str] = ()  # fields with a key, such as tags.<key>, also without their last letter

    def find(
        self, items: Iterable[T], filter_string: str | None, order_by: Order | None, max_results: int | None
    ) -> list[T]:
        """The items that match, in this order. Raises FilterSyntaxError, InvalidArgumentError."""
        expression = parse_filter(filter_string, self._find_field, self._hint)
        found = [item for item in items if expression is None or is_met(expression, partial(self.value_of, item))]
        for term in reversed(list(order_by or ())):
            found = self._sorted(found, term)
        return found[:max_results]

    def _find_field(self, path: list[str]) -> Field | None:
        head = path[0].lower()
        group = next((group for group in self.groups if head in (group, group[:-1])), None)
        if group is not None and len(path) > 1:
            return Field(group, "any", ".".join(path[1:]))
        if head in _PREFIXES and len(path) > 1:
            head = path[1].lower()
        kind = self.fields.get(head)
        return Field(head, kind) if kind else None

    def _hint(self, path: list[str]) -> str:
        return f"fields are {', '.join([*self.fields, *(f'{group}.<key>' for group in self.groups)])}"

    def _sorted(self, items: list[T], term: object) -> list[T]:
        name, direction = _read_term(term)
        field = self._find_field(name.replace("`", "").split(".")) if name else None
        if field is None or direction not in ("ASC", "DESC"):
            raise InvalidArgumentError(f"order_by: got {term!r}, expected a field and ASC or DESC, such as 'name ASC'.")
        valued = [(value, item) for item in items if (value := self.value_of(item, field)) is not None]
        valued.sort(key=lambda pair: _sort_key(pair[0]), reverse=direction == "DESC")
        without = [item for item in items if self.value_of(item, field) is None]
        return [*(item for _, item in valued), *without]


def _read_term(term: object) -> tuple[str, str]:
    if isinstance(term, Mapping):
        return str(term.get("field_name", "")), "ASC" if term.get("ascending", True) else "DESC"
    words = str(term).split()
    return (words[0] if words else "", words[1].upper() if len(words) == 2 else "ASC" if len(words) == 1 else "")


def _sort_key(value: object) -> tuple[bool, float, str]:
    return (False, float(value), "") if isinstance(value, (int, float)) else (True, 0.0, str(value))


def in_format(
    items: list[T],
    output_format: OutputFormat,
    row_of: Callable[[T], JsonObject],
    columns: Sequence[str] | None = None,
) -> Any:
    """The items as they are ("list") or as a table ("pandas"), which has ``columns`` also where it is empty."""
    if output_format == "list":
        return items
    if output_format != "pandas":
        raise InvalidArgumentError(f"output_format: got {output_format!r}, expected 'list' or 'pandas'.")
    return data_frame("output_format='pandas'", [row_of(item) for item in items], columns)
