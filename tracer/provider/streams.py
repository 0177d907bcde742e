"""Watching a stream that the user reads: it stays the SDK's own object, and every kind of end is observed."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from tracer._exit import close_in_workers
from tracer.provider.shown_events import ShownEvents, shows_events

if TYPE_CHECKING:
    from typing import TypeGuard

    from tracer.provider.body import HttpResponse
    from tracer.provider.shown_events import ServerSentEvent


class Droppable(Protocol):
    """Is notified when its owner is collected."""

    def dropped(self) -> None: ...


class Watcher(Droppable, Protocol):
    """Receives the chunks and the end of a stream. The first end counts; its methods never raise."""

    def chunk(self, chunk: object, /) -> None: ...
    def finished(self) -> None: ...
    def failed(self, error: BaseException, /) -> None: ...
    def closed(self) -> None: ...


class ByteWatcher(Watcher, Protocol):
    """A watcher that also receives the bytes of a body as the user reads them."""

    def feed(self, received: bytes, /) -> None: ...


class StreamObject(Protocol):
    """An SDK's stream that keeps its iterator and its HTTP response, as the Stainless SDKs' do."""

    response: Any
    _iterator: Any


_WATCHED = "_tracer_watcher"  # of a stream whose steps are patched
AnyAsyncGenerator = AsyncGenerator[Any, Any]

_open: weakref.WeakSet[Droppable] = weakref.WeakSet()
_registered_in = 0  # id of the process in which the exit hooks are registered


def _end_at_exit() -> None:
    for watcher in list(_open):
        watcher.dropped()


def keep_until_dropped(owner: object, watcher: Droppable) -> None:
    """End the watcher when the owner is collected, or at the interpreter's exit."""
    global _registered_in
    if _registered_in != os.getpid():
        # registered after the engine's own exit hooks, as the last one runs first
        _registered_in = os.getpid()
        atexit.register(_end_at_exit)
        close_in_workers(_end_at_exit)
    _open.add(watcher)
    weakref.finalize(owner, watcher.dropped).atexit = False


class _Reading:
    """Whether the stream is being read now: a close inside a read is not the user's."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = False


class _Watched:
    """A stream's own iterator, whose every chunk and end is reported to the watcher."""

    __slots__ = ("_iterator", "_note", "_reading", "_watcher")

    def __init__(
        self, iterator: Any, watcher: Watcher, reading: _Reading, note: Callable[[object], None] | None = None
    ) -> None:
        self._iterator = iterator
        self._watcher = watcher
        self._reading = reading
        self._note = note or watcher.chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterator, name)


class _WatchedIterator(_Watched):
    """The iterator of a stream that is read by ``for``."""

    __slots__ = ()

    def __iter__(self) -> _WatchedIterator:
        return self

    def __next__(self) -> object:
        reading = self._reading
        reading.now = True
        try:
            chunk = self._iterator.__next__()
        except StopIteration:
            self._watcher.finished()
            raise
        except BaseException as error:
            self._watcher.failed(error)
            raise
        finally:
            reading.now = False
        self._note(chunk)
        return chunk


class _WatchedAsyncIterator(_Watched):
    """The iterator of a stream that is read by ``async for``."""

    __slots__ = ()

    def __aiter__(self) -> _WatchedAsyncIterator:
        return self

    async def __anext__(self) -> object:
        reading, iterator = self._reading, self._iterator
        reading.now = True
        try:
            # The iterator is on the stack while it waits, as in `async for`: the collector then takes it for alive,
            # which keeps the order in which the loop closes the generators of a dropped stream.
            _, chunk = (iterator, await iterator.__anext__())
        except StopAsyncIteration:
            self._watcher.finished()
            raise
        except BaseException as error:
            self._watcher.failed(error)
            raise
        finally:
            reading.now = False
        self._note(chunk)
        return chunk


class _MadeLater:
    """An iterator that the SDK makes at the first step, when others may have set something on its stream."""

    __slots__ = ("_stream",)

    def __init__(self, stream: StreamObject) -> None:
        self._stream = weakref.ref(stream)  # a cycle would leave it to the collector to close a dropped stream

    def _make(self) -> Any:
        stream = self._stream()
        if stream is None:
            raise ReferenceError("the stream of this iterator is gone")
        held = vars(stream)
        watched = held.pop("_iterator")
        try:
            made = stream._iterator
        finally:
            held["_iterator"] = watched
        if isinstance(watched, _Watched):
            watched._iterator = made
        return made

    def __next__(self) -> object:
        return self._make().__next__()

    def __anext__(self) -> Any:
        return self._make().__anext__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make(), name)


def is_stream_object(value: object) -> TypeGuard[StreamObject]:
    """Whether this is a `StreamObject`."""
    held = getattr(value, "__dict__", None)
    if not isinstance(held, dict) or "response" not in held:
        return False
    return "_iterator" in held or hasattr(type(value), "_iterator")  # a property that makes it at its first use


def is_http_response(value: object) -> TypeGuard[HttpResponse]:
    """Whether this is the HTTP client's own response, which the SDKs that Speakeasy generates return."""
    return hasattr(value, "iter_raw") and hasattr(value, "aiter_raw") and hasattr(value, "status_code")


def watch_stream_object(
    stream: StreamObject, watcher: Watcher, keep: Callable[[ServerSentEvent], None] | None = None
) -> None:
    """Watch an SDK's stream object from inside: the object, its type and its methods stay what they are.

    ``keep`` gets the events of which chunks are made, where the stream decodes its body into such; the watcher gets the
    other chunks.
    """
    reading = _Reading()
    note = None if keep is None else _note_events(stream, watcher, keep)
    is_made = "_iterator" in vars(stream)
    iterator = stream._iterator if is_made else _MadeLater(stream)
    _hook_close(stream.response, watcher, reading)
    if hasattr(iterator if is_made else type(stream), "__anext__"):
        stream._iterator = _WatchedAsyncIterator(iterator, watcher, reading, note)
    else:
        stream._iterator = _WatchedIterator(iterator, watcher, reading, note)
    keep_until_dropped(stream, watcher)


def _note_events(
    stream: Any, watcher: Watcher, keep: Callable[[ServerSentEvent], None]
) -> Callable[[object], None] | None:
    decoder = vars(stream).get("_decoder")
    if not shows_events(decoder):
        return None
    stream._decoder = shown = ShownEvents(decoder, keep, watcher.chunk)
    return shown.note


def watch_iterator(holder: Any, name: str, watcher: Watcher) -> None:
    """Watch an iterator that an object keeps under a name, and the object's ``close``; the object stays what it is."""
    reading = _Reading()
    iterator = getattr(holder, name)
    watched = _WatchedAsyncIterator if hasattr(iterator, "__anext__") else _WatchedIterator
    setattr(holder, name, watched(iterator, watcher, reading))
    _hook_close(holder, watcher, reading)
    keep_until_dropped(holder, watcher)


def watch_instance(stream: Any, watcher: Watcher) -> None:
    """Watch a stream of a class whose steps are patched."""
    give_watcher(stream, watcher)
    keep_until_dropped(stream, watcher)


def give_watcher(stream: Any, watcher: Watcher) -> None:
    """Let the stream's next step find its watcher."""
    vars(stream)[_WATCHED] = watcher


def take_watcher(stream: object) -> Any:
    """The watcher of a stream, away from the stream until it is given back: a step may make another one in itself."""
    return getattr(stream, "__dict__", {}).pop(_WATCHED, None)


def class_names(value: object) -> Iterator[str]:
    """The classes of an object, as ``module:Class``."""
    return (f"{kind.__module__}:{kind.__qualname__}" for kind in type(value).__mro__)


def _hook_close(response: Any, watcher: Watcher, reading: _Reading) -> None:
    """Observe the close of a response.

    The hooks hold the response, as the collector clears weak references before it runs the finalisers that close it.
    """
    kind = type(response)

    def close() -> object:
        if not reading.now:
            watcher.closed()
        return kind.close(response)

    async def aclose() -> object:
        if not reading.now:
            watcher.closed()
        return await kind.aclose(response)

    for name, hook in (("close", close), ("aclose", aclose)):
        if hasattr(kind, name) and name not in vars(response):
            setattr(response, name, hook)


def watch_bytes(response: Any, watcher: ByteWatcher) -> None:
    """Watch the body of an HTTP response that is not read yet, in whatever way the user reads it."""
    reading = _Reading()
    kind = type(response)
    whole, raw = _Feeding(watcher), _Feeding(watcher, is_readable=not response.headers.get("content-encoding"))

    for name, watched, of in (
        ("iter_bytes", _watched_body, whole),
        ("aiter_bytes", _watched_async_body, whole),
        ("iter_raw", _watched_body, raw),
        ("aiter_raw", _watched_async_body, raw),
    ):
        setattr(response, name, _body_method(response, getattr(kind, name), watched, of, reading))
    _hook_close(response, watcher, reading)
    keep_until_dropped(response, watcher)


def _body_method(
    response: HttpResponse,
    method: Callable[..., Any],
    watched: Callable[[Any, Watcher, _Reading], object],
    watcher: Watcher,
    reading: _Reading,
) -> Callable[..., object]:
    def read(chunk_size: int | None = None) -> object:
        body = method(response, chunk_size)
        return body if reading.now else watched(body, watcher, reading)  # in a read: iter_bytes reads by iter_raw

    return read


def _watched_body(body: Iterator[bytes], watcher: Watcher, reading: _Reading) -> Iterator[object]:
    yield from _WatchedIterator(body, watcher, reading)


async def _watched_async_body(body: AsyncIterator[bytes], watcher: Watcher, reading: _Reading) -> AsyncIterator[object]:
    async for received in _WatchedAsyncIterator(body, watcher, reading):
        yield received


class _Feeding:
    """Passes chunks on as bytes. Of compressed bodies only the end is observed."""

    def __init__(self, watcher: ByteWatcher, is_readable: bool = True) -> None:
        self.chunk: Callable[[Any], None] = watcher.feed if is_readable else _ignore
        self.finished = watcher.finished
        self.failed = watcher.failed
        self.closed = watcher.closed
        self.dropped = watcher.dropped


def _ignore(received: bytes) -> None:
    """Compressed bytes cannot be read."""


def is_generator(value: object) -> bool:
    """Whether an SDK's stream is a plain generator, asynchronous or not."""
    return isinstance(value, (Generator, AsyncGenerator))


def watch_generator(generator: Any, watcher: Watcher) -> object:
    """A generator that replaces an SDK's, which cannot be watched from inside."""
    watched = _watched_generator(generator, watcher)
    watched.__name__, watched.__qualname__ = generator.__name__, generator.__qualname__
    keep_until_dropped(watched, watcher)
    return watched


def _watched_generator(generator: Any, watcher: Watcher) -> Any:
    if isinstance(generator, Generator):
        return _generated(generator, watcher)
    return _generated_async(generator, watcher)


def _generated(generator: Iterator[object], watcher: Watcher) -> Generator[object, None, object]:
    chunks = _WatchedIterator(generator, watcher, _Reading())
    try:
        return (yield from chunks)
    except BaseException as error:  # thrown in by the user; the generator's own errors are reported already
        watcher.failed(error)
        raise


async def _generated_async(generator: AnyAsyncGenerator, watcher: Watcher) -> AsyncGenerator[object, None]:
    chunks = _WatchedAsyncIterator(_Inner(generator), watcher, _Reading())
    try:
        async for chunk in chunks:
            yield chunk
    except BaseException as error:
        watcher.failed(error)
        await generator.aclose()
        raise


class _Inner:
    """An asynchronous generator that ours closes, so that the event loop, which closes open generators, does not.

    A loop registers a generator at its first step.
    """

    __slots__ = ("_generator",)

    def __init__(self, generator: AnyAsyncGenerator) -> None:
        self._generator = generator

    def __aiter__(self) -> _Inner:
        return self

    def __anext__(self) -> Awaitable[object]:
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=None, finalizer=_leave_open)
        try:
            return self._generator.__anext__()
        finally:
            sys.set_asyncgen_hooks(*hooks)


def _leave_open(_generator: AnyAsyncGenerator) -> None:
    """Replaces the loop's finaliser of a collected generator."""
