"""Events of a streamed response joined to the response, a response split into events, and events completed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator

from tracer._json import JsonMapping, JsonObject

_ITEM_DONE = "response.output_item.done"
_TEXT_DELTA = "response.output_text.delta"
# of the whole stream: an agent that passes on several streams has each of them several times
_OF_THE_STREAM = frozenset(
    f"response.{name}" for name in ("created", "queued", "in_progress", "completed", "incomplete", "failed")
)
_REPLY_KEYS = ("usage", "custom_outputs", "error", "incomplete_details", "metadata", "model")


def with_head(response: JsonObject) -> JsonObject:
    """A response with the fields that clients expect: id, time and status."""
    head = {"id": f"resp_{uuid.uuid4().hex}", "created_at": int(time.time()), "object": "response"}
    return {**head, "status": "completed", **response}


def events_of(response: JsonObject) -> list[JsonObject]:
    """A response as events: its items, then the whole."""
    items: list[JsonObject] = [{"type": _ITEM_DONE, "item": item} for item in response["output"]]
    return [*items, {"type": "response.completed", "response": response}]


def response_of(events: Iterable[JsonObject]) -> JsonObject:
    """The response that events make up; text of a message that never became whole included."""
    response: JsonObject = {"object": "response", "output": []}
    begun: dict[str, str] = {}  # text by the id of its message
    for event in events:
        kind = event["type"]
        if kind == _TEXT_DELTA:
            begun[event["item_id"]] = begun.get(event["item_id"], "") + event["delta"]
        elif kind == _ITEM_DONE:
            response["output"].append(event["item"])
            begun.pop(event["item"].get("id"), None)
        elif kind in _OF_THE_STREAM:
            response.update({key: value for key in _REPLY_KEYS if (value := event.get("response", {}).get(key))})
        if event.get("custom_outputs"):
            response["custom_outputs"] = event["custom_outputs"]
    for item_id, text in begun.items():
        response["output"].append(_message(item_id, text, "incomplete"))
    return response


def _message(item_id: str, text: str, status: str) -> JsonObject:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": item_id, "role": "assistant", "status": status, "content": content}


class CompletedEvents:
    """Completes an agent's events as OpenAI's clients expect them: begin and end, items added before done, numbers."""

    def __init__(self, model: str, request: JsonMapping) -> None:
        self._head: JsonObject = {
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            **{key: value for key, value in request.items() if key in _ECHOED},
            **with_head({"model": model, "output": []}),
        }  # fmt: skip
        self._number = 0
        self._items = 0
        self._places: dict[str, int] = {}  # of items that are not done, by type and id
        self._texts: dict[str, str] = {}  # of messages that are not done, by id
        self._said: set[str] = set()  # ends of texts and parts that the agent sent itself
        self._events: list[JsonObject] = []

    def first(self) -> Iterator[JsonObject]:
        """The events before the agent's first event."""
        begun = {**self._head, "status": "in_progress"}
        yield self.numbered({"type": "response.created", "response": begun})
        yield self.numbered({"type": "response.in_progress", "response": begun})

    def completed(self, event: JsonObject) -> Iterator[JsonObject]:
        """An event of the agent, with those that have to come before it."""
        kind = event["type"]
        if kind in _OF_THE_STREAM:
            self._events.append(event)
        elif kind == _ITEM_DONE:
            item = {"status": "completed", **event["item"]}
            item.setdefault("id", f"item_{uuid.uuid4().hex[:12]}")
            self._events.append({**event, "item": item})
            yield from self._ended(item)
        elif kind == "response.output_item.added":
            yield from self._added(event["item"])
        elif kind == _TEXT_DELTA:
            self._events.append(event)
            yield from self._text(event)
        else:
            self._events.append(event)
            if kind == "response.content_part.added":
                self._texts.setdefault(event["item_id"], "")
            elif kind in ("response.output_text.done", "response.content_part.done"):
                self._said.add(f"{event['item_id']} {kind}")
            yield self._placed(event) if "item_id" in event else self.numbered(event)

    def last(self) -> Iterator[JsonObject]:
        """The events after the agent's last event."""
        for item_id, text in list(self._texts.items()):
            yield from self.completed({"type": _ITEM_DONE, "item": _message(item_id, text, "completed")})
        whole = {**self._head, **response_of(self._events)}
        yield self.numbered({"type": "response.completed", "response": whole})

    def _added(self, item: JsonObject) -> Iterator[JsonObject]:
        key = f"{item['type']} {item.get('id')}"
        if key not in self._places:
            self._places[key] = self._items
            self._items += 1
            place = {"output_index": self._places[key]}
            yield self.numbered({"type": "response.output_item.added", **place, "item": item})

    def _text(self, delta: JsonObject) -> Iterator[JsonObject]:
        """A piece of a message's text, after the beginning of the message."""
        item_id = delta["item_id"]
        yield from self._added({**_message(item_id, "", "in_progress"), "content": []})
        if item_id not in self._texts:
            self._texts[item_id] = ""
            yield self._part("added", item_id, "")
        self._texts[item_id] += delta["delta"]
        yield self._placed({"logprobs": [], **delta})

    def _ended(self, item: JsonObject) -> Iterator[JsonObject]:
        """An item that is whole, after the end of its text."""
        item_id = item["id"]
        if item["type"] == "message":
            whole = _only_text(item)
            if item_id not in self._texts and whole:  # it came at once: readers of pieces see it, too
                yield from self._text({"type": _TEXT_DELTA, "item_id": item_id, "delta": whole})
            text = self._texts.pop(item_id, None)
            if text is not None and f"{item_id} response.output_text.done" not in self._said:
                done = {"type": "response.output_text.done", "item_id": item_id, "text": text, "logprobs": []}
                yield self._placed(done)
            if text is not None and f"{item_id} response.content_part.done" not in self._said:
                yield self._part("done", item_id, text)
        yield from self._added(item)
        place = self._places.pop(f"{item['type']} {item_id}")
        yield self.numbered({"type": _ITEM_DONE, "output_index": place, "item": item})

    def _part(self, end: str, item_id: str, text: str) -> JsonObject:
        part = {"type": "output_text", "text": text, "annotations": []}
        return self._placed({"type": f"response.content_part.{end}", "item_id": item_id, "part": part})

    def _placed(self, event: JsonObject) -> JsonObject:
        """An event within an item, with its position."""
        places = [place for key, place in self._places.items() if key.endswith(f" {event['item_id']}")]
        place = places[-1] if places else max(self._items - 1, 0)
        return self.numbered({"content_index": 0, **event, "output_index": place})

    def numbered(self, event: JsonObject) -> JsonObject:
        """An event with its number."""
        self._number += 1
        return {**event, "sequence_number": self._number - 1}


def _only_text(message: JsonObject) -> str | None:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    is_text = len(parts) == 1 and parts[0].get("type") == "output_text"
    return parts[0].get("text") if is_text else None


_ECHOED = frozenset({"instructions", "metadata", "parallel_tool_calls", "temperature", "tool_choice", "tools", "top_p",
                     "max_output_tokens", "previous_response_id", "reasoning", "truncation", "user"})  # fmt: skip
