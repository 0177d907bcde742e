"""Events of Amazon's binary streams (application/vnd.amazon.eventstream), as a cassette has them: headers and JSON.

A message is its length and that of its headers with a checksum, headers, payload, and a checksum over all of it.
"""

from __future__ import annotations

import binascii
import struct

from tracer._json import JsonMapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_PRELUDE, _CHECKSUM = 12, 4
_TEXT = 7  # the type of a header


def split(content: bytes) -> tuple[list[bytes], bytes]:
    """The whole messages in these bytes, and what is left of them."""
    messages = []
    while len(content) >= _PRELUDE:
        (size,) = struct.unpack_from(">I", content)
        if not _PRELUDE + _CHECKSUM <= size <= len(content):
            break
        messages.append(content[:size])
        content = content[size:]
    return messages, content


def parsed(message: bytes) -> tuple[dict[str, str], bytes]:
    """Headers and payload. Raises ValueError where it is none, or has headers that are no text."""
    try:
        size, size_of_headers = struct.unpack_from(">II", message)
        headers, place, end = dict[str, str](), _PRELUDE, _PRELUDE + size_of_headers
        while place < end:
            name = message[place + 1 : place + 1 + message[place]]
            place += 1 + len(name)
            kind, length = struct.unpack_from(">BH", message, place)
            if kind != _TEXT:
                raise ValueError(f"a header of type {kind}")
            headers[name.decode()] = message[place + 3 : place + 3 + length].decode()
            place += 3 + length
    except (struct.error, IndexError) as error:
        raise ValueError(str(error)) from None
    return headers, message[end : size - _CHECKSUM]


def message_of(headers: JsonMapping, payload: bytes) -> bytes:
    """The bytes of a message."""
    written = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", _PRELUDE + len(written) + len(payload) + _CHECKSUM, len(written))
    checked = prelude + struct.pack(">I", binascii.crc32(prelude)) + written + payload
    return checked + struct.pack(">I", binascii.crc32(checked))


def _header(name: str, value: str) -> bytes:
    text = value.encode()
    return struct.pack(">B", len(name.encode())) + name.encode() + struct.pack(">BH", _TEXT, len(text)) + text
