"""Snippets: the first place of searched words in the texts of each trace, with a little text around it."""

from __future__ import annotations

from collections.abc import Sequence

from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.places import spans_of, traces_of
from tracer.store.clickhouse.spans import ENDED, HIDDEN
from tracer.store.rows import Snippet
from tracer.store.sqlite.snippets import snippet_around


def snippets(connection: Connection, trace_ids: Sequence[str], text: str) -> dict[str, Snippet]:
    """The first place of the text in each trace that has it in a span that ended, in the order of the spans' ends."""
    if not text or not trace_ids:
        return {}
    ids, listed = spans_of(trace_ids), traces_of(trace_ids)
    rows = connection.rows(
        "SELECT s.trace_id, s.span_id, if(s.said = '', s.low, s.said) FROM spans AS s FINAL"
        f" WHERE {ids.text} AND s.rank BETWEEN {ENDED} AND {HIDDEN - 1} AND position(s.low, ?) > 0"
        f" AND (s.trace_id, s.life) IN (SELECT trace_id, life FROM traces FINAL WHERE {listed.text} AND NOT deleted)"
        " ORDER BY s.trace_id, s.at, s.place LIMIT 1 BY s.trace_id",
        [*ids.parameters, text.lower(), *listed.parameters],
    )
    found = {trace_id: snippet_around(span_id, said, text) for trace_id, span_id, said in rows}
    return {trace_id: snippet for trace_id in trace_ids if (snippet := found.get(trace_id)) is not None}
