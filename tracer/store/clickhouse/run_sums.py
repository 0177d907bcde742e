"""The sums of the traces of runs, and of the scores that evaluations gave in them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from tracer.semconv import EVALUATION_RUN, OVERRIDDEN_BY
from tracer.store.clickhouse.compile import LISTED, with_list
from tracer.store.clickhouse.connection import Connection
from tracer.store.numbers import finite, number_of
from tracer.store.percentiles import exact_percentiles
from tracer.store.rows import RunSums, ScoreRow
from tracer.store.sql import columns
from tracer.store.sqlite.append import plain_text
from tracer.store.sqlite.sessions import usage_shape

_YES_OR_NO = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


class _Cells(NamedTuple):
    run_id: str
    trace_id: str
    state: str
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cost: float | None
    duration: int | None
    model_id: str | None
    assessments: str


def run_sums(connection: Connection, run_ids: Sequence[str]) -> list[RunSums]:
    """One row for each of these runs that has traces."""
    if not run_ids:
        return []
    sql = LISTED.matching(with_list("run_id IN ?", run_ids))
    of: dict[str, list[_Cells]] = defaultdict(list)
    for row in connection.rows(f"SELECT {columns(_Cells)} FROM {sql.text}", sql.parameters):
        cells = _Cells._make(row)
        of[cells.run_id].append(cells)
    return [_sums(run_id, of[run_id]) for run_id in dict.fromkeys(run_ids) if run_id in of]


def _sums(run_id: str, traces: Sequence[_Cells]) -> RunSums:
    costs = [trace.cost for trace in traces if trace.cost is not None]
    versions = Counter(trace.model_id for trace in traces if trace.model_id is not None)
    tokens = (
        sum(getattr(trace, name) or 0 for trace in traces) for name in ("input_tokens", "output_tokens", "total_tokens")
    )
    return RunSums(
        run_id,
        len(traces),
        sum(trace.state == "ERROR" for trace in traces),
        usage_shape(*tokens),
        sum(costs, 0.0) if costs else None,
        *exact_percentiles([trace.duration for trace in traces if trace.duration is not None]),
        sorted(versions, key=lambda version: (-versions[version], version)),
        _scores(run_id, traces),
    )


def _scores(run_id: str, traces: Sequence[_Cells]) -> list[ScoreRow]:
    values: dict[str, list[str | None]] = defaultdict(list)
    given: dict[str, set[str]] = defaultdict(set)
    scored: dict[str, set[str]] = defaultdict(set)
    for trace in traces:
        for each in orjson.loads(trace.assessments) if trace.assessments else ():
            of_run = each["metadata"].get(EVALUATION_RUN) == run_id and OVERRIDDEN_BY not in each["metadata"]
            if each["type"] != "feedback" or not of_run:
                continue
            name, text = each["name"], plain_text(each["value"])
            values[name].append(text)
            given[name].add(trace.trace_id)
            if text is not None:
                scored[name].add(trace.trace_id)
    return [
        ScoreRow(name, sum(text is not None for text in texts), _mean(texts), len(given[name] - scored[name]))
        for name, texts in sorted(values.items())
    ]


def _mean(texts: Sequence[str | None]) -> float | None:
    numbers = [number for text in texts if text is not None and (number := _number(text)) is not None]
    return finite(sum(numbers) / len(numbers)) if numbers else None


def _number(text: str) -> float | None:
    low = text.lower()
    return _YES_OR_NO[low] if low in _YES_OR_NO else number_of(text)
