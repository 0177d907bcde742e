"""Takes base64 content out of JSON, to be kept once under its digest."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Any

import orjson

from tracer._encoding.bounds import MEDIA_KEYS
from tracer._encoding.media import media_type
from tracer._json import LONG_TEXT
from tracer._redaction.redactor import REDACT_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracer._records.record import AttachmentRecord

ATTACHMENT_SCHEME = "tracer-attachment:"
_ATTACHMENT = b'{"kind":"attachment"'
_TEXT_URL_SAFE = str.maketrans("-_", "+/")
_SMALLEST = LONG_TEXT  # characters of base64; below, an attachment costs more than it saves
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-="

_DATA_URL = re.compile(rb"data:([\w.+-]+/[\w.+-]+)(?:;[\w=.+-]+)*;base64,([A-Za-z0-9+/_-]{%d,}={0,2})" % _SMALLEST)
_BARE_KEYS = tuple(key.encode() for key in MEDIA_KEYS if key != "images")
_BARE = re.compile(rb'"(%s)":"([A-Za-z0-9+/]{%d,}={0,2})"' % (b"|".join(_BARE_KEYS), _SMALLEST))
_BARE_NEEDLES = tuple(b'"%s":"' % key for key in _BARE_KEYS)
_IMAGES = re.compile(rb'"images":\[("[A-Za-z0-9+/=]+"(?:,"[A-Za-z0-9+/=]+")*)\]')


# long base64 is found in every eighth byte: a run of these characters that prose does not have
_STEP = 8
_TO_BASE64_OR_NOT = bytes(ord("x") if chr(i) in _BASE64 else ord(" ") for i in range(256))
_RUN = b" " + b"x" * (_SMALLEST // _STEP - 1)  # JSON begins with something else


def take_out(encoded: bytes, redact: Callable[[bytes], bytes] = REDACT_DEFAULT) -> tuple[bytes, list[AttachmentRecord]]:
    """The JSON with references where base64 content was, and the content; what is text in it is redacted."""
    if len(encoded) < _SMALLEST or _RUN not in encoded[::_STEP].translate(_TO_BASE64_OR_NOT):
        return encoded, []
    found = _Found(redact)
    if b";base64," in encoded:
        encoded = _DATA_URL.sub(lambda m: _reference(m[1].decode(), m[2], found) or m[0], encoded)
    if any(needle in encoded for needle in _BARE_NEEDLES):
        encoded = _BARE.sub(lambda m: _in_quotes(m, found), encoded)
    if b'"images":["' in encoded:
        encoded = _IMAGES.sub(lambda m: b'"images":[' + _each(m[1], found) + b"]", encoded)
    return encoded, found


_REFERENCE = re.compile(ATTACHMENT_SCHEME + r"([0-9a-f]{64});([^;]*);\d+")
_AS_BARE = MEDIA_KEYS - {"file_data"}  # keys below which providers want base64 alone, elsewhere a data URL


def put_back(value: Any, content_of: Callable[[str], tuple[str, bytes] | None], key: str = "") -> Any:
    """The value with its content in the place of references, as near as can be told to what it was.

    ``content_of`` gives media type and content by the digest, None where it is gone; the reference stays then.
    """
    if isinstance(value, dict):
        return {name: put_back(item, content_of, name) for name, item in value.items()}
    if isinstance(value, list):
        return [put_back(item, content_of, key) for item in value]
    if not isinstance(value, str) or ATTACHMENT_SCHEME not in value:
        return value

    def restored(match: re.Match[str]) -> str:
        found = content_of(match[1])
        if found is None:
            return match[0]
        content = base64.b64encode(found[1]).decode()
        is_bare = key in _AS_BARE and match[0] == value
        return content if is_bare else f"data:{match[2]};base64,{content}"

    return _REFERENCE.sub(restored, value)


class _Found(list["AttachmentRecord"]):
    """The content that was taken out, and the redaction of what is text."""

    def __init__(self, redact: Callable[[bytes], bytes]) -> None:
        self.redact = redact


def without_secrets_in_text(content: bytes, redact: Callable[[bytes], bytes] = REDACT_DEFAULT) -> bytes:
    """The content of an attachment, redacted if it is text."""
    if b"\0" in content[:1024] or media_type(content) not in (None, "image/svg+xml"):
        return content
    try:
        line = orjson.dumps({"text": content.decode()})
    except UnicodeDecodeError:
        return content
    redacted = redact(line)
    if redacted == line:
        return content
    return str(orjson.loads(redacted).get("text", "[REDACTED]")).encode()


def redacted_line(line: bytes, redact: Callable[[bytes], bytes] = REDACT_DEFAULT) -> bytes | None:
    """An encoded record without secrets; None for an attachment that holds one, whose name is its content's digest.

    The base64 of an attachment is not text: what looks like a secret in it is none.
    """
    if not line.startswith(_ATTACHMENT):
        return redact(line)
    try:
        content = base64.b64decode(orjson.loads(line)["content"].translate(_TEXT_URL_SAFE))
    except (orjson.JSONDecodeError, KeyError, AttributeError, ValueError):
        return line  # refused by the store
    return line if without_secrets_in_text(content, redact) is content else None


def _in_quotes(match: re.Match[bytes], found: _Found) -> bytes:
    reference = _reference(None, match[2], found)
    return b'"%s":"%s"' % (match[1], reference) if reference else match[0]


def _each(quoted: bytes, found: _Found) -> bytes:
    items = [item.strip(b'"') for item in quoted.split(b",")]
    references = [_reference(None, item, found) if len(item) >= _SMALLEST else None for item in items]
    return b",".join(b'"%s"' % (reference or item) for reference, item in zip(references, items))


def _reference(mime: str | None, content: bytes, found: _Found) -> bytes | None:
    content = content.translate(_URL_SAFE)
    try:
        plain = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        return None
    redacted = without_secrets_in_text(plain, found.redact)
    if redacted is not plain:
        plain, content = redacted, base64.b64encode(redacted)
    mime = mime or media_type(plain) or "application/octet-stream"
    digest = hashlib.sha256(plain).hexdigest()
    found.append({"kind": "attachment", "id": digest, "mime": mime, "content": content.decode()})
    return attachment_uri(digest, mime, len(plain)).encode()


_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def attachment_uri(digest: str, mime: str, size: int) -> str:
    """The reference that replaces binary content in a payload: scheme, sha256, media type and size in bytes."""
    return f"{ATTACHMENT_SCHEME}{digest};{mime};{size}"
