"""Content of a step as HTML: messages with tool calls beside their results, else inputs and outputs, and errors."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from tracer import semconv
from tracer._json import JsonMapping
from tracer._notebook.html import Html, Room, element
from tracer._records.attachments import ATTACHMENT_SCHEME
from tracer.cli import wording
from tracer.cli.pairs import Conversations, Message, parts_of, said_in
from tracer.cli.parts import response_of, tool_name
from tracer.cli.steps import Step
from tracer.cli.values import arguments, one_line

_LONGEST_TEXT = 20_000
_MESSAGES_SHOWN = 50


def content(step: Step, conversations: Conversations, room: Room) -> Iterator[Html]:
    """All that a step holds; nothing where there is no room left."""
    if step.error is not None:
        yield element("div", f"✗ {room.fitted(step.error, _LONGEST_TEXT)}", class_="t-text t-bad")
    given, produced = said_in(step)
    if given or produced:
        yield from _conversation(step, given, produced, conversations, room)
    else:
        for title, value in (("input", step.attribute(semconv.INPUTS)), ("output", step.attribute(semconv.OUTPUTS))):
            if value not in (None, {}, ""):
                yield element("div", title, class_="t-role")
                yield shown(value, room)


def shown(value: object, room: Room) -> Html:
    """A value: a text as it is, anything else as JSON."""
    if isinstance(value, str):
        return element("div", room.fitted(one_line(value), _LONGEST_TEXT), class_="t-text")
    text = one_line(value)
    if len(text) > 80:
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode()
    return element("div", room.fitted(text, _LONGEST_TEXT), class_="t-code")


def _conversation(
    step: Step, given: list[Message], produced: list[Message], conversations: Conversations, room: Room
) -> Iterator[Html]:
    tools = step.attribute(semconv.TOOL_DEFINITIONS)
    if isinstance(tools, list) and tools:
        offered = f"tools offered: {', '.join(map(tool_name, tools))}"
        yield element("div", room.fitted(offered, _LONGEST_TEXT), class_="t-faint")
    repeated, where = conversations.repeated(given)
    if repeated:
        told = f"({wording.how_many(repeated, 'message')} as in “{where}” above)"
        yield element("div", told, class_="t-faint")
    said = [*((message, False) for message in given[repeated:]), *((message, True) for message in produced)]
    left_out = len(said) - _MESSAGES_SHOWN
    if left_out > 0:
        yield element("div", f"({wording.how_many(left_out, 'earlier message')} left out)", class_="t-faint")
    for message, is_reply in said[-_MESSAGES_SHOWN:]:
        yield from _message(message, is_reply, conversations, room)
    if not produced and step.attribute(semconv.OUTPUTS) is not None:
        yield element("div", "output", class_="t-role")
        yield shown(step.attribute(semconv.OUTPUTS), room)
    conversations.remember(step.label, [*given, *produced])


def _message(message: Message, is_reply: bool, conversations: Conversations, room: Room) -> Iterator[Html]:
    """One message; a tool's result is left out if it is shown beside its call."""
    parts = [part for part in parts_of(message) if not conversations.pairs.is_beside_its_call(part)]
    if not parts and parts_of(message):
        return
    role = wording.clean_line(message.get("role") or "message")
    yield element("div", f"{role} · reply" if is_reply else role, class_="t-role")
    for part in parts:
        yield from _part(part, conversations, room)


def _part(part: JsonMapping, conversations: Conversations, room: Room) -> Iterator[Html]:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        yield shown(part.get("content"), room)
    elif kind == "reasoning":
        yield element(
            "div", element("i", room.fitted(str(part.get("content")), _LONGEST_TEXT)), class_="t-text t-faint"
        )
    elif kind == "tool_call":
        called = f"{part.get('name') or 'tool'}({arguments(part.get('arguments'))})"
        yield element("div", room.fitted(called, _LONGEST_TEXT), class_="t-code")
        result = conversations.pairs.result_of(part)
        if result is not None:
            yield from _result(result, room)
    elif kind == "tool_call_response":
        yield from _result(part, room)
    elif kind in ("blob", "uri", "file"):
        yield element("div", _media(part), class_="t-faint")
    else:
        yield shown({key: value for key, value in part.items() if value is not None}, room)


def _result(part: JsonMapping, room: Room) -> Iterator[Html]:
    yield element("div", "→", class_="t-faint")
    yield shown(response_of(part), room)


def _media(part: JsonMapping) -> str:
    """Media by its kind and its place: a notebook loads nothing from elsewhere."""
    where = next((str(part[key]) for key in ("content", "uri", "file_id", "filename") if part.get(key)), "")
    kind = part.get("mime_type") or part.get("modality") or part.get("type")
    if part.get("type") == "blob" and not where.startswith(ATTACHMENT_SCHEME):
        where = ""
    return f"[{kind}] {one_line(where[:200])}".rstrip()
