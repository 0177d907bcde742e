"""Bodies in which one value after the other is of another type than expected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tracer.provider import Operation

ODD: tuple[Any, ...] = (None, 0, 1.5, "x", "", [], {}, [None], [1], [[]], [{}], {"x": None}, True)


def odd(body: Any) -> Iterator[Any]:
    """The body with each value in it replaced by each odd one."""
    yield from ODD
    if isinstance(body, dict):
        for name, value in body.items():
            for other in odd(value):
                yield {**body, name: other}
    elif isinstance(body, list):
        for place, value in enumerate(body):
            for other in odd(value):
                yield [*body[:place], other, *body[place + 1 :]]


def read_all(operation: Operation, *, requests: list[Any], replies: list[Any], streams: list[list[Any]]) -> int:
    """Read all odd bodies, as the store does, whatever is in them; how many there were."""
    read = 0
    for request in requests:
        for body in odd(request):
            operation.read_request(body)
            read += 1
    for reply in replies:
        for body in odd(reply):
            operation.read_reply(body)
            read += 1
    for chunks in streams:
        for place, chunk in enumerate(chunks):
            for other in odd(chunk):
                assert operation.accumulator is not None
                accumulator = operation.accumulator()
                for each in [*chunks[:place], other, *chunks[place + 1 :]]:
                    if isinstance(each, dict):
                        accumulator.add(each)
                accumulator.is_complete()
                operation.read_reply(accumulator.reply())
                read += 1
    return read
