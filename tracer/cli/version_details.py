"""Details of a version: its params and tags, and of a logged model config and input example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import orjson

from tracer._json import JsonObject
from tracer._tracking.logged_model import LoggedModel, has_files
from tracer._tracking.registered_models import search_model_versions
from tracer._tracking.versions import get_logged_model
from tracer.cli.table import aligned
from tracer.cli.wording import clean, clean_line, moment

_NS_PER_MS = 1_000_000
_PLAIN = ("status", "status_message", "model_type", "source_run_id", "experiment_id")


def details_of(model_id: str) -> JsonObject:
    """The fields of a version, names that it is registered under, and details from the files of a logged model."""
    model = get_logged_model(model_id)
    registered = [
        f"{each.name}/{each.version}" + "".join(f" @{alias}" for alias in each.aliases)
        for each in search_model_versions()
        if each.model_id == model_id
    ]
    return {**model.to_dictionary(), "registered_as": registered, **_of_files(model)}


def _of_files(model: LoggedModel) -> JsonObject:
    if not has_files(model):
        return {}
    from tracer.models.described import described

    return described(model.artifact_location)


def lines_of(details: JsonObject) -> Iterator[str]:
    """The details as lines for a terminal."""
    yield f"{clean_line(details['name'])}  {clean_line(details['model_id'])}"
    times = {"created": "creation_timestamp", "updated": "last_updated_timestamp"}
    rows: list[tuple[str, object]] = [(name, moment(details[time] * _NS_PER_MS)) for name, time in times.items()]
    rows += [(name.replace("_", " "), details[name]) for name in _PLAIN if details[name] is not None]
    rows += [("registered as", name) for name in details["registered_as"]]
    yield from _indented(aligned(rows))
    for group in ("params", "tags", "metrics"):
        if details[group]:
            yield f"  {group}"
            yield from _indented(aligned(sorted(details[group].items())), 4)
    for name in ("code", "config", "input_example", "metadata"):
        if name in details:
            yield from _value(name.replace("_", " "), details[name])


def _value(name: str, value: object) -> Iterator[str]:
    if not isinstance(value, (Mapping, list)):
        yield f"  {name}  {clean_line(value)}"
        return
    yield f"  {name}"
    yield from _indented(clean(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()).splitlines(), 4)


def _indented(lines: list[str], by: int = 2) -> Iterator[str]:
    for line in lines:
        yield " " * by + line
