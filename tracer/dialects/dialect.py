"""A dialect: how another instrumentation names what a span holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer.dialects.reading import Reading


@dataclass(frozen=True)
class Dialect:
    """Reads the spans of one instrumentation.

    :param name: what it is called in logs.
    :param prefixes: first words of attributes' names, up to the dot; a span with any of them is read.
    :param read: brings what it knows of a span to the names of the conventions; does nothing else.
    :param scopes: names of OpenTelemetry tracers whose spans are read too, also without such an attribute.
    """

    name: str
    prefixes: frozenset[str]
    read: Callable[[Reading], None]
    scopes: frozenset[str] = frozenset()
