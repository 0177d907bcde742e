"""Hiding from the user the chunks of a stream that only tracer asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracer._fault import report
from tracer.provider.streams import StreamObject, is_stream_object

IsHidden = Callable[[Any], bool]  # of a chunk as the SDK has it


class _WithoutHidden:
    """A stream's own iterator without the chunks that are hidden."""

    __slots__ = ("_is_hidden", "_iterator")

    def __init__(self, iterator: Any, is_hidden: IsHidden) -> None:
        self._iterator = iterator
        self._is_hidden = is_hidden

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterator, name)


class _Visible(_WithoutHidden):
    """The iterator of a stream that is read by ``for``."""

    __slots__ = ()

    def __iter__(self) -> _Visible:
        return self

    def __next__(self) -> object:
        while True:
            chunk = self._iterator.__next__()
            if not _is_hidden(chunk, self._is_hidden):
                return chunk


class _AsyncVisible(_WithoutHidden):
    """The iterator of a stream that is read by ``async for``."""

    __slots__ = ()

    def __aiter__(self) -> _AsyncVisible:
        return self

    async def __anext__(self) -> object:
        while True:
            iterator = self._iterator
            _, chunk = (iterator, await iterator.__anext__())  # on the stack, as in the watching iterator
            if not _is_hidden(chunk, self._is_hidden):
                return chunk


def _is_hidden(chunk: object, is_hidden: IsHidden) -> bool:
    try:
        return is_hidden(chunk)
    except Exception as fault:
        report("hiding a chunk", fault)
        return False


def hide(result: object, is_hidden: IsHidden) -> None:
    """Hide chunks of a stream, or of the stream into which a raw response is parsed."""
    if is_stream_object(result):
        _hide_in_stream(result, is_hidden)
    elif callable(getattr(result, "parse", None)):
        _hide_when_parsed(result, is_hidden)


def _hide_in_stream(stream: StreamObject, is_hidden: IsHidden) -> None:
    iterator = stream._iterator
    if isinstance(iterator, _WithoutHidden):
        return  # a raw response gives the same stream again
    visible = _AsyncVisible if hasattr(iterator, "__anext__") else _Visible
    stream._iterator = visible(iterator, is_hidden)


def _hide_when_parsed(raw: Any, is_hidden: IsHidden) -> None:
    parse = raw.parse

    def parse_and_hide(*args: object, **kwargs: object) -> object:
        parsed = parse(*args, **kwargs)
        try:
            if is_stream_object(parsed):
                _hide_in_stream(parsed, is_hidden)
        except Exception as fault:
            report("hiding a chunk", fault)
        return parsed

    raw.parse = parse_and_hide
