"""Teaches schemathesis the bodies that are not JSON: records of a journal, and OTLP in protobuf."""

from __future__ import annotations

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson", "application/x-protobuf")
def as_bytes(_context: Any, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value, default=repr)).encode("utf-8", "replace")
