"""Operations of the API: path, parameters, schemas, and the call that a handler receives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tracer._catalog.rows import Caller
from tracer._json import JsonObject
from tracer.errors import InvalidArgumentError
from tracer.server.access import Needs
from tracer.server.stores import Stores
from tracer.store import Store
from tracer.store.filter import Comparison, Expression, Field, all_of, parse_filter

Kind = Literal["string", "integer"]
Bounds = tuple[int, int]
ANY_NS: Bounds = (-(2**63), 2**63 - 1)


@dataclass(frozen=True)
class Parameter:
    """A query parameter: name, description, type and default."""

    name: str
    summary: str
    kind: Kind = "string"
    default: str | int | None = None
    bounds: Bounds | None = None

    def read(self, text: str | None) -> str | int | None:
        """The parsed value. Raises InvalidArgumentError."""
        if text is None or text == "":
            return self.default
        if self.kind == "string":
            return text
        low, high = self.bounds or ANY_NS
        try:
            number = int(text) if len(text) < 25 else None
        except ValueError:
            number = None
        if number is None or not low <= number <= high:
            raise InvalidArgumentError(f"{self.name} is {text[:40]!r}, expected a whole number from {low} to {high}")
        return number


FILTER = Parameter("filter", "Which traces, in the grammar of search_traces.")
SINCE = Parameter("since_ns", "Only traces that started then or later, ns since the epoch.", "integer", bounds=ANY_NS)
UNTIL = Parameter("until_ns", "Only traces that started before, ns since the epoch.", "integer", bounds=ANY_NS)
SELECTION = (FILTER, SINCE, UNTIL)
LIMIT = Parameter("limit", "How many at most.", "integer", 100, (1, 1000))
PAGE_TOKEN = Parameter("page_token", "The next_page_token of the page before.")
PAGE = (LIMIT, PAGE_TOKEN)


@dataclass(frozen=True)
class Call:
    """One call of an operation: the store, the arguments, and the caller."""

    store: Store
    stores: Stores
    caller: Caller
    path: dict[str, str] = field(default_factory=dict)
    query: JsonObject = field(default_factory=dict)
    body: JsonObject = field(default_factory=dict)

    @property
    def selection(self) -> Expression | None:
        """The traces that filter, since_ns and until_ns select. Raises FilterSyntaxError."""
        return selection(self.query.get("filter"), self.query.get("since_ns"), self.query.get("until_ns"))


def selection(filter: str | None, since_ns: int | None, until_ns: int | None) -> Expression | None:
    """The traces that match a filter and started within a period."""
    start = Field("start_ns", "number")
    return all_of(
        parse_filter(filter),
        None if since_ns is None else Comparison(start, ">=", since_ns),
        None if until_ns is None else Comparison(start, "<", until_ns),
    )


@dataclass(frozen=True)
class Operation:
    """One operation of the API: the source of its route and of its entry in the OpenAPI document.

    ``body`` and ``result`` name schemas (tracer/server/schemas.py); without a result the response has no content.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    summary: str
    handler: Callable[[Call], object]
    result: str | None = None
    query: tuple[Parameter, ...] = ()
    body: str | None = None
    status: int = 200
    writes: bool = False
    roles: Needs | None = None

    @property
    def needs(self) -> Needs:
        """The roles that a key needs: ``roles`` if given, else read, or both read and write if it writes."""
        return self.roles or ("both" if self.writes else "read")

    def read_query(self, given: list[tuple[str, str]]) -> JsonObject:
        """The values of the query parameters. Raises InvalidArgumentError for an unknown one."""
        known = {parameter.name: parameter for parameter in self.query}
        texts = dict(given)
        unknown = [name for name in texts if name not in known]
        if unknown:
            expected = ", ".join(known) or "none"
            raise InvalidArgumentError(f"unknown parameter {unknown[0][:40]!r}; this path takes {expected}")
        return {name: parameter.read(texts.get(name)) for name, parameter in known.items()}
