"""An SDK made up for these tests: sync and async clients whose `send` returns a dict or a generator of dicts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

REPLY = {"model": "acme-1", "text": "Lima.", "stop": "end", "in": 3, "out": 2}
CHUNKS = [{"text": "Li", "model": "acme-1"}, {"text": "ma."}, {"stop": "end", "in": 3, "out": 2}]


class AcmeError(Exception):
    pass


class Response:
    """An HTTP response as `httpx` has it, as far as it matters here."""

    is_closed = True
    content = b'{"error": "no such model"}'


class HTTPError(Exception):
    response = Response()


def refuse() -> None:
    try:
        raise HTTPError
    except HTTPError:
        raise AcmeError("no such model") from None


class Transport:
    """What both clients inherit, and what a patch must not leave behind on them."""

    is_closed = False

    def inherited(self, path: str, body: Any) -> Any:
        return REPLY


class Stream:
    """A stream that is no generator, read in either way."""

    def __init__(self, usage: bool = True) -> None:
        self._left = [*CHUNKS]
        self.kept = None if usage else self._left.pop()
        self.is_closed = False

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> dict[str, Any]:
        if not self._left:
            raise StopIteration
        return self._left.pop(0)

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> dict[str, Any]:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)

    def close(self) -> None:
        self.is_closed = True


class Client(Transport):
    def streamed(self, path: str, body: Any, usage: bool = True) -> Stream:
        return Stream(usage)

    def send(self, path: str, body: Any, stream: bool = False) -> Any:
        if body.get("model") == "none":
            refuse()
        return self._stream() if stream else dict(REPLY)

    def _stream(self) -> Iterator[dict[str, Any]]:
        try:
            yield from CHUNKS
        finally:
            self.is_closed = True

    def post(self, kind: type, *args: Any, stream: bool = False, **kwargs: Any) -> Any:
        return self.send(*args, stream=stream, **kwargs)

    def outer(self, path: str, body: Any) -> Any:
        return self.send(path, body)

    def lazy(self, path: str, body: Any) -> Iterator[dict[str, Any]]:
        self.send(path, body)  # not before somebody reads
        yield from CHUNKS

    @staticmethod
    def ping(path: str, body: Any) -> Any:
        return dict(REPLY)


class AsyncClient(Transport):
    async def send(self, path: str, body: Any, stream: bool = False) -> Any:
        if body.get("model") == "none":
            refuse()
        return self._stream() if stream else dict(REPLY)

    async def outer(self, path: str, body: Any) -> Any:
        return await self.send(path, body)

    async def _stream(self) -> AsyncIterator[dict[str, Any]]:
        try:
            for chunk in CHUNKS:
                yield chunk
        finally:
            await asyncio.sleep(0)
            self.is_closed = True
