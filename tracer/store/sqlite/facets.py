"""Counts the values that fields have, over the newest traces of a selection."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence

from tracer._late import late_pattern
from tracer.errors import InvalidArgumentError
from tracer.store.filter import Expression
from tracer.store.rows import Facet, Facets
from tracer.store.sql import marks
from tracer.store.sqlite.compile import Matcher
from tracer.store.sqlite.known import in_parts
from tracer.store.sqlite.schema import (
    LABEL_EXCEPTION,
    LABEL_FAILED_STEP,
    LABEL_MODEL,
    LABEL_PROMPT,
    LABEL_PROVIDER,
    LABEL_TAG,
)
from tracer.store.sqlite.selecting import selected

_COUNTED = 10_000
_COLUMNS = {
    "state": "t.state",
    "name": "t.name",
    "user": "t.user",
    "session": "t.session",
    "version": "t.model_id",
    "experiment": "t.experiment",
}
_LABELS = {
    "model": LABEL_MODEL,
    "provider": LABEL_PROVIDER,
    "failed_step": LABEL_FAILED_STEP,
    "exception": LABEL_EXCEPTION,
    "prompt": LABEL_PROMPT,
}
# dates that providers append to a model's name as its version
_DATED = late_pattern(r"(.+)[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})")
_TAG = "tags."
FACET_FIELDS = (*_COLUMNS, *_LABELS)


def facets(
    connection: sqlite3.Connection, expression: Expression | None, fulltext: Matcher, fields: Sequence[str], limit: int
) -> Facets:
    """The most frequent values of each field, each with its number of traces."""
    check_facets(fields)
    source = selected(expression, fulltext)
    rows = connection.execute(
        f"SELECT t.num, {', '.join(_COLUMNS.values())} FROM {source.sql.text} ORDER BY {source.start} DESC LIMIT ?",
        [*source.sql.parameters, _COUNTED + 1],
    ).fetchall()
    is_complete = len(rows) <= _COUNTED
    rows = rows[:_COUNTED]
    counts = {
        name: Counter(row[place] for row in rows if row[place] is not None)
        for place, name in enumerate(_COLUMNS, start=1)
    }
    counts["experiment"] = _named(connection, counts["experiment"])
    nums = [row[0] for row in rows]
    labels = _label_counts(connection, nums)
    folded = folded_names(key for kind, key, _ in labels if kind == LABEL_MODEL)
    for plain, dated in folded.items():
        labels[LABEL_MODEL, plain, ""] = _count_of_models(connection, nums, [plain, *dated])
        for name in dated:
            del labels[LABEL_MODEL, name, ""]
    found = [
        facet_of(
            name, counts[name] if name in counts else _of_label(labels, name), limit, folded if name == "model" else {}
        )
        for name in fields
    ]
    tag_keys = sorted({key for kind, key, _ in labels if kind == LABEL_TAG})
    return Facets(found, len(rows), is_complete, tag_keys)


def check_facets(fields: Sequence[str]) -> None:
    """Raise InvalidArgumentError for a field that has no facet."""
    for name in fields:
        if name not in FACET_FIELDS and not (name.startswith(_TAG) and len(name) > len(_TAG)):
            raise InvalidArgumentError(f"no facet {name[:40]!r}; expected {', '.join(FACET_FIELDS)} or tags.<key>")


def _named(connection: sqlite3.Connection, counts: Counter[str]) -> Counter[str]:
    names = dict(connection.execute("SELECT id, name FROM experiments"))
    return Counter({names.get(number, str(number)): count for number, count in counts.items()})


def _label_counts(connection: sqlite3.Connection, nums: Sequence[int]) -> Counter[tuple[int, str, str]]:
    """Numbers of the traces with each label."""
    kinds = (*_LABELS.values(), LABEL_TAG)
    counts: Counter[tuple[int, str, str]] = Counter()
    # +kind: by trace, not by kind, which all traces have
    for part in in_parts(nums):
        rows = connection.execute(
            f"SELECT kind, key, value, count(*) FROM labels WHERE trace IN ({','.join('?' * len(part))})"
            f" AND +kind IN ({marks(kinds)}) GROUP BY 1, 2, 3",
            [*part, *kinds],
        )
        for kind, key, value, count in rows:
            counts[kind, key, value] += count
    return counts


def folded_names(models: Iterable[str]) -> dict[str, list[str]]:
    """The dated names of models whose plain name occurs too, by that name."""
    names = set(models)
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        dated = _DATED.fullmatch(name)
        if dated and dated[1] in names:
            found.setdefault(dated[1], []).append(name)
    return found


def _count_of_models(connection: sqlite3.Connection, nums: Sequence[int], names: Sequence[str]) -> int:
    """Number of the traces with a model of one of these names."""
    counted = 0
    for part in in_parts(nums):
        (count,) = connection.execute(
            f"SELECT count(DISTINCT trace) FROM labels WHERE trace IN ({marks(part)}) AND kind = ?"
            f" AND key IN ({marks(names)})",
            [*part, LABEL_MODEL, *names],
        ).fetchone()
        counted += count
    return counted


def _of_label(labels: Counter[tuple[int, str, str]], name: str) -> Counter[str]:
    if name in _LABELS:
        return Counter({key: count for (kind, key, _), count in labels.items() if kind == _LABELS[name]})
    wanted = name[len(_TAG) :]
    return Counter({value: count for (kind, key, value), count in labels.items() if (kind, key) == (LABEL_TAG, wanted)})


def facet_of(name: str, counts: Counter[str], limit: int, folded: dict[str, list[str]]) -> Facet:
    """The most frequent of some values."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Facet(name, ranked[:limit], len(ranked) > limit, folded)
