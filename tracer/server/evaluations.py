"""Evaluations: the list, and the rows of one with their scores, beside those of another one."""

from __future__ import annotations

from collections.abc import Sequence

from tracer._json import JsonObject
from tracer._tracking.stored_evaluations import ComparedRuns, StoredRow, find_evaluations, traces_of_run, versions_of
from tracer.errors import InvalidArgumentError
from tracer.semconv import EVALUATED_DATASET, EVALUATION_ROWS, JUDGE_TRACE
from tracer.server.answer import AnswerError
from tracer.server.evaluation_lines import SHOWN, Line, ReadEvaluations, ordered
from tracer.server.operation import Call
from tracer.store import RunRow, RunSums, Store
from tracer.store.filter import parse_filter

_NS_PER_MS = 1_000_000


def list_evaluations(call: Call) -> JsonObject:
    """One page of the runs that are evaluations, newest first."""
    query = call.query
    seq = call.store.change_number()
    runs = find_evaluations(
        call.store, query["filter"] or None, words=query["words"] or "", model_id=query["model_id"] or None
    )
    after = _place(query["page_token"])
    left = [run for run in runs if after is None or _order_of(run) > after]
    page = left[: query["limit"]]
    sums = {each.run_id: each for each in call.store.run_sums([run.run_id for run in page])}
    names = _names(call.store)
    return {
        "evaluations": [_in_list(run, sums.get(run.run_id), names) for run in page],
        "total": len(runs),
        "next_page_token": f"{page[-1].started}.{page[-1].run_id}" if len(left) > len(page) else None,
        "seq": seq,
    }


def _order_of(run: RunRow) -> tuple[int, str]:
    return -run.started, run.run_id


def _place(token: str | None) -> tuple[int, str] | None:
    if token is None:
        return None
    started, _, run_id = token.partition(".")
    if not started.lstrip("-").isdecimal() or not run_id:
        raise InvalidArgumentError(f"page_token is {token[:40]!r}, none of ours")
    return -int(started), run_id


def list_run_sums(call: Call) -> JsonObject:
    """The sums of the traces of runs."""
    run_ids = call.body.get("run_ids")
    if not isinstance(run_ids, list) or not all(isinstance(run_id, str) for run_id in run_ids) or len(run_ids) > 1000:
        raise InvalidArgumentError("run_ids is no list of at most 1000 texts")
    return {"runs": [_sums(sums) for sums in call.store.run_sums(run_ids)]}


def _sums(sums: RunSums) -> JsonObject:
    return {
        "run_id": sums.run_id,
        "trace_count": sums.trace_count,
        "error_count": sums.error_count,
        "usage": sums.usage,
        "cost": _cost(sums),
        "latency_ns": _latency(sums),
        "model_ids": sums.model_ids,
        "scores": [vars(score) for score in sums.scores],
    }


def _cost(sums: RunSums) -> dict[str, float] | None:
    return None if sums.cost is None else {"total_cost": sums.cost}


def _latency(sums: RunSums) -> dict[str, int]:
    percentiles = {"p50": sums.latency_p50_ms, "p95": sums.latency_p95_ms, "p99": sums.latency_p99_ms}
    return {name: round(ms * _NS_PER_MS) for name, ms in percentiles.items()}


def _names(store: Store) -> dict[str, str]:
    return {row.model_id: f"{row.name} (deleted)" if row.deleted else row.name for row in store.models()}


def _in_list(run: RunRow, sums: RunSums | None, names: dict[str, str]) -> JsonObject:
    """A run with what its traces come to; of traces that are gone what the evaluation said itself at its end."""
    said = run.metrics if run.status != "RUNNING" else {}
    rows = said.get("rows", sums.trace_count if sums else 0)
    failed = said["error_share"] * rows if "error_share" in said else sums.error_count if sums else 0
    scores = [{**vars(score), "texts": []} for score in sums.scores] if sums else _said_scores(said)
    return _evaluation(run, sums, names, round(rows), round(failed), scores)


def _said_scores(metrics: dict[str, float]) -> list[JsonObject]:
    means = {name.removesuffix("/mean"): value for name, value in metrics.items() if name.endswith("/mean")}
    return [
        {"name": name, "count": None, "mean": mean, "failed": int(metrics.get(f"{name}/errors", 0)), "texts": []}
        for name, mean in means.items()
    ]


def _evaluation(
    run: RunRow, sums: RunSums | None, names: dict[str, str], rows: int, failed: int, scores: list[JsonObject]
) -> JsonObject:
    expected = run.tags.get(EVALUATION_ROWS, "")
    return {
        "run_id": run.run_id,
        "name": run.name,
        "status": run.status,
        "experiment": run.experiment,
        "started_ns": run.started,
        "ended_ns": run.ended,
        "tags": run.tags,
        "params": run.params,
        "metrics": run.metrics,
        "dataset": run.tags.get(EVALUATED_DATASET),
        "versions": [{"model_id": each, "name": names.get(each, each)} for each in versions_of(run, sums)],
        "row_count": rows,
        "expected_rows": int(expected) if expected.isdecimal() else None,
        "failed_count": failed,
        "usage": sums.usage if sums else None,
        "cost": _cost(sums) if sums else None,
        "latency_ns": _latency(sums) if sums else None,
        "scores": scores,
    }


def get_evaluation(call: Call) -> JsonObject:
    """One evaluation with a page of its rows; with a base beside the rows of another one."""
    query, store = call.query, call.store
    seq = store.change_number()
    run = _run(store, call.path["run_id"])
    base = _run(store, query["base"]) if query["base"] else None
    show, start = query["show"], _start(query["page_token"])
    if show not in SHOWN:
        raise InvalidArgumentError(f"show is {show[:40]!r}, expected one of {', '.join(SHOWN)}")
    read = _read.lines(store, run.run_id, base.run_id if base else None)
    met = _ids_that_meet(store, [run.run_id, *([base.run_id] if base else [])], query["filter"])
    chosen = [line for line in read.lines if show in line.kinds and (met is None or line.stored.trace.trace_id in met)]
    lines = ordered(chosen, query["order_by"] or ("worse" if base else "row"))
    page = lines[start : start + query["limit"]]
    names = _names(store)
    reasons = _reasons(store, page)
    end = start + len(page)
    return {
        "evaluation": _whole(run, read.sums, read.texts, names),
        "base": None if base is None else _whole(base, read.base_sums, read.base_texts, names),
        "comparison": None if read.compared is None else _comparison(read.compared),
        "counts": read.counts,
        "rows": [_row(line, reasons) for line in page],
        "total": len(lines),
        "next_page_token": str(end) if end < len(lines) else None,
        "seq": seq,
    }


def _run(store: Store, run_id: str) -> RunRow:
    found = store.runs(run_id=run_id)
    if not found:
        raise AnswerError(404, f"no run has the id {run_id[:40]!r}; it may have been deleted")
    return found[0]


def _start(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal() or len(token) > 9:
        raise InvalidArgumentError(f"page_token is {token[:40]!r}, none of ours")
    return int(token)


_read = ReadEvaluations()


def _ids_that_meet(store: Store, run_ids: Sequence[str], filter: str | None) -> set[str] | None:
    expression = parse_filter(filter)
    if expression is None:
        return None
    return {trace.trace_id for run_id in run_ids for trace in traces_of_run(store, run_id, expression)}


def _reasons(store: Store, page: list[Line]) -> dict[str, str]:
    """Why the app failed, by trace id."""
    shown = [each for line in page for each in (line.stored, line.partner) if each is not None]
    failed = {each.trace.trace_id: each.trace for each in shown if each.row.error is not None}
    found: dict[str, str] = {}
    for trace_id, spans in store.spans_of(list(failed), payload=False).items():
        root = next((span for span in spans if span["span_id"] == failed[trace_id].root_span_id), {})
        found[trace_id] = root.get("message") or "it failed"
    return found


def _whole(run: RunRow, sums: RunSums, texts: dict[str, dict[str, int]], names: dict[str, str]) -> JsonObject:
    scores = [
        {**vars(score), "texts": [{"text": text, "count": count} for text, count in texts[score.name].items()]}
        for score in sums.scores
    ]
    return _evaluation(run, sums, names, sums.trace_count, sums.error_count, scores)


def _comparison(compared: ComparedRuns) -> JsonObject:
    scores = compared.comparison.scores.values()
    return {
        "scores": [{**vars(score), "may_be_chance": score.may_be_chance} for score in scores],
        "joined": len(compared.partners),
        "only_in_run": len(compared.comparison.only_after),
        "only_in_base": len(compared.comparison.only_before),
    }


def _row(line: Line, reasons: dict[str, str]) -> JsonObject:
    partner = line.partner
    return {
        "id": line.stored.row.id,
        "only_in": line.only_in,
        "request_preview": line.stored.trace.request_preview,
        "expectations": line.stored.row.expectations,
        "tags": line.stored.trace.tags,
        "answer": _answer(line.stored, reasons),
        "base": None if partner is None else _answer(partner, reasons),
        "changes": line.changes,
    }


def _answer(stored: StoredRow, reasons: dict[str, str]) -> JsonObject:
    trace = stored.trace
    return {
        "trace_id": trace.trace_id,
        "root_span_id": trace.root_span_id,
        "model_id": trace.model_id,
        "state": trace.state,
        "error": reasons.get(trace.trace_id),
        "response_preview": trace.response_preview,
        "start_ns": trace.start,
        "duration_ns": trace.duration,
        "cost": trace.cost,
        "scores": [
            {
                "name": score.name,
                "value": score.value,
                "number": score.number,
                "rationale": score.rationale,
                "error": score.error,
                "source": None if score.source is None else score.source.source_id,
                "judge_trace_id": score.metadata.get(JUDGE_TRACE),
            }
            for score in stored.row.scores
        ],
    }
