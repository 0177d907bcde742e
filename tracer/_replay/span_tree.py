"""The spans of a trace by the step that they are below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from tracer._api.traces import Span

Below: TypeAlias = "dict[str | None, list[Span]]"


def steps_below(spans: Iterable[Span]) -> Below:
    """The steps below each step in the order in which they began, the topmost below None."""
    spans = sorted(spans, key=lambda span: span.start_time_ns)
    ids = {span.span_id for span in spans}
    below: Below = {}
    for span in spans:
        below.setdefault(span.parent_id if span.parent_id in ids else None, []).append(span)
    return below


def in_order(spans: Iterable[Span]) -> list[Span]:
    """The steps as they are shown: each before those below it, siblings in the order in which they began."""
    below = steps_below(spans)
    found: list[Span] = []
    waiting = list(reversed(below.get(None, [])))
    while waiting:
        span = waiting.pop()
        found.append(span)
        waiting += reversed(below.get(span.span_id, []))
    return found


class _Named(Protocol):
    @property
    def span_id(self) -> str: ...
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_Named)


def step_named(steps: Sequence[Named], wanted: str | int, *, argument: str, shown_by: str) -> Named:
    """The step of this number, from 1, of an id or the first digits of one, or of a name that only one step has.

    Raises InvalidArgumentError, which names the argument and where the numbers are shown.
    """
    name = str(wanted).strip()
    if name.isdecimal() and 1 <= int(name) <= len(steps):
        return steps[int(name) - 1]
    numbered = enumerate(steps, start=1)
    found = [
        (number, step)
        for number, step in numbered
        if name == step.name or (len(name) >= 4 and step.span_id.startswith(name))
    ]
    if len(found) == 1:
        return found[0][1]
    numbers = ", ".join(str(number) for number, _ in found[:10])
    told = f"the steps {numbers} are called so; give a number" if found else f"there are steps 1 to {len(steps)}"
    raise InvalidArgumentError(f"{argument}: got {wanted!r}; {told}, as {shown_by} shows them.")
