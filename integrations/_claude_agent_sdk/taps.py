"""Hooks of the SDK, and the taps on the transport of a conversation, which all that is said passes."""

from __future__ import annotations

import sys
import weakref
from types import FunctionType
from typing import Any

from tracer._fault import guard
from tracer.provider import HookEnd, streams

from .._values import Arguments
from .conversation import TOOL_ID, Conversation
from .steps import record_failed_start

_conversations: weakref.WeakKeyDictionary[object, Conversation] = weakref.WeakKeyDictionary()  # by the SDK's Query


def conversation_begins(arguments: Arguments) -> None:
    """The SDK begins to read from a process: the hook of ``Query.start``."""
    query = arguments["self"]
    if query in _conversations:
        return
    transport = query.transport
    conversation = Conversation(getattr(transport, "_options", None))
    if _tap(transport, conversation):
        _conversations[query] = conversation


def conversation_ends(arguments: Arguments) -> None:
    """The SDK ends a conversation, usually while it handles what ended it: the hook of ``Query.close``."""
    conversation = _conversations.pop(arguments["self"], None)
    if conversation is not None:
        conversation.left(sys.exc_info()[1])


def request_begins(arguments: Arguments) -> HookEnd | None:
    """The process asks the program for a tool's result, a permission or a hook's answer, whose code runs now."""
    conversation = _conversations.get(arguments["self"])
    span = None if conversation is None else conversation.span_of(arguments["request"])
    return None if span is None else _Current(span)


def tool_begins(arguments: Arguments) -> HookEnd | None:
    """A server of the program's own tools handles a request: the hook of the mcp package."""
    meta = getattr(getattr(arguments["req"], "params", None), "meta", None)
    tool_id = (getattr(meta, "model_extra", None) or {}).get(TOOL_ID)
    if not isinstance(tool_id, str):
        return None
    found = (conversation.tool_span(tool_id) for conversation in list(_conversations.values()))
    span = next((span for span in found if span is not None), None)
    return None if span is None else _Current(span)


def process_starts(arguments: Arguments) -> HookEnd | None:
    """A process is started: the hook of the transport's ``connect``."""
    prompt = getattr(arguments["self"], "_prompt", None)
    return _Start(prompt) if isinstance(prompt, str) else None


class _Current:
    """Keeps a span current while the SDK answers a request."""

    def __init__(self, span: Any) -> None:
        self._span = span
        span.attach()

    def returned(self, result: object) -> None:
        self._span.detach()

    def raised(self, error: BaseException) -> None:
        self._span.detach()


class _Start:
    """Records a prompt that found no process to answer it."""

    def __init__(self, prompt: str) -> None:
        self._prompt = prompt

    def returned(self, result: object) -> None:
        """The process runs."""

    def raised(self, error: BaseException) -> None:
        record_failed_start(self._prompt, error)


def _tap(transport: Any, conversation: Conversation) -> bool:
    """Watch what is written to a transport and read from it; False for one that is no ordinary object, as in tests."""
    kind = type(transport)
    held = getattr(transport, "__dict__", None)
    for name in ("write", "read_messages"):
        if not isinstance(held, dict) or name in held or not isinstance(getattr(kind, name, None), FunctionType):
            return False
    reference = weakref.ref(transport)  # a transport that is let go is collected at once

    async def write(data: str) -> object:
        begins = False
        with guard("reading what Claude Code is asked"):
            begins = conversation.sends(data)
        try:
            return await kind.write(reference(), data)
        except BaseException as error:
            if begins:  # of other lines the reader learns why the process is gone
                conversation.failed(error)
            raise

    def read_messages() -> object:
        messages = kind.read_messages(reference())
        return streams.watch_generator(messages, conversation) if streams.is_generator(messages) else messages

    transport.write, transport.read_messages = write, read_messages
    return True
