"""Page tokens: the cursor at which the next page begins, bound to the query of the page before."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from tracer.errors import InvalidArgumentError


def encode_token(question: object, values: Sequence[Any]) -> str:
    """A token that only the same query accepts."""
    return base64.urlsafe_b64encode(orjson.dumps([_fingerprint(question), *values])).decode().rstrip("=")


def decode_token(token: str, question: object, count: int) -> list[Any]:
    """The values in a token. Raises InvalidArgumentError for another query's token, and for any other text."""
    try:
        fingerprint, *values = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError, binascii.Error):
        fingerprint, values = None, []
    if len(values) != count or any(isinstance(value, (list, dict)) for value in values):
        raise InvalidArgumentError(
            f"page_token {token[:40]!r} is none of ours; pass the next_page_token of the page before"
        )
    if fingerprint != _fingerprint(question):
        raise InvalidArgumentError(
            "page_token belongs to another filter or order; pass the same ones as for the page before"
        )
    return list(values)


def _fingerprint(question: object) -> str:
    return hashlib.sha256(repr(question).encode("utf-8", "replace")).hexdigest()[:12]
