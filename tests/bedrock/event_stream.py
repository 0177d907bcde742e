"""AWS's binary encoding of event streams, written by its specification (application/vnd.amazon.eventstream)."""

from __future__ import annotations

import base64
import binascii
import json
import struct
import threading
from typing import Any

from tests.openai.server import Break, Scripted

CONTENT_TYPE = "application/vnd.amazon.eventstream"


def message(payload: bytes, **headers: str) -> bytes:
    """One message: a prelude with its checksum, headers, payload, and a checksum over all of it."""
    encoded = b"".join(_header(f":{name.replace('_', '-')}", value) for name, value in headers.items())
    prelude = struct.pack(">II", 12 + len(encoded) + len(payload) + 4, len(encoded))
    checked = prelude + struct.pack(">I", binascii.crc32(prelude)) + encoded + payload
    return checked + struct.pack(">I", binascii.crc32(checked))


def _header(name: str, value: str) -> bytes:
    text = 7
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", text, len(value)) + value.encode()


def event(kind: str, **fields: Any) -> bytes:
    """An event with a payload of JSON."""
    payload = json.dumps(fields).encode()
    return message(payload, event_type=kind, content_type="application/json", message_type="event")


def chunk(content: Any, **fields: Any) -> bytes:
    """A chunk of invoke_model's, whose content is JSON, or of an agent's, whose content is text."""
    encoded = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    return event("chunk", bytes=base64.b64encode(encoded).decode(), p="abcd", **fields)


def exception(kind: str, text: str) -> bytes:
    """An exception in the middle of a stream."""
    payload = json.dumps({"message": text}).encode()
    return message(payload, exception_type=kind, content_type="application/json", message_type="exception")


def stream(*steps: bytes | Break | threading.Event, **headers: str) -> Scripted:
    """An answer that is such a stream; BREAK and events of threads are obeyed."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Scripted(list(steps), 200, named, CONTENT_TYPE, is_stream=True)
