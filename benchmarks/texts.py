"""Contents of large requests: prose, source, JSON and ids in turn, since a search is slower in some of them."""

from __future__ import annotations

import argparse
import inspect
import json
import random
import tarfile
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle

from benchmarks.environments import ROOT

KIND_BYTES = 30_000  # of each kind; a request that needs more begins again
_PROSE = ("openai.md", "ollama.md", "server.md", "tracing.md", "reading.md", "how-it-works.md")
_SOURCE = (argparse, inspect, tarfile)  # of no version of tracer: two of them are asked the same


def pieces(size: int) -> Iterator[str]:
    """Texts that take at most so many bytes each as JSON, of every kind in turn, for ever."""
    kinds = [prose(), source(), records(), log()]
    starts = [0] * len(kinds)
    for kind in cycle(range(len(kinds))):
        text = kinds[kind][starts[kind] :]
        if len(text) < size:
            starts[kind], text = 0, kinds[kind]
        piece = text[:size]
        while (over := len(json.dumps(piece)) - size) > 0:
            piece = piece[: -max(1, over // 2)]
        starts[kind] += len(piece)
        yield piece


@cache
def prose() -> str:
    """Pages of the documentation."""
    return "\n".join((ROOT / "docs" / name).read_text() for name in _PROSE)[:KIND_BYTES]


@cache
def source() -> str:
    """Modules of Python."""
    return "\n".join(inspect.getsource(module) for module in _SOURCE)[:KIND_BYTES]


@cache
def records() -> str:
    """JSON as a tool answers with: customers and what they ordered."""
    return _lines(
        lambda chance: json.dumps(
            {
                "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                "customer": {"number": chance.randrange(10**6), "country": chance.choice(("DE", "FR", "NL", "SE"))},
                "orders": [
                    {
                        "sku": f"{chance.getrandbits(32):08X}",
                        "count": chance.randrange(9),
                        "price": chance.random() * 90,
                    }
                    for _ in range(chance.randrange(1, 5))
                ],
                "page": f"https://shop.example.org/orders/{chance.randrange(10**9)}?from=mail&lang=en",
                "is_paid": chance.random() < 0.9,
            },
            indent=chance.choice((None, 2)),
        )
    )


@cache
def log() -> str:
    """Lines of a log: times, ids, digests."""
    return _lines(
        lambda chance: (
            f"2026-03-{chance.randrange(1, 32):02}T{chance.randrange(24):02}:00:00Z INFO request "
            f"{uuid.UUID(int=chance.getrandbits(128), version=4)} blob sha256:{chance.getrandbits(256):064x} "
            f"commit {chance.getrandbits(160):040x} took {chance.randrange(10**4)} ms"
        )
    )


def _lines(make: Callable[[random.Random], str]) -> str:
    """Lines by chance, but the same each time."""
    chance, lines, size = random.Random(1), [], 0
    while size < KIND_BYTES:
        lines.append(make(chance))
        size += len(lines[-1]) + 1
    return "\n".join(lines)[:KIND_BYTES]
