"""Readers of open connections: the Responses API, realtime sessions, live sessions, translations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer import semconv
from tracer._json import JsonMapping, JsonObject
from tracer.provider import Call, Operation, Reply

from .._values import as_dict, as_dicts, as_text
from .audio import TRANSCRIPTION
from .items import input_messages
from .other import DECISION
from .responses import RESPONSE, TERMINAL_EVENTS, ResponseAccumulator, read_reply, read_request

if TYPE_CHECKING:
    from tracer.provider import ConnectionRecording

_ITEMS_REMEMBERED = 200
# many small pieces of sound, which is not recorded; the transcript is
_SOUND = frozenset({"response.output_audio.delta", "response.audio.delta"})
_SETTINGS = (
    *("model", "instructions", "tools", "tool_choice", "temperature", "max_output_tokens"),
    *("output_modalities", "modalities", "voice"),
)


def _configured(message: JsonObject, connection: ConnectionRecording) -> JsonObject:
    """Record the settings of a session, sent at its start and after every change, and return them."""
    settings = as_dict(message.get("session"))
    connection.configured(settings)
    connection.set_attributes({
        semconv.REQUEST_MODEL: as_text(settings.get("model")),
        semconv.CONVERSATION_ID: as_text(settings.get("id")),
    })  # fmt: skip
    return settings


class ResponsesReader:
    """One reply for each ``response.create``; parallel replies on one connection have stream ids."""

    def sent(self, message: JsonObject, connection: ConnectionRecording) -> None:
        """Begin a reply when the program requests it."""
        if message.get("type") == "response.create":
            nested = message.get("response")  # as the first versions nested it
            body = {key: value for key, value in message.items() if key not in ("type", "event_id", "response")}
            body = {**body, **as_dict(nested)}
            connection.begin(message.get("stream_id"), Call(RESPONSE, body))

    def received(self, message: JsonObject, connection: ConnectionRecording) -> None:
        """Add a piece to a reply, or end it."""
        key, kind = message.get("stream_id"), str(message.get("type"))
        if kind == "response.created" and not connection.has(key):  # a successor without a request
            connection.begin(key, Call(RESPONSE, {"model": as_dict(message.get("response")).get("model")}))
        if kind == "error" and not connection.has(key):
            connection.error(as_dict(message.get("error")) or message)
            return
        connection.chunk(key, message)
        if kind in TERMINAL_EVENTS or kind == "error":
            connection.finish(key)

    def conversation(self) -> list[JsonObject]:
        """Always empty: each reply has its own conversation."""
        return []


class RealtimeReader:
    """One reply for each turn; the conversation before it is its prompt."""

    def __init__(self) -> None:
        self._settings: JsonObject = {}
        self._items: dict[str, JsonObject] = {}
        self._requested: list[JsonObject] = []  # response.create whose reply has not begun
        # by the id of a reply: its response.create, and the ids of the items before it
        self._in_progress: dict[object, tuple[JsonObject, list[str]]] = {}

    def sent(self, message: JsonObject, connection: ConnectionRecording) -> None:
        """Keep the settings of a requested reply until it begins."""
        if message.get("type") == "response.create":
            self._requested.append(as_dict(message.get("response")))

    def received(self, message: JsonObject, connection: ConnectionRecording) -> None:
        """Take a message of the conversation, a piece of a reply, or settings of the session."""
        kind = str(message.get("type"))
        if kind in ("session.created", "session.updated"):
            self._settings = _configured(message, connection)
        elif kind.startswith("conversation.item."):
            self._remember(kind, message)
            if message.get("usage"):  # speech of the user is transcribed by another model
                self._transcription(message, connection)
        elif kind.startswith("response."):
            self._reply(kind, message, connection)
        elif kind == "error":
            connection.error(as_dict(message.get("error")))

    def conversation(self) -> list[JsonObject]:
        """Messages of both sides."""
        return input_messages(list(self._items.values()))

    def _remember(self, kind: str, message: JsonObject) -> None:
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

    def _put(self, identity: str, item: JsonObject) -> None:
        self._items[identity] = item
        while len(self._items) > _ITEMS_REMEMBERED:
            del self._items[next(iter(self._items))]

    def _transcribed(self, identity: str, message: JsonObject) -> None:
        content = as_dicts(self._items.get(identity, {}).get("content"))
        index = message.get("content_index")
        if isinstance(index, int) and index < len(content):
            content[index]["transcript"] = message.get("transcript")

    def _transcription(self, message: JsonObject, connection: ConnectionRecording) -> None:
        nested = as_dict(as_dict(self._settings.get("audio")).get("input")).get("transcription")
        transcription = as_dict(nested or self._settings.get("input_audio_transcription"))
        key = object()
        body = {"model": transcription.get("model"), "item_id": message.get("item_id")}
        connection.begin(key, Call(TRANSCRIPTION, body))
        connection.chunk(key, {**message, "type": "transcript.text.done", "text": message.get("transcript")})
        connection.finish(key)

    def _reply(self, kind: str, message: JsonObject, connection: ConnectionRecording) -> None:
        response = as_dict(message.get("response"))
        identity = response.get("id") or message.get("response_id")
        if kind == "response.created":
            own = self._requested.pop(0) if self._requested else {}
            before = list(self._items)
            connection.begin(identity, Call(REALTIME, self._body(own, before)))
            self._in_progress[identity] = own, before
        if kind not in _SOUND:
            connection.chunk(identity, message)
        if kind in TERMINAL_EVENTS:
            for item in as_dicts(response.get("output")):
                if isinstance(item.get("id"), str):
                    self._put(item["id"], item)
            own, before = self._in_progress.pop(identity, ({}, []))
            connection.finish(identity, self._body(own, before))  # transcripts of the user's speech arrive late

    def _body(self, own: JsonMapping, before: list[str]) -> JsonObject:
        """The request of a reply: the settings, and the conversation until then."""
        items = [self._items[identity] for identity in before if identity in self._items]
        settings = {key: self._settings[key] for key in _SETTINGS if self._settings.get(key) not in (None, "inf")}
        return {**settings, "input": items, **own}


def _read_realtime_reply(body: object) -> Reply:
    details = as_dict(as_dict(body).get("status_details"))
    return read_reply({**as_dict(body), "incomplete_details": details, "error": details.get("error")})


REALTIME = Operation("chat", read_request, _read_realtime_reply, ResponseAccumulator)


class LiveReader:
    """A conversation without turns: transcripts of both sides, and a reply for each delegated task."""

    def __init__(self) -> None:
        self._settings: JsonObject = {}
        self._turns: list[tuple[str, list[str]]] = []  # role, and pieces of its transcript

    def sent(self, message: JsonObject, connection: ConnectionRecording) -> None:
        """Does nothing: the server sends the settings of the session."""

    def received(self, message: JsonObject, connection: ConnectionRecording) -> None:
        """Take a piece of a transcript or of a delegated reply, or settings of the session."""
        kind = str(message.get("type"))
        if kind in ("session.started", "session.created", "session.updated"):
            self._settings = _configured(message, connection)
        elif kind == "session.input_transcript.delta":
            self._add_transcript("user", message)
        elif kind == "session.output_transcript.delta":
            self._add_transcript("assistant", message)
        elif kind == "response.event":
            self._add_delegated_event(message.get("delegation_id"), as_dict(message.get("event")), connection)
        elif kind == "decision.event":
            self._add_decision(as_dict(message.get("event")), connection)
        elif kind == "error":
            connection.error(as_dict(message.get("error")))
        seconds = as_dict(message.get("usage")).get("seconds")
        if seconds is not None:
            connection.set_attributes({semconv.USAGE_AUDIO_SECONDS: seconds})

    def conversation(self) -> list[JsonObject]:
        """Messages of both sides."""
        return [{"role": role, "content": "".join(pieces)} for role, pieces in self._turns]

    def _add_transcript(self, role: str, message: JsonObject) -> None:
        if not self._turns or self._turns[-1][0] != role:
            self._turns.append((role, []))
        self._turns[-1][1].append(as_text(message.get("delta")) or "")

    def _add_delegated_event(self, key: object, event: JsonObject, connection: ConnectionRecording) -> None:
        kind = event.get("type")
        if kind == "response.created":
            delegation = as_dict(as_dict(self._settings.get("delegation")).get("responses"))
            connection.begin(key, Call(RESPONSE, {**delegation, "input": self.conversation()}))
        connection.chunk(key, event)
        if kind in TERMINAL_EVENTS:
            connection.finish(key)

    def _add_decision(self, event: JsonObject, connection: ConnectionRecording) -> None:
        decision = as_dict(event.get("decision"))
        key = object()
        connection.begin(key, Call(DECISION, {"model": decision.get("model"), "input": self.conversation()}))
        connection.chunk(key, decision)
        connection.finish(key)
