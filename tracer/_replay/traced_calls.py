"""The calls of a trace, in the form of a cassette: requests and replies as SDKs send and read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tracer import semconv
from tracer._engine.runtime import runtime
from tracer._json import JsonObject, encode, loads
from tracer._records.attachments import ATTACHMENT_SCHEME, put_back
from tracer._replay import bedrock_calls as bedrock
from tracer._replay import cloud_calls as clouds
from tracer._replay import event_stream
from tracer._replay.cassette import STEP, Recorded
from tracer._replay.matching import path_of
from tracer.errors import CassetteError
from tracer.semconv import SpanType

if TYPE_CHECKING:
    from tracer._api.traces import Span, Trace

_OF_MODELS = (SpanType.CHAT_MODEL, SpanType.LLM, SpanType.EMBEDDING)
_TRANSCRIBES = frozenset({"speech_to_text", "audio.transcriptions"})  # operations
_LEFT_EARLY = frozenset({"cancelled", "closed", "dropped"})  # semconv.INCOMPLETE where the program left
_NS_PER_MS = 1_000_000
_OF_BINARY = frozenset({"bytes", "content_type", "content"})  # how a span has a body that is neither JSON nor text
_OWN = "tracer"  # scope of the steps of @tracer.trace


class _Wire(NamedTuple):
    """The format of a provider's streams."""

    content_type: str = "text/event-stream"
    last: str = ""  # bytes after the last event
    repeated: frozenset[str] = frozenset()  # fields of every event, which a trace has where they change only


_OF_OPENAI = _Wire(
    last="data: [DONE]\n\n",
    repeated=frozenset({"id", "created", "model", "service_tier", "provider", "object", "system_fingerprint"}),
)
WIRES = {
    "tracer.openai": _OF_OPENAI,
    "tracer.groq": _OF_OPENAI,
    "tracer.together": _OF_OPENAI,
    "tracer.huggingface": _OF_OPENAI,
    "tracer.mistral": _OF_OPENAI,
    "tracer.anthropic": _Wire(),
    "tracer.cohere": _Wire(),
    "tracer.gemini": _Wire(repeated=frozenset({"modelVersion", "responseId", "createTime"})),
    "tracer.ollama": _Wire("application/x-ndjson", repeated=frozenset({"model"})),
    bedrock.SCOPE: _Wire(event_stream.CONTENT_TYPE),
}
_OF_AWS = _Wire(event_stream.CONTENT_TYPE)  # to the SDKs of the models' makers


class TracedCall(Recorded):
    """A call of a trace, which has the SDK's arguments and result, but not the bytes that were sent."""

    def __init__(self, span: Span, content: JsonObject) -> None:
        super().__init__("", 0, content)
        self.span = span

    @property
    def place(self) -> str:
        """The step."""
        return f"step {self.span.name!r} ({self.span.span_id})"

    def is_alike(self, request: JsonObject) -> bool:
        """Whether a request has fields of this one: a trace does not have the URL."""
        if self.request["method"] == STEP or request["method"] == STEP:
            return super().is_alike(request)
        body = request.get("json")
        return isinstance(body, dict) and not self.request["json"].keys().isdisjoint(body)

    @property
    def answers_again(self) -> bool:
        """Whether it failed: the SDK may have tried more than once, which a trace has as one step."""
        response = self.response
        return "status" not in response if "error" in response else response.get("status", 200) >= 400

    def asked(self, request: JsonObject) -> JsonObject:
        """The part of a request that can be compared with the trace's record of this one."""
        body = request.get("json")
        if self.request["method"] == STEP or request["method"] != "POST" or not isinstance(body, dict):
            return request
        given = self.request["json"]
        sent = {name: value for name, value in body.items() if name in given or not _says_nothing(name, value)}
        path = path_of(request)
        if "model" in given and "model" not in sent and f"/{given['model']}:" in path:  # Gemini's
            sent["model"] = given["model"]
        if ":stream" in path:
            sent["stream"] = True
        for name, value in given.items():
            if name not in sent and _says_nothing(name, value):
                sent[name] = value
        return {"method": "POST", "url": self.request["url"], "json": sent}


class BedrockCall(TracedCall):
    """A call of Bedrock, whose model and operation are in the path of a request."""

    def is_alike(self, request: JsonObject) -> bool:
        """Whether a request is for a model of Bedrock."""
        return bedrock.asked(request) is not None

    def asked(self, request: JsonObject) -> JsonObject:
        """The arguments of the SDK that a request has."""
        found = bedrock.asked(request)
        return request if found is None else {"method": "POST", "url": self.request["url"], "json": found}


class CloudCall(TracedCall):
    """A call of a cloud by the SDK of a model's maker, whose model is in the path of a request."""

    def asked(self, request: JsonObject) -> JsonObject:
        """A request in the form of the SDK's arguments."""
        return super().asked(clouds.asked(request, self.request["json"]))

    def answering(self, request: JsonObject) -> Recorded:
        """The call with the reply in the format of the requested cloud: a span has the provider, not the API."""
        if not clouds.is_for_aws(request):
            return self
        response = clouds.response_of_aws(_response(self.span, _OF_AWS))
        return TracedCall(self.span, {**self.content, "response": response})


class ToolCall(TracedCall):
    """A call of a tool, which answers any number of equal calls with its result."""

    @property
    def answers_again(self) -> bool:
        """Always."""
        return True


def tool_calls(traces: Iterable[Trace]) -> list[Recorded]:
    """The calls of tools that are functions of the program's own; those that are not whole are left out."""
    return [
        ToolCall(span, {"request": _step_request(span), "response": _step_response(span)})
        for trace in traces
        for span in trace.data.spans
        if span.span_type == SpanType.TOOL
        and span.to_dict().get("scope", _OWN) == _OWN
        and span.end_time_ns is not None
        and not span.get_attribute(semconv.TRUNCATED)
    ]


def _says_nothing(name: str, value: object) -> bool:
    """Whether a field of a request has the meaning of an absent one, or is set by the SDK itself."""
    if name == "encoding_format" or (name, value) == ("model", "dummy"):  # huggingface_hub's, where the URL names it
        return True
    return value is None or value is False or value == [] or value == {}


def calls_of(traces: Iterable[Trace], steps: frozenset[str], *, is_whole: bool = True) -> list[Recorded]:
    """The calls of models, and of the steps that are to be answered, in the order in which they began.

    Raises CassetteError, which names the step, where something is missing that a replay needs; without ``is_whole``
    such calls are left out.
    """
    spans = sorted((span for trace in traces for span in trace.data.spans), key=lambda span: span.start_time_ns)
    calls: list[Recorded] = []
    for span in spans:
        try:
            calls += _call_of(span, steps)
        except CassetteError:
            if is_whole:
                raise
    return calls


def _call_of(span: Span, steps: frozenset[str]) -> Iterator[Recorded]:
    scope = span.to_dict().get("scope")
    if span.name in steps and scope not in WIRES:
        _refuse_incomplete(span)
        yield TracedCall(span, {"request": _step_request(span), "response": _step_response(span)})
    elif scope == bedrock.SCOPE and span.span_type not in _OF_MODELS and bedrock.why_not(span):
        return  # such as a search, which the step above it may answer
    elif scope in WIRES:
        if _sends_files(span):
            raise _missing(span, "a trace does not keep the files that were sent")
        cloud = span.get_attribute(semconv.PROVIDER)
        if scope in clouds.SCOPES and cloud in clouds.NOT_AS_SENT:
            raise _missing(span, f"a trace does not have how this SDK asks {cloud}")
        if not isinstance(span.inputs, dict):
            raise _missing(span, "it has no request")
        _refuse_incomplete(span)
        streams = {"stream": True} if span.get_attribute(semconv.REQUEST_STREAM) else {}
        given = _whole(span, span.inputs)
        if scope == bedrock.SCOPE:
            why = bedrock.why_not(span)
            if why is not None:
                raise _missing(span, why)
            given = bedrock.request_of(given)
        request = {"method": "POST", "url": "", "json": {**given, **streams}}
        kind = TracedCall
        if scope == bedrock.SCOPE:
            kind = BedrockCall
        elif scope in clouds.SCOPES and cloud in clouds.PROVIDERS:
            kind = CloudCall
        yield kind(span, {"request": request, "response": _response(span, WIRES[str(scope)])})
    elif span.span_type in _OF_MODELS and str(scope).startswith("tracer."):
        raise _missing(span, f"a call that {scope} tells of is not kept as it was sent")


def _sends_files(span: Span) -> bool:
    files = span.inputs.get("files") if isinstance(span.inputs, dict) else None
    is_form = isinstance(files, list) and any(isinstance(file, dict) and "field" in file for file in files)
    return is_form or span.get_attribute(semconv.OPERATION) in _TRANSCRIBES


def _refuse_incomplete(span: Span) -> None:
    cut = span.get_attribute(semconv.TRUNCATED) or {}
    for key, what in ((semconv.INPUTS, "its request"), (semconv.OUTPUTS, "its reply")):
        if key in cut:
            raise _missing(span, f"{what} was cut, because it is larger than max_value_bytes")
    if span.end_time_ns is None:
        raise _missing(span, "it had not ended")


def _missing(span: Span, why: str) -> CassetteError:
    return CassetteError(
        f"trace {span.trace_id} cannot be replayed: step {span.name!r} ({span.span_id}): {why}. "
        'Record it exactly: with tracer.record("cassettes/name.jsonl"): …'
    )


def _step_request(span: Span) -> JsonObject:
    return {"method": STEP, "url": span.name, "json": span.inputs}


def _step_response(span: Span) -> JsonObject:
    error = _exception(span)
    if error is None:
        return {"json": span.outputs}
    return {"error": {"type": error["type"], "message": error["message"]}}


def _exception(span: Span) -> dict[str, str] | None:
    """Type and message of the step's exception."""
    if span.status != "ERROR":
        return None
    raised = [event.attributes for event in span.events if event.name == "exception"]
    found = raised[-1] if raised else {}
    kind = found.get("exception.type") or span.get_attribute(semconv.ERROR_TYPE) or "RuntimeError"
    message = found.get("exception.message", "") if "exception.type" in found else span.status.description
    return {"type": str(kind), "message": str(message or "")}


# ---- replies ----


def _response(span: Span, wire: _Wire) -> JsonObject:
    status, error = span.get_attribute(semconv.HTTP_STATUS), _exception(span)
    if error is not None and not isinstance(status, int):
        # never reached; an SDK that tries again gets the same answer
        kind = "ReadTimeout" if "Timeout" in error["type"] else "ConnectError"
        return {"error": {"type": kind, "message": error["message"]}}
    is_bedrock = wire is WIRES[bedrock.SCOPE]
    if isinstance(status, int) and status >= 400:
        if is_bedrock and error is not None:
            return bedrock.refusal_of(span, status, error)
        body = span.outputs if isinstance(span.outputs, dict) else {"error": error and {"message": error["message"]}}
        # an error that was raised was the last of its call's: the SDK is not to try again
        headers = [["content-type", "application/json"], ["x-should-retry", "false"]]
        return {"status": status, "headers": headers, "json": body}
    if span.get_attribute(semconv.STREAM_CHUNKS) or span.get_attribute(semconv.REQUEST_STREAM):
        headers = [["content-type", wire.content_type], *(bedrock.headers_of(span) if is_bedrock else ())]
        return {"status": 200, "headers": headers, **_streamed(span, wire, error)}
    if not isinstance(span.outputs, (dict, list)):
        raise _missing(span, "its reply was not recorded")
    body = _whole(span, span.outputs)
    if isinstance(body, dict) and body.keys() <= _OF_BINARY and "bytes" in body:
        return _binary(span, body)
    headers = [["content-type", "application/json"]]
    if is_bedrock:
        return {"status": 200, "headers": [*headers, *bedrock.headers_of(span)], "json": bedrock.reply_of(span, body)}
    return {"status": 200, "headers": headers, "json": body}


def _binary(span: Span, body: JsonObject) -> JsonObject:
    """Sound or a picture, which a trace has as a data URL."""
    url = body.get("content")
    if not isinstance(url, str) or ";base64," not in url:
        raise _missing(span, "its reply is binary, and was not recorded")
    headers = [["content-type", str(body.get("content_type") or "application/octet-stream")]]
    return {"status": 200, "headers": headers, "base64": url.partition(";base64,")[2]}


def _streamed(span: Span, wire: _Wire, error: dict[str, str] | None) -> JsonObject:
    if span.get_attribute(semconv.STREAM_CHUNKS_LEFT_OUT):
        raise _missing(span, "it has more chunks than a trace keeps")
    if span.get_attribute(semconv.STREAM_CHUNKS_REDACTED):
        raise _missing(span, "its chunks held a secret, and were left out")
    events = [event for event in span.events if event.name == semconv.CHUNK_EVENT]
    if len(events) != (span.get_attribute(semconv.STREAM_CHUNKS) or 0):
        raise _missing(span, "its chunks were not recorded")
    is_bedrock = wire is WIRES[bedrock.SCOPE]
    known: JsonObject = {}
    chunks: list[object] = []
    for event in events:
        chunk = _whole(span, loads(event.attributes[semconv.CHUNK]))
        if isinstance(chunk, dict):
            known.update((name, chunk[name]) for name in wire.repeated.intersection(chunk))
            chunk = {**known, **chunk}
        chunks.append(bedrock.event_of(span, chunk) if is_bedrock else _event(chunk, wire))
    times = [(event.timestamp - span.start_time_ns) // _NS_PER_MS for event in events]
    incomplete = span.get_attribute(semconv.INCOMPLETE)
    found: JsonObject = {"chunks": chunks, "chunk_times_ms": times, "begins_ms": times[0] if times else 0}
    failure = bedrock.failure_of(span, error) if is_bedrock and error is not None else None
    if failure is not None:
        return {**found, "chunks": [*chunks, failure]}
    if error is not None:
        kind = "ReadTimeout" if "Timeout" in error["type"] else "RemoteProtocolError"
        return {**found, "error": {"type": kind, "message": error["message"]}}
    if incomplete in _LEFT_EARLY:
        return {**found, "is_complete": False}
    if wire.last and incomplete != "unfinished":
        found["chunks"] = [*chunks, wire.last]
        times.append(times[-1] if times else 0)
    return found


def _event(chunk: object, wire: _Wire) -> str | JsonObject:
    if wire is _OF_AWS:
        return clouds.event_of(chunk)
    text = encode(chunk).decode()
    if wire.content_type != "text/event-stream":
        return f"{text}\n"
    kind = chunk.get("type") if isinstance(chunk, dict) else None
    name = f"event: {kind}\n" if isinstance(kind, str) else ""
    return f"{name}data: {text}\n\n"


# ---- attachments ----


def _whole(span: Span, value: Any) -> Any:
    """The value with images and sound in the place of references to them."""
    if ATTACHMENT_SCHEME.encode() not in encode(value):
        return value
    found = put_back(value, _content_of())
    if ATTACHMENT_SCHEME.encode() in encode(found):
        raise _missing(span, "an attachment is not in the store")
    return found


def _content_of() -> Callable[[str], tuple[str, bytes] | None]:
    store = runtime().store()
    return store.attachment
