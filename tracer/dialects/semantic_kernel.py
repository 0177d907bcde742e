"""semantic-kernel: its loop of calls and tools, and the name of a Python enumeration before finish reasons.

Source: semantic-kernel 1.45. Messages are records of its log, and not in its spans.
"""

from __future__ import annotations

from tracer import semconv
from tracer.dialects.dialect import Dialect
from tracer.dialects.reading import Reading
from tracer.semconv import SpanType

_ENUMERATION = "FinishReason."


def read(reading: Reading) -> None:
    """Read the attributes of semantic-kernel."""
    if reading.get("sk.available_functions") is not None:
        reading.is_a(SpanType.CHAIN)
    reason = reading.get("gen_ai.response.finish_reason")
    if isinstance(reason, str) and reason.startswith(_ENUMERATION):
        reading.take("gen_ai.response.finish_reason")
        reading.put_plain(semconv.RESPONSE_FINISH_REASONS, [reason.removeprefix(_ENUMERATION).lower()])


DIALECT = Dialect("semantic_kernel", frozenset({"sk", "gen_ai"}), read)
