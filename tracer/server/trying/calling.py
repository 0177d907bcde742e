"""One call of a model by the server: sent, passed on while it comes, and recorded as a trace."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
from anyio import CancelScope, to_thread

from tracer import semconv
from tracer._fault import logger
from tracer._json import JsonObject, loads
from tracer._records.attachments import put_back, take_out
from tracer._redaction.redactor import REDACT_DEFAULT
from tracer.errors import InvalidArgumentError
from tracer.messages import to_messages
from tracer.provider.body import BodyReader, body_of
from tracer.provider.installed import find_operation
from tracer.provider.operation import Accumulator, Operation
from tracer.server.records import record_line
from tracer.server.shapes import light_span, trace_shape
from tracer.server.trying.dialects import ALWAYS_SENT, DIALECTS, Dialect
from tracer.server.trying.servers import ModelServer
from tracer.store import Store

if TYPE_CHECKING:
    import httpx

_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 120.0
_LONGEST_SECONDS = 600.0
_REPLY_BYTES = 16 << 20
_REFUSAL_BYTES = 64 << 10
_KEEP_ALIVE_SECONDS = 5.0
_SHOW_SECONDS = 0.08  # between two readings of the reply so far
_SHORTEST_KEY = 8  # a shorter one is a word such as "none", which replies may have
_CLIENT_SPAN = 2
_HIDDEN: Final = b"[REDACTED]"


class CallFailedError(Exception):
    """The call brought no reply; the message is shown."""


@dataclass(frozen=True)
class Asked:
    """A request of the page: the body, the server, and the recorded call that it was made from."""

    server: ModelServer
    dialect_name: str
    body: JsonObject
    metadata: dict[str, str]
    link: dict[str, str] | None = None  # trace_id and span_id
    experiment: str | None = None

    @property
    def dialect(self) -> Dialect:
        """The dialect of the body."""
        return DIALECTS[self.dialect_name]

    @property
    def provider(self) -> str:
        """The name of the provider in the conventions."""
        return self.server.provider or self.dialect.provider


def new_client(at_once: int) -> httpx.AsyncClient:
    """An HTTP client that follows no redirect. Loading the certificates takes a moment."""
    import httpx  # here: nothing else of the server needs it

    return httpx.AsyncClient(
        follow_redirects=False,
        timeout=httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=at_once),
    )


@dataclass
class ModelCall:
    """A call that is made while ``events`` is read; the reply until then is recorded, however the call ends."""

    asked: Asked
    store: Store
    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))
    _start: int = 0
    _status: int | None = None
    _request_id: str | None = None
    _first_content: int = 0
    _chunks: int = 0
    _problem: str | None = None
    _incomplete: str | None = None
    _output: object = None
    _accumulator: Accumulator | None = None
    _shown: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        operation = find_operation(self.asked.dialect.reader)
        assert operation is not None
        self._operation: Operation = operation
        self._key = self.asked.server.key()
        self._sent = self._encoded()
        self._url = self.asked.dialect.path(self.asked.server.url, self.asked.body)

    def _encoded(self) -> bytes:
        body = put_back(self.asked.dialect.prepared(self.asked.body), self.store.attachment)
        try:
            return orjson.dumps(body)
        except orjson.JSONEncodeError as error:
            raise InvalidArgumentError(f"the request cannot be sent: {error}") from None

    def _headers(self) -> dict[str, str]:
        server = self.asked.server
        return {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",  # a compressed reply could grow without bounds
            "User-Agent": "tracer",
            **ALWAYS_SENT.get(self.asked.dialect_name, {}),
            **(self.asked.dialect.headers(server.host, self._key) if self._key else {}),
        }

    async def events(self, client: httpx.AsyncClient) -> AsyncIterator[bytes]:
        """Server-sent events: ``start``, ``reply`` and ``more`` while it comes, ``failed``, and ``done``."""
        self._start = time.time_ns()
        self._incomplete = "cancelled"  # unless the end is reached
        done: JsonObject = {}
        try:
            yield _event("start", {"trace_id": self.trace_id, "span_id": self.span_id})
            try:
                async for event in self._passed_on(client):
                    yield event
            except CallFailedError as error:
                self._problem = str(error)
                yield self._event("failed", {"message": self._problem, "status": self._status})
            self._incomplete = None
        finally:
            with CancelScope(shield=True):  # a paid call is recorded even if the page has been closed
                done = await to_thread.run_sync(self._record)
        yield _event("done", done)

    async def _passed_on(self, client: httpx.AsyncClient) -> AsyncIterator[bytes]:
        import httpx

        request = client.build_request("POST", self._url, content=self._sent, headers=self._headers())
        try:
            response = await asyncio.wait_for(client.send(request, stream=True), _LONGEST_SECONDS)
        except (httpx.TimeoutException, asyncio.TimeoutError):
            raise CallFailedError(f"{self.asked.server.url} did not answer in time") from None
        except httpx.HTTPError as error:
            raise CallFailedError(f"{self.asked.server.url} cannot be reached: {error}") from None
        try:
            self._status = response.status_code
            self._request_id = response.headers.get("x-request-id") or response.headers.get("request-id")
            async for event in self._reply(response):
                yield event
        except httpx.TimeoutException:
            raise CallFailedError(f"{self.asked.server.url} was silent for {_SILENCE_SECONDS:g} seconds") from None
        except httpx.HTTPError as error:
            raise CallFailedError(f"the connection to {self.asked.server.url} broke: {error}") from None
        finally:
            with CancelScope(shield=True):
                await response.aclose()

    async def _reply(self, response: httpx.Response) -> AsyncIterator[bytes]:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise CallFailedError("the reply is compressed, which was not asked for")
        if response.status_code >= 300:
            raise await self._refused(response)
        reader = BodyReader(response)
        if self._operation.accumulator is not None:
            self._accumulator = self._operation.accumulator()
        size, looked, is_news, told = 0, 0.0, False, time.monotonic()
        async for part in _in_time(response.aiter_raw()):
            if part:
                size += len(part)
                if size > _REPLY_BYTES:
                    raise CallFailedError(f"the reply is longer than {_REPLY_BYTES >> 20} MiB")
                is_news = self._take(reader.feed(part)) or is_news
            now = time.monotonic()
            if is_news and now >= looked:
                for event in self._news():
                    yield event
                is_news, told = False, now
                # a long reply is read whole each time: that takes a tenth of the time at most
                looked = now + max(_SHOW_SECONDS, 10 * (time.monotonic() - now))
            elif now >= told + _KEEP_ALIVE_SECONDS:  # also detects a closed page
                told = now
                yield b": here\n\n"
        self._take(reader.rest())
        if not reader.is_event_stream:
            self._output = reader.body()[0]
        for event in self._news():
            yield event

    async def _refused(self, response: httpx.Response) -> CallFailedError:
        content = b""
        async for part in _in_time(response.aiter_raw()):
            content += part
            if len(content) > _REFUSAL_BYTES:
                content = content[:_REFUSAL_BYTES]
                break
        self._output = body_of(content)
        place = response.headers.get("location")
        if response.status_code < 400:
            return CallFailedError(f"HTTP {response.status_code}: a redirect to {place!r:.200}, which is not followed")
        return CallFailedError(f"HTTP {response.status_code}: {_message_in(self._output) or response.reason_phrase}")

    def _take(self, events: Any) -> bool:
        """Read events of the reply; whether there were any."""
        found = False
        for encoded in events:
            if encoded.startswith(b"[DONE]"):
                continue
            with suppress(ValueError):  # a comment of a proxy
                chunk = loads(encoded)
                self._chunks += 1
                found = True
                if self._accumulator is not None and self._accumulator.add(chunk) and not self._first_content:
                    self._first_content = time.time_ns()
        return found

    def _reply_so_far(self) -> object:
        if self._chunks and self._accumulator is not None:
            return self._accumulator.reply()
        return self._output

    def _news(self) -> list[bytes]:
        """The event for the reply so far: the addition to its last text, or the whole reply."""
        reply = self._reply_so_far()
        messages: list[Any] = []
        if reply is not None:
            read = self._operation.read_reply(reply)
            messages = [dict(message) for message in to_messages(read.messages)]
        before, self._shown = self._shown, messages
        if before == messages:
            return []
        added = _added(before, messages)
        return [self._event("reply", {"messages": messages}) if added is None else self._event("more", {"text": added})]

    def _event(self, name: str, content: JsonObject) -> bytes:
        return _event(name, content, self._without_key)

    def _without_key(self, encoded: bytes) -> bytes:
        """JSON without the key, which a server may send back."""
        if self._key is None or len(self._key) < _SHORTEST_KEY:
            return encoded
        return encoded.replace(orjson.dumps(self._key)[1:-1], _HIDDEN)

    # ---- the record ----

    def _record(self) -> JsonObject:
        """Record the call; the content of the last event for the page."""
        end = time.time_ns()
        try:
            lines: list[bytes] = []
            for record in (self._span_record(end), self._trace_record()):
                line, attachments = take_out(self._without_key(record_line(record)))
                lines += [REDACT_DEFAULT(line), *map(orjson.dumps, attachments)]
            self.store.append(lines)
            stored = self.store.trace(self.trace_id, payload=False)
        except Exception as error:
            logger.error("tracer server: a call that was tried again was not recorded", exc_info=error)
            return {"trace": None, "span": None, "problem": f"the call was not recorded: {error}"}
        if stored is None or not stored.spans:
            return {"trace": None, "span": None, "problem": "the call was not recorded"}
        return {"trace": trace_shape(stored.row), "span": light_span(stored.spans[0]), "problem": None}

    def _span_record(self, end: int) -> JsonObject:
        asked = self.asked
        model = asked.body.get("model")
        reply = self._reply_so_far()
        has_failed = self._problem is not None
        attributes = {
            semconv.OPERATION: self._operation.name,
            semconv.PROVIDER: asked.provider,
            semconv.REQUEST_MODEL: model,
            semconv.SERVER_ADDRESS: asked.server.host,
            semconv.SERVER_PORT: asked.server.port,
            semconv.HTTP_STATUS: self._status,
            semconv.REQUEST_ID: self._request_id,
            semconv.STREAM_CHUNKS: self._chunks or None,
            semconv.TIME_TO_FIRST_CHUNK: (self._first_content - self._start) / 1e9 if self._first_content else None,
            semconv.INCOMPLETE: self._incomplete,
            semconv.ERROR_TYPE: (str(self._status) if (self._status or 0) >= 300 else "failed") if has_failed else None,
        }
        record: JsonObject = {
            "kind": "span",
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "name": f"{self._operation.name} {model}",
            "type": self._operation.span_type,
            "start": self._start,
            "end": end,
            "status": "ERROR" if has_failed else "UNSET",
            "otel_kind": _CLIENT_SPAN,
            "scope": "tracer.try_again",
            "reader": asked.dialect.reader,
            "attributes": {key: value for key, value in attributes.items() if value is not None},
            "json": {
                semconv.INPUTS: {**asked.body, **asked.dialect.prepared(asked.body)},
                **({} if reply is None else {semconv.OUTPUTS: reply}),
            },
        }
        if has_failed:
            record["message"] = self._problem
        if asked.link is not None:
            record["links"] = [asked.link]
        return record

    def _trace_record(self) -> JsonObject:
        record: JsonObject = {
            "kind": "trace",
            "trace_id": self.trace_id,
            "time": self._start,
            "metadata": self.asked.metadata,
        }
        return {**record, "experiment": self.asked.experiment} if self.asked.experiment else record


async def _in_time(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The parts as they come, and an empty one now and then; ends with an error where it takes too long."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    waiting: asyncio.Future[bytes] | None = None
    try:
        while time.monotonic() < deadline:
            waiting = waiting or asyncio.ensure_future(anext(parts))
            await asyncio.wait({waiting}, timeout=_SHOW_SECONDS)
            if not waiting.done():
                yield b""
                continue
            done, waiting = waiting, None
            try:
                yield done.result()
            except StopAsyncIteration:
                return
    finally:
        if waiting is not None:
            waiting.cancel()
    raise CallFailedError(f"the reply took longer than {_LONGEST_SECONDS:g} seconds")


def _event(name: str, content: JsonObject, cleaned: Callable[[bytes], bytes] = bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), cleaned(orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)))


def _added(before: list[Any], after: list[Any]) -> str | None:
    """The addition to the last part's text, if nothing else has changed; else None."""
    if not before or len(before) != len(after) or before[:-1] != after[:-1]:
        return None
    old, new = before[-1], after[-1]
    if {**old, "parts": ()} != {**new, "parts": ()} or len(old["parts"]) != len(new["parts"]) or not old["parts"]:
        return None
    if old["parts"][:-1] != new["parts"][:-1]:
        return None
    last, now = old["parts"][-1], new["parts"][-1]
    text, longer = last.get("content"), now.get("content")
    if not isinstance(text, str) or not isinstance(longer, str) or not longer.startswith(text):
        return None
    return longer[len(text) :] if {**last, "content": ""} == {**now, "content": ""} else None


def _message_in(body: object) -> str | None:
    """The words of a refusal, as providers write them."""
    if isinstance(body, str):
        return body[:2000] or None
    if isinstance(body, list) and body:
        return _message_in(body[0])
    if not isinstance(body, dict):
        return None
    for name in ("error", "message", "detail"):
        value = body.get(name)
        found = _message_in(value) if isinstance(value, dict) else value
        if isinstance(found, str) and found:
            return found[:2000]
    return orjson.dumps(body).decode()[:2000]
