"""An evaluation and a version as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tracer._notebook.html import Html, Room, element, joined, page, table
from tracer._tracking.evaluation_result import EvaluatedRow, EvaluationResult
from tracer._tracking.logged_model import LoggedModel
from tracer.cli import wording
from tracer.cli.values import one_line

_CHARACTERS = 200_000
_LONGEST_CELL = 400
_ROWS_SHOWN = 100


def evaluation_html(result: EvaluationResult) -> str:
    """The figures of an evaluation, and its rows with their scores."""
    room = Room(_CHARACTERS)
    names = list(dict.fromkeys(score.name for row in result.rows for score in row.scores))
    rows = [_row(row, names, room) for row in result.rows[:_ROWS_SHOWN]]
    more = len(result.rows) - len(rows)
    version = f"version {result.model_id}" if result.model_id else None
    left_out = f"and {wording.how_many(more, 'more row')}: .to_pandas()" if more > 0 else None
    return page(
        joined([
            element(
                "div",
                element("span", f"Evaluation of {wording.how_many(len(result.rows), 'row')}", class_="t-name"),
                *(element("span", fact, class_="t-faint") for fact in (f"run {result.run_id}", version) if fact),
                class_="t-head",
            ),
            _pairs({name: f"{value:.4g}" for name, value in result.metrics.items()}),
            table(("inputs", "outputs", *names), rows),
            element("div", left_out, class_="t-faint") if left_out else None,
        ])
    )  # fmt: skip


def _row(row: EvaluatedRow, names: list[str], room: Room) -> list[object]:
    answer = element("span", f"✗ {_cell(row.error, room)}", class_="t-bad") if row.error else _cell(row.outputs, room)
    scores = {score.name: score for score in row.scores}
    return [_cell(row.inputs, room), answer, *(_score(scores.get(name), room) for name in names)]


def _score(score: object, room: Room) -> object:
    if score is None:
        return ""
    error, value, rationale = (getattr(score, name) for name in ("error", "value", "rationale"))
    if error is not None:
        return element("span", f"✗ {_cell(error, room)}", class_="t-bad")
    because = element("span", f" {_cell(rationale, room)}", class_="t-faint") if rationale else None
    return joined([_cell(value, room), because])


def version_html(model: LoggedModel) -> str:
    """A version of an app: what it is called, and what was set on it."""
    made = datetime.fromtimestamp(model.creation_timestamp / 1000).astimezone()
    facts = [model.status.value.lower(), model.model_type, f"{made:%Y-%m-%d %H:%M}", model.model_id]
    named: tuple[tuple[str, Mapping[str, object]], ...] = (
        ("params", model.params),
        ("tags", model.tags),
        ("metrics", model.metrics),
    )
    return page(
        joined([
            element(
                "div",
                element("span", wording.clean_line(model.name), class_="t-name"),
                *(element("span", fact, class_="t-faint") for fact in facts if fact),
                class_="t-head",
            ),
            *(joined([element("div", title, class_="t-role"), _pairs(values)]) for title, values in named if values),
        ])
    )  # fmt: skip


def _pairs(values: Mapping[str, object]) -> Html:
    room = Room(_CHARACTERS)
    cells = ((element("b", _cell(name, room)), _cell(value, room)) for name, value in values.items())
    return element("table", *(element("tr", *(element("td", cell) for cell in row)) for row in cells))


def _cell(value: object, room: Room) -> str:
    return "" if value is None else room.fitted(one_line(value), _LONGEST_CELL)
