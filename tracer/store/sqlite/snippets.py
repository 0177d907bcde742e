"""Snippets: the first place of searched words in the texts of each trace, with a little text around it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

from tracer.store.rows import Snippet
from tracer.store.sqlite.blocks import PACKED
from tracer.store.sqlite.compile import BLOCK_OF_SPAN
from tracer.store.sqlite.fulltext import part_terms
from tracer.store.sqlite.schema import POSITION_BITS, POSITION_MASK

_AROUND = 60  # characters before the words
_AFTER = 160
_TEXT = f"tracer_text(c.id, {PACKED}, (s.id & {POSITION_MASK}) - c.first)"


def snippets(connection: sqlite3.Connection, trace_ids: Sequence[str], text: str) -> dict[str, Snippet]:
    """The first place of the text in each trace that has it in a span that ended, in the order of the spans' ends."""
    terms = part_terms(connection, [text])
    if not text or terms is None:
        return {}
    tables = f"texts CROSS JOIN spans s ON s.id = texts.rowid {BLOCK_OF_SPAN}" if terms else f"spans s {BLOCK_OF_SPAN}"
    matching = "texts MATCH ? AND texts.rowid" if terms else "s.id"
    sql = (
        f"SELECT s.span_id, {_TEXT} AS said FROM {tables} WHERE {matching} BETWEEN ? AND ?"
        " AND tracer_contains(said, ?) LIMIT 1"
    )
    found: dict[str, Snippet] = {}
    for trace_id in dict.fromkeys(trace_ids):
        row = connection.execute("SELECT num FROM traces WHERE trace_id = ?", (trace_id,)).fetchone()
        if row is None:
            continue
        low = row[0] << POSITION_BITS
        place = [" AND ".join(terms)] if terms else []
        hit = connection.execute(sql, [*place, low, low | POSITION_MASK, text]).fetchone()
        snippet = snippet_around(hit[0], hit[1], text) if hit else None
        if snippet:
            found[trace_id] = snippet
    return found


def snippet_around(span_id: str, said: str, text: str) -> Snippet | None:
    """The first place of a text in a span's text."""
    hit = re.search(re.escape(text), said, re.IGNORECASE)
    if hit is None:  # letters whose lower case is longer
        return None
    start = max(0, hit.start() - _AROUND)
    if start:
        start = said.find(" ", start, hit.start()) + 1 or start
    end = hit.end() + _AFTER
    before = ("…" if start else "") + said[start : hit.start()]
    after = said[hit.end() : end] + ("…" if end < len(said) else "")
    return Snippet(span_id, *(re.sub(r"\s+", " ", part) for part in (before, hit.group(), after)))
