"""``tracer evaluations``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracer.cli.options import examples, json_option, store_option

if TYPE_CHECKING:
    from tracer._json import JsonObject
    from tracer.store import RunRow, RunSums, Store

_NS_PER_MS = 1_000_000


@click.command(
    "evaluations",
    epilog=examples(
        "tracer evaluations",
        'tracer evaluations --filter "metrics.rows > 10" --limit 5',
        "tracer evaluations 0f3a… --baseline 9c1b…",
    ),
)
@click.argument("run_id", required=False, metavar="[RUN]")
@click.option("--baseline", metavar="FILE|RUN", help="Earlier result to compare RUN with: a file, or a run's id.")
@click.option("--filter", "filter_string", metavar="FILTER", help="Only runs that meet this, as in search_runs.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many runs at most.")
@json_option("One JSON object a line: latency in ms, cost in USD; of RUN its metrics and its comparison.")
@store_option
def command(
    run_id: str | None,
    baseline: str | None,
    filter_string: str | None,
    limit: int,
    as_json: bool,
    store_url: str | None,
) -> None:
    """List evaluations, newest first, or show one, also beside an earlier one."""
    from tracer.cli.reading import store_for_reading

    if run_id is None and baseline is not None:
        raise click.UsageError("--baseline wants a RUN to compare with it.")
    store = store_for_reading(store_url)
    if run_id is None:
        _list(store, filter_string, limit, as_json)
    else:
        _show(run_id, baseline, as_json)


def _list(store: Store, filter_string: str | None, limit: int, as_json: bool) -> None:
    from tracer._tracking.stored_evaluations import find_evaluations
    from tracer.cli.screen import Screen, note

    runs = find_evaluations(store, filter_string)[:limit]
    sums = {each.run_id: each for each in store.run_sums([run.run_id for run in runs])}
    names = {model.model_id: model.name for model in store.models()}
    found = [_summary(run, sums.get(run.run_id), names) for run in runs]
    screen = Screen()
    if as_json:
        for summary in found:
            screen.json(summary)
    elif found:
        for line in _table(found):
            screen.print(line)
    else:
        note("no evaluations; tracer evaluate makes one.")


def _summary(run: RunRow, sums: RunSums | None, names: dict[str, str]) -> JsonObject:
    from tracer._tracking.stored_evaluations import versions_of
    from tracer.semconv import EVALUATED_DATASET

    rows = run.metrics.get("rows", sums.trace_count if sums else 0)
    share = run.metrics.get("error_share")
    return {
        "run_id": run.run_id,
        "name": run.name,
        "status": run.status,
        "started": run.started // _NS_PER_MS,
        "versions": [names.get(model_id, model_id) for model_id in versions_of(run, sums)],
        "dataset": run.tags.get(EVALUATED_DATASET),
        "rows": round(rows),
        "failed": round(share * rows) if share is not None else sums.error_count if sums else 0,
        "latency_p50_ms": sums.latency_p50_ms if sums else None,
        "cost": sums.cost if sums else None,
        "scores": {score.name: {"mean": score.mean, "count": score.count} for score in sums.scores} if sums else {},
    }


def _table(found: list[JsonObject]) -> list[str]:
    from tracer.cli.table import aligned
    from tracer.cli.wording import count, duration, moment, money

    names = sorted({name for summary in found for name in summary["scores"]})
    heads = ["started", "run", "name", "version", "dataset", "rows", "failed", "p50", "cost", *names]
    rows: list[list[object]] = [
        [
            moment(each["started"] * _NS_PER_MS),
            each["run_id"],
            each["name"] if each["status"] == "FINISHED" else f"{each['name']} ({each['status'].lower()})",
            ", ".join(each["versions"]) or "-",
            each["dataset"] or "-",
            count(each["rows"]),
            count(each["failed"]),
            "-" if each["latency_p50_ms"] is None else duration(each["latency_p50_ms"] * _NS_PER_MS),
            money(each["cost"]),
            *(_score(each["scores"].get(name)) for name in names),
        ]
        for each in found
    ]
    return aligned([heads, *rows])


def _score(score: JsonObject | None) -> str:
    if score is None:
        return "-"
    mean = "" if score["mean"] is None else f"{score['mean']:.3g} "
    return f"{mean}({score['count']})"


def _show(run_id: str, baseline: str | None, as_json: bool) -> None:
    from dataclasses import asdict

    from tracer._tracking.evaluation import get_evaluation
    from tracer.cli.evaluating import baseline_of, print_result
    from tracer.cli.screen import Screen

    result = get_evaluation(run_id)
    comparison = None if baseline is None else result.compare(baseline_of(baseline))
    screen = Screen()
    if not as_json:
        print_result(screen, result, comparison)
        return
    compared = None if comparison is None else {name: asdict(score) for name, score in comparison.scores.items()}
    screen.json({"run_id": result.run_id, "metrics": result.metrics, "comparison": compared})
