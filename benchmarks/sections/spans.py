"""Spans of one's own: with attributes, with inputs and outputs, around a function."""

from __future__ import annotations

from functools import partial

from benchmarks.figures import Goal, Row, Sample, beside, best_peer, ratios, spreads
from benchmarks.run import Run
from benchmarks.workers import Worker

LIMIT = "bare_sdk"
LIMIT_TITLE = "the bare SDK's span with five attributes"
KINDS = {
    "attributes_span": "span with five attributes",
    "span": "span with inputs and outputs",
    "decorate": "decorated function, with arguments and result",
    "bridged_span": "span of OpenTelemetry's SDK with five attributes, recorded by a bridge",
}
SHARE = {"attributes_span": 0.2, "span": 0.4, "decorate": 0.4}
PEER_FACTOR = 8


def measure(run: Run) -> list[Row]:
    """Rows for each kind of span: in the caller's thread, and in the whole process with what follows."""
    rows = []
    with run.workers(name for name in run.environments if name != "uninstrumented") as workers:
        for what, title in KINDS.items():
            samples = _sample(run, workers, what)
            rows += [_thread_row(run, what, title, samples), _process_row(what, title, samples)]
    return rows


def _sample(run: Run, workers: dict[str, Worker], what: str) -> dict[str, list[Sample]]:
    """Everybody who has such a span and records it, beside the limit."""
    limit = partial(workers[LIMIT].do, "spans", what="attributes_span", repeats=run.size.most)
    measured = {}
    for name, worker in workers.items():
        with run.leaving_out(name, KINDS[what]):
            if worker.do("has", name=what):
                repeats = worker.do("repeats", what=what, budget_ns=run.size.batch_ms * 10**6, most=run.size.most)
                if run.records(worker, what):
                    measured[name] = beside(partial(worker.do, "spans", what=what, repeats=repeats), limit)
    return run.take_turns(KINDS[what], measured)


def _thread_row(run: Run, what: str, title: str, samples: dict[str, list[Sample]]) -> Row:
    row = Row(f"{what}.thread", f"{title}, caller's thread", "µs", spreads(samples, "thread", 1e-3))
    row.ratios, row.ratio_of = ratios(samples, "thread"), LIMIT_TITLE
    if "tracer_autolog" in row.values and what in SHARE:
        share = SHARE[what]
        row.goals.append(Goal(f"≤ {share} of {LIMIT_TITLE}", row.ratios["tracer_autolog"].median, share))
        best = best_peer(row.ratios, run.peers)
        if best is not None and what != "attributes_span":
            mine = row.ratios["tracer_autolog"].median
            goal = Goal(f"{PEER_FACTOR} times below every peer", best / mine, PEER_FACTOR, is_floor=True)
            goal.made_of = f"{best:.3g} / {mine:.3g} of {LIMIT_TITLE}"
            row.goals.append(goal)
    return row


def _process_row(what: str, title: str, samples: dict[str, list[Sample]]) -> Row:
    row = Row(f"{what}.process", f"{title}, all CPU with background work", "µs", spreads(samples, "process", 1e-3))
    row.ratios, row.ratio_of = ratios(samples, "process"), LIMIT_TITLE
    if "tracer_autolog" in row.values and what in SHARE:
        row.goals.append(Goal(f"≤ 1.0 of {LIMIT_TITLE}", row.ratios["tracer_autolog"].median, 1.0))
    return row
