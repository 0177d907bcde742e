"""What the messages of open connections mean: the Responses API, realtime sessions, live ones, translations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tracer import semconv
from tracer.provider import Call, Operation, Reply

from .audio import TRANSCRIPTION
from .items import input_messages
from .other import DECISION
from .responses import RESPONSE, TERMINAL_EVENTS, ResponseAccumulator, read_reply, read_request
from .values import as_dict, as_dicts, as_text

if TYPE_CHECKING:
    from tracer.provider import ConnectionRecording

_ITEMS_REMEMBERED = 200
# sound comes in many small pieces; of what was said the transcript tells
_SOUND = frozenset({"response.output_audio.delta", "response.audio.delta"})
_SETTINGS = (
    *("model", "instructions", "tools", "tool_choice", "temperature", "max_output_tokens"),
    *("output_modalities", "modalities", "voice"),
)


def _configured(message: dict[str, Any], session: ConnectionRecording) -> dict[str, Any]:
    """Record the settings of a session, which its start and every change of them bring."""
    settings = as_dict(message.get("session"))
    session.configured(settings)
    session.about({
        semconv.REQUEST_MODEL: as_text(settings.get("model")),
        semconv.CONVERSATION_ID: as_text(settings.get("id")),
    })  # fmt: skip
    return settings


class ResponsesReader:
    """One reply for each ``response.create``; lanes, where a connection has them, go by their stream ids."""

    def sent(self, message: dict[str, Any], session: ConnectionRecording) -> None:
        """A reply is asked for."""
        if message.get("type") == "response.create":
            nested = message.get("response")  # how the first versions wrapped it
            body = {key: value for key, value in message.items() if key not in ("type", "event_id", "response")}
            body = {**body, **as_dict(nested)}
            session.begin(message.get("stream_id"), Call(RESPONSE, body))

    def received(self, message: dict[str, Any], session: ConnectionRecording) -> None:
        """A piece of a reply has come, or its end."""
        key, kind = message.get("stream_id"), str(message.get("type"))
        if kind == "response.created" and not session.has(key):  # a successor that nobody asked for
            session.begin(key, Call(RESPONSE, {"model": as_dict(message.get("response")).get("model")}))
        if kind == "error" and not session.has(key):
            session.error(as_dict(message.get("error")) or message)
            return
        session.chunk(key, message)
        if kind in TERMINAL_EVENTS or kind == "error":
            session.finish(key)

    def conversation(self) -> list[Any]:
        """Nothing: each reply has its own."""
        return []


class RealtimeReader:
    """One reply for each turn; what was said before it is its prompt."""

    def __init__(self) -> None:
        self._settings: dict[str, Any] = {}
        self._items: dict[str, dict[str, Any]] = {}
        self._asked: list[dict[str, Any]] = []  # response.create whose reply has not begun
        self._begun: dict[Any, tuple[dict[str, Any], list[str]]] = {}  # what a reply was asked, and the items before it

    def sent(self, message: dict[str, Any], session: ConnectionRecording) -> None:
        """The program may have asked for a reply of its own kind."""
        if message.get("type") == "response.create":
            self._asked.append(as_dict(message.get("response")))

    def received(self, message: dict[str, Any], session: ConnectionRecording) -> None:
        """A message of the conversation, a piece of a reply, or news of the session."""
        kind = str(message.get("type"))
        if kind in ("session.created", "session.updated"):
            self._settings = _configured(message, session)
        elif kind.startswith("conversation.item."):
            self._remember(kind, message)
            if message.get("usage"):  # what is spoken is written down by a model of its own
                self._transcription(message, session)
        elif kind.startswith("response."):
            self._reply(kind, message, session)
        elif kind == "error":
            session.error(as_dict(message.get("error")))

    def conversation(self) -> list[Any]:
        """What was said by either side."""
        return input_messages(list(self._items.values()))

    def _remember(self, kind: str, message: dict[str, Any]) -> None:
        item = as_dict(message.get("item"))
        identity = item.get("id") or message.get("item_id")
        if not isinstance(identity, str):
            return
        if kind.endswith(".deleted"):
            self._items.pop(identity, None)
        elif item:
            self._put(identity, item)
        elif kind.endswith("input_audio_transcription.completed"):
            self._transcribed(identity, message)

    def _put(self, identity: str, item: dict[str, Any]) -> None:
        self._items[identity] = item
        while len(self._items) > _ITEMS_REMEMBERED:
            del self._items[next(iter(self._items))]

    def _transcribed(self, identity: str, message: dict[str, Any]) -> None:
        content = as_dicts(self._items.get(identity, {}).get("content"))
        index = message.get("content_index")
        if isinstance(index, int) and index < len(content):
            content[index]["transcript"] = message.get("transcript")

    def _transcription(self, message: dict[str, Any], session: ConnectionRecording) -> None:
        heard = as_dict(as_dict(self._settings.get("audio")).get("input")).get("transcription")
        about = as_dict(heard or self._settings.get("input_audio_transcription"))
        key = object()
        session.begin(key, Call(TRANSCRIPTION, {"model": about.get("model"), "item_id": message.get("item_id")}))
        session.chunk(key, {**message, "type": "transcript.text.done", "text": message.get("transcript")})
        session.finish(key)

    def _reply(self, kind: str, message: dict[str, Any], session: ConnectionRecording) -> None:
        response = as_dict(message.get("response"))
        identity = response.get("id") or message.get("response_id")
        if kind == "response.created":
            own = self._asked.pop(0) if self._asked else {}
            before = list(self._items)
            session.begin(identity, Call(REALTIME, self._body(own, before)))
            self._begun[identity] = own, before
        if kind not in _SOUND:
            session.chunk(identity, message)
        if kind in TERMINAL_EVENTS:
            for item in as_dicts(response.get("output")):
                if isinstance(item.get("id"), str):
                    self._put(item["id"], item)
            own, before = self._begun.pop(identity, ({}, []))
            session.finish(identity, self._body(own, before))  # transcripts of what was heard come late

    def _body(self, own: Mapping[str, Any], before: list[str]) -> dict[str, Any]:
        """What the model answered: settings, and everything said until then."""
        items = [self._items[identity] for identity in before if identity in self._items]
        settings = {key: self._settings[key] for key in _SETTINGS if self._settings.get(key) not in (None, "inf")}
        return {**settings, "input": items, **own}


def _read_realtime_reply(body: Any) -> Reply:
    details = as_dict(as_dict(body).get("status_details"))
    return read_reply({**as_dict(body), "incomplete_details": details, "error": details.get("error")})


REALTIME = Operation("chat", read_request, _read_realtime_reply, ResponseAccumulator)


class LiveReader:
    """A conversation without turns: transcripts of both sides, and a reply for each task that is delegated."""

    def __init__(self) -> None:
        self._settings: dict[str, Any] = {}
        self._said: list[tuple[str, list[str]]] = []  # role, and pieces of what it said

    def sent(self, message: dict[str, Any], session: ConnectionRecording) -> None:
        """Nothing: the session's own start says how it was set up."""

    def received(self, message: dict[str, Any], session: ConnectionRecording) -> None:
        """A piece of a transcript, of a delegated reply, or news of the session."""
        kind = str(message.get("type"))
        if kind in ("session.started", "session.created", "session.updated"):
            self._settings = _configured(message, session)
        elif kind == "session.input_transcript.delta":
            self._say("user", message)
        elif kind == "session.output_transcript.delta":
            self._say("assistant", message)
        elif kind == "response.event":
            self._delegated(message.get("delegation_id"), as_dict(message.get("event")), session)
        elif kind == "decision.event":
            self._decided(as_dict(message.get("event")), session)
        elif kind == "error":
            session.error(as_dict(message.get("error")))
        seconds = as_dict(message.get("usage")).get("seconds")
        if seconds is not None:
            session.set_attributes({semconv.USAGE_AUDIO_SECONDS: seconds})

    def conversation(self) -> list[Any]:
        """What was said by either side."""
        return [{"role": role, "content": "".join(pieces)} for role, pieces in self._said]

    def _say(self, role: str, message: dict[str, Any]) -> None:
        if not self._said or self._said[-1][0] != role:
            self._said.append((role, []))
        self._said[-1][1].append(as_text(message.get("delta")) or "")

    def _delegated(self, key: Any, event: dict[str, Any], session: ConnectionRecording) -> None:
        kind = event.get("type")
        if kind == "response.created":
            delegation = as_dict(as_dict(self._settings.get("delegation")).get("responses"))
            session.begin(key, Call(RESPONSE, {**delegation, "input": self.conversation()}))
        session.chunk(key, event)
        if kind in TERMINAL_EVENTS:
            session.finish(key)

    def _decided(self, event: dict[str, Any], session: ConnectionRecording) -> None:
        decision = as_dict(event.get("decision"))
        key = object()
        session.begin(key, Call(DECISION, {"model": decision.get("model"), "input": self.conversation()}))
        session.chunk(key, decision)
        session.finish(key)
