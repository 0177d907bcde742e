"""A replay or a recording that is under way: recorded calls that answer requests, and calls that are recorded anew."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from tracer._fault import guard
from tracer._json import JsonMapping, JsonObject
from tracer._replay import bodies
from tracer._replay.cassette import STEP, Recorded, line_of
from tracer._replay.changes import Change, changed
from tracer._replay.matching import Matching, body_of, holds_redacted, host_of
from tracer._replay.uses import Uses
from tracer.errors import ReplayMismatchError

Record = Literal["new", "all"]
Headers: TypeAlias = "Sequence[tuple[str, str]]"
Keep = Callable[[JsonObject, int], None]
Decode = Callable[[Headers, "list[bytes]"], "list[bytes]"]

_OF_PACKED = frozenset({"content-encoding", "content-length"})  # bodies are recorded after they were unpacked
_SECRET = frozenset({"set-cookie", "set-cookie2", "www-authenticate", "proxy-authenticate", "authorization"})


@dataclass
class Session:
    """Calls of a cassette, and those that are recorded."""

    name: str  # of the cassette, for messages
    calls: list[Recorded] = field(default_factory=list)
    matching: Matching = field(default_factory=Matching)
    pace: Literal["fast", "recorded"] = "fast"
    record: Record | None = None
    steps: frozenset[str] = frozenset()  # names of functions that are answered, and recorded, too
    lets_through: bool = False  # each request that no call answers
    stays_live: bool = False  # after the first request that no call answers
    later: list[Recorded] | None = None  # of a fork: the calls that are made again when the others are answered
    changes: tuple[Change, ...] = ()  # to calls that are made
    uses: Uses | None = None  # of the program's other processes
    keep: Keep | None = None  # is given each recorded call when it is over, with its start in ns since the epoch
    recorded: list[Recording] = field(default_factory=list)
    mismatch: ReplayMismatchError | None = None
    is_live: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: JsonObject) -> Recorded | None:
        """The recorded call that answers a request; None if it is to be sent. Raises ReplayMismatchError."""
        if self.record == "all" or self.is_live:
            return None
        with self._lock, nullcontext() if self.uses is None else self.uses.shared(self.calls):
            found = self._find(request)
            if found is not None:
                found.is_used = True
                return found.answering(request)
            if self.stays_live:
                self.is_live = True
                return None
            if self.record == "new" or self.lets_through or self._is_local_matter(request):
                return None
            if self._is_past_the_fork(request):
                return None
            error = ReplayMismatchError(self._mismatch(request))
            self.mismatch = self.mismatch or error
            raise error

    def after_fork(self) -> None:
        """In a child process, replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def refuse(self, why: str) -> None:
        """Raise ReplayMismatchError for a request that cannot be answered, where no request may be live."""
        if self.record is None and not (self.is_live or self.stays_live or self.lets_through or self.later is not None):
            error = ReplayMismatchError(f"{self.name}: {why}")
            self.mismatch = self.mismatch or error
            raise error

    def begin(self, request: JsonObject, decode: Decode | None = None) -> Recording:
        """Record a request that is sent, or a step that runs; ``decode`` unpacks the reply's chunks."""
        recording = Recording(request, decode, self._is_over)
        with self._lock:
            self.recorded.append(recording)
        return recording

    def _is_over(self, recording: Recording) -> None:
        if self.keep is not None and recording.content is not None:
            self.keep(recording.content, recording.start_ns)
            with self._lock:
                self.recorded.remove(recording)

    def _find(self, request: JsonObject) -> Recorded | None:
        unused = [call for call in self._requests() if not call.is_used]
        if self.matching.match == "ordered":
            return next(iter(self._same(unused[:1], request)), None)
        again = [call for call in self._requests() if call.is_used and call.answers_again]
        same = self._same(unused, request) or self._same(again, request)
        return max(same, key=lambda call: _nearness(call.request, request), default=None)

    def _same(self, calls: Iterable[Recorded], request: JsonObject) -> list[Recorded]:
        return [call for call in calls if self.matching.is_same(call.request, call.asked(request))]

    def _requests(self) -> list[Recorded]:
        return [call for call in self.calls if call.request["method"] != STEP or call.request["url"] in self.steps]

    def _is_local_matter(self, request: JsonObject) -> bool:
        """Whether a request is for a server of the program's own, such as one that the test started."""
        is_local = is_loopback(urlsplit(request["url"]).hostname or "")
        return is_local and not any(call.is_alike(request) for call in self._requests())

    def _is_past_the_fork(self, request: JsonObject) -> bool:
        if self.later is None:
            return False
        self.is_live = all(call.is_used for call in self._requests())
        # before the fork, unknown requests are live, too, and calls that began at the same time as its last ones
        return self.is_live or not self._is_known(request) or bool(self._same(self.later, request))

    def _is_known(self, request: JsonObject) -> bool:
        return any(call.is_alike(request) for call in [*self._requests(), *(self.later or ())])

    def changed(self, request: JsonObject) -> JsonObject | None:
        """The body with which a request is made; None as it is."""
        body = request.get("json")
        if not self.changes or not isinstance(body, dict) or not self._is_known(request):
            return None
        return changed(body, self.changes)

    def _mismatch(self, request: JsonObject) -> str:
        calls = self._requests()
        asked = f"{request['method']} {request['url']}"
        if not calls:
            return f"{self.name} has no call, and the program made one: {asked}"
        how_to_renew = "Record it anew if this is meant."
        unused = [call for call in calls if not call.is_used]
        if self.matching.match == "ordered" and unused:
            nearest, which = unused[0], "the next one"
        else:
            same = self._same(calls, request)
            if same:
                times = "once" if len(same) == 1 else f"{len(same)} times"
                return (
                    f"a request that {self.name} has {times} ({same[-1].place}) was made once more: {asked}\n"
                    f"{how_to_renew}"
                )
            alike = [call for call in unused if call.request["method"] == request["method"]]
            among = alike or unused or calls
            nearest = max(among, key=lambda call: self.matching.likeness(call.request, call.asked(request)))
            which = "the nearest one"
        return (
            f"a request is not in {self.name}: {asked}\n"
            f"{which} is {nearest.place}; the first difference: "
            f"{self.matching.differences(nearest.request, nearest.asked(request))}\n{how_to_renew}"
        )

    def end_open(self) -> None:
        """End the recording of streams that the program still holds."""
        for recording in list(self.recorded):
            if recording.has_begun:
                recording.ends(is_complete=False)

    def lines(self) -> list[str]:
        """The lines of the cassette to be written."""
        self.end_open()
        added = [recording.content for recording in self.recorded if recording.content is not None]
        if self.record != "all":
            return [*(call.line for call in self.calls), *map(line_of, added)]
        return renewed(self.calls, added)


def renewed(earlier: Iterable[Recorded], contents: Iterable[JsonObject]) -> list[str]:
    """The lines of calls; those that differ in ids and times only keep their line: files change where calls do."""
    kept = list(earlier)
    return [_unchanged(content, kept) or line_of(content) for content in contents]


def _unchanged(content: JsonObject, earlier: list[Recorded]) -> str | None:
    lenient = Matching("lenient")
    for call in earlier:
        if lenient.is_same(call.request, content["request"]) and lenient.comparable(
            _told(call.response)
        ) == lenient.comparable(_told(content["response"])):
            earlier.remove(call)
            return call.line
    return None


def _told(response: JsonMapping) -> object:
    """The content of a response, without headers and times."""
    return [response.get(name) for name in ("status", "json", "text", "base64", "chunks", "error", "is_complete")]


def _has_last_event(body: JsonMapping) -> bool:
    """Whether a stream's last event has arrived, after which SDKs stop reading before the connection ends."""
    last = body["chunks"][-1] if body.get("chunks") else None
    return isinstance(last, str) and last.strip() == "data: [DONE]"


def _nearness(recorded: JsonMapping, request: JsonMapping) -> tuple[bool, bool]:
    return body_of(recorded) == body_of(request), host_of(recorded) == host_of(request)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Recording:
    """A call that is being recorded."""

    def __init__(self, request: JsonObject, decode: Decode | None, is_over: Callable[[Recording], None]) -> None:
        self.content: JsonObject | None = None  # once the call is over
        self._request = request
        self._decode = decode
        self._response: JsonObject = {}
        self._packed_as: Headers = ()
        self._content_type = ""
        self._is_whole = False
        self._chunks: list[bytes] = []
        self._times_ms: list[int] = []
        self.start_ns = time.time_ns()
        self._began_ns = time.monotonic_ns()
        self._tell = is_over

    @property
    def has_failed(self) -> bool:
        """Whether the provider refused the request, or was not reached."""
        response = self._response if self.content is None else self.content["response"]
        return "error" in response or response.get("status", 200) >= 400

    def begins(self, status: int, headers: Headers) -> None:
        """The response's head has arrived."""
        with guard("recording a response"):
            named = {name.lower(): value for name, value in headers}
            self._content_type = named.get("content-type", "")
            self._is_whole = "content-length" in named
            if "content-encoding" in named and self._decode is not None:
                self._packed_as = [(name, value) for name, value in headers if name.lower() == "content-encoding"]
            left_out = _SECRET | _OF_PACKED if self._packed_as else _SECRET
            self._response = {
                "status": status,
                "headers": [[name, value] for name, value in headers if name.lower() not in left_out],
                "begins_ms": self._elapsed_ms(),
            }

    def take(self, chunk: bytes) -> None:
        """A chunk has arrived, as it was sent."""
        self._chunks.append(chunk)
        self._times_ms.append(self._elapsed_ms())

    def failed(self, error: BaseException, message: str | None = None) -> None:
        """The connection failed, before the response or within it."""
        self._response["error"] = {"type": type(error).__name__, "message": message or str(error)}

    def returned(self, response: JsonObject) -> None:
        """The step is over."""
        self._is_over(response)

    def _is_over(self, response: JsonObject) -> None:
        self.content = {"request": self._request, "response": response}
        self._tell(self)

    @property
    def has_begun(self) -> bool:
        """Whether there is a response, or an error instead."""
        return bool(self._response)

    def ends(self, *, is_complete: bool) -> None:
        """The response is over, or the program read no more of it."""
        if self.content is not None:
            return
        with guard("recording a response"):
            chunks, times = self._decoded()
            body = bodies.reply_body(chunks, times, self._content_type, is_whole=self._is_whole)
            if not is_complete and "error" not in self._response and not _has_last_event(body):
                body["is_complete"] = False
            self._is_over({**self._response, **body})

    def _decoded(self) -> tuple[list[bytes], list[int]]:
        if not self._packed_as or self._decode is None:
            return self._chunks, self._times_ms
        taken = iter(self._times_ms)
        times: list[int] = []
        chunks = []
        for chunk in self._decode(self._packed_as, self._chunks):
            chunks.append(chunk)
            times.append(next(taken, self._times_ms[-1]))
        return chunks, times

    def _elapsed_ms(self) -> int:
        return (time.monotonic_ns() - self._began_ns) // 1_000_000


def unanswerable(calls: Iterable[Recorded]) -> list[Recorded]:
    """The calls whose replies are not whole because something in them was a secret."""
    return [
        call
        for call in calls
        if holds_redacted(call.response.get(kind) for kind in ("json", "text", "base64", "chunks"))
    ]
