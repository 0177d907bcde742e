"""``tracer evaluate``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer.cli.options import examples, json_option, store_option

if TYPE_CHECKING:
    from tracer._tracking.evaluation_comparison import EvaluationComparison
    from tracer._tracking.evaluation_result import EvaluationResult
    from tracer.cli.screen import Screen

_NAMES = ("data", "predict_fn", "scorers")
_SHOWN = 5  # rows that got worse


@click.command(
    "evaluate",
    epilog=examples(
        "tracer evaluate evaluation.py",
        "tracer evaluate evaluation.py --require correctness/mean=0.9 --require error_share=0",
        "tracer evaluate evaluation.py --baseline baseline.json",
        "tracer evaluate evaluation.py --version my-agent-v2 --save baseline.json",
    ),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--version", "version", metavar="NAME", help="Version that the traces belong to; a new name makes one.")
@click.option(
    "--require", "required", multiple=True, metavar="METRIC=NUMBER",
    help="Least value of a metric, the greatest of one of errors; may be repeated.",
)  # fmt: skip
@click.option("--baseline", metavar="FILE|RUN", help="Earlier result to be no worse than: a file, or a run's id.")
@click.option(
    "--significance", type=click.FloatRange(0, 1), default=1.0, show_default=True, metavar="P",
    help="Greatest p-value at which a score that got worse counts; 0.05 asks for proof.",
)  # fmt: skip
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), help="File for the result, a later baseline.")
@click.option("--max-cost", type=float, metavar="USD", help="Start no further row once this was spent.")
@click.option("--workers", type=click.IntRange(1), default=8, show_default=True, help="Rows at once.")
@click.option("--resume", metavar="RUN", help="Go on with a run that was interrupted.")
@json_option("One JSON object: the metrics, and what is wrong.")
@store_option
def command(
    file: Path,
    version: str | None,
    required: tuple[str, ...],
    baseline: str | None,
    significance: float,
    save: Path | None,
    max_cost: float | None,
    workers: int,
    resume: str | None,
    as_json: bool,
    store_url: str | None,
) -> None:
    """Evaluate an app, and end with 1 where it is not good enough.

    FILE is Python that defines data and scorers, and predict_fn unless the data has outputs or traces; they are what
    tracer.genai.evaluate takes.
    """
    from contextlib import nullcontext

    from tracer._tracking.evaluation import evaluate
    from tracer._tracking.versions import set_active_model
    from tracer.cli.reading import store_place
    from tracer.cli.screen import Screen
    from tracer.cli.wording import clean_line

    store_place(store_url)
    limits = [_limit(each) for each in required]
    earlier = None if baseline is None else baseline_of(baseline)
    given = _defined_in(file)
    with nullcontext() if version is None else set_active_model(version):
        result = evaluate(**given, workers=workers, max_cost=max_cost, resume=resume, run_name=file.stem)
    comparison = None if earlier is None else result.compare(earlier)
    wrong = [*_missed(result, limits), *_worse(comparison, significance)]
    keeps_baseline = (
        bool(wrong) and save is not None and baseline is not None and save.resolve() == Path(baseline).resolve()
    )
    if save is not None and not keeps_baseline:
        result.save(save)
    screen = Screen()
    if as_json:
        screen.json({"run_id": result.run_id, "metrics": result.metrics, "wrong": wrong})
    else:
        print_result(screen, result, comparison)
        for each in wrong:
            screen.print(f"✗ {clean_line(each)}")
        if keeps_baseline:
            screen.print(f"{save} stays as it was")
    if wrong:
        raise click.exceptions.Exit(1)


def _defined_in(file: Path) -> dict[str, Any]:
    """The evaluation's arguments from the file, which is run as a module that imports others beside it."""
    sys.path.insert(0, str(file.resolve().parent))
    name = file.stem if file.stem.isidentifier() else "evaluation"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise click.UsageError(f"{file} is no Python file.")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    given = {name: getattr(module, name) for name in _NAMES if hasattr(module, name)}
    missing = [name for name in ("data", "scorers") if name not in given]
    if missing:
        raise click.UsageError(f"{file} defines no {' and no '.join(missing)}; it may define {', '.join(_NAMES)}.")
    return given


def _limit(text: str) -> tuple[str, float]:
    metric, _, number = text.rpartition("=")
    try:
        return metric, float(number)
    except ValueError:
        raise click.UsageError(f"--require {text!r}: expected METRIC=NUMBER, such as correctness/mean=0.9.") from None


def baseline_of(name: str) -> EvaluationResult:
    """The result in a file, or of a run."""
    from tracer._tracking.evaluation import get_evaluation
    from tracer._tracking.evaluation_result import EvaluationResult

    return EvaluationResult.load(name) if Path(name).is_file() else get_evaluation(name)


def _missed(result: EvaluationResult, limits: list[tuple[str, float]]) -> list[str]:
    from tracer._tracking.evaluation_result import scores_that_failed

    wrong = []
    for metric, limit in limits:
        name = metric if metric in result.metrics else f"{metric}/mean"
        value = result.metrics.get(name, 0.0 if metric.endswith("/errors") else None)
        is_most = metric == "error_share" or metric.endswith("/errors")
        if value is None:
            wrong.append(f"there is no metric {metric}; there are {', '.join(result.metrics)}")
        elif value > limit if is_most else value < limit:
            wrong.append(f"{name} is {value:.4g}, required is at {'most' if is_most else 'least'} {limit:.4g}")
    wrong += [f"there is no score {name}, {why}" for name, why in scores_that_failed(result.rows).items()]
    if result.left_out:
        wrong.append(f"{result.left_out} rows were not asked: tracer evaluate --resume {result.run_id} goes on")
    return wrong


def _worse(comparison: EvaluationComparison | None, significance: float) -> list[str]:
    if comparison is None:
        return []
    if not comparison.scores:
        return ["no row of the baseline is among those of this result, or none has a score"]
    found = [comparison.scores[name] for name in comparison.got_worse(significance)]
    return [
        f"{score.name} got worse: worse in {score.worse}, better in {score.better}, p = {score.p_value:.2g}"
        for score in found
    ]


def print_result(screen: Screen, result: EvaluationResult, comparison: EvaluationComparison | None) -> None:
    """Metrics, rows that failed or have no score, and with a baseline the rows that got better and worse."""
    from tracer.cli.wording import clean, clean_line

    width = max(map(len, result.metrics), default=0)
    for name, value in result.metrics.items():
        screen.print(f"{clean_line(name).ljust(width)}  {value:.4g}")
    for row in [row for row in result.rows if row.error is not None][:_SHOWN]:
        screen.print(clean_line(f"failed: {row.inputs!r:.60}: {row.error}"))
    unscored = [(row, score) for row in result.rows for score in row.scores if score.error is not None]
    for row, score in unscored[:_SHOWN]:
        screen.print(clean_line(f"not scored: {row.inputs!r:.60}: {score.name}: {score.error}"))
    if comparison is not None:
        screen.print()
        for line in str(comparison).splitlines():
            screen.print(clean(line))
        for worse in comparison.rows_that_got("worse")[:_SHOWN]:
            before, after = ("failed" if value is None else f"{value:.3g}" for value in (worse.before, worse.after))
            trace = f"  tracer show {worse.trace_id}" if worse.trace_id else ""
            name, inputs = clean_line(worse.name), clean_line(f"{worse.inputs!r:.60}")
            screen.print(f"worse: {inputs}  {name} {before} → {after}{trace}")
    screen.print()
    screen.print(f"run {result.run_id}")
