"""Datasets: questions with their expected answers, kept in the store, to be asked again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from tracer._encoding.text import clean_text
from tracer._engine.runtime import runtime
from tracer._json import JsonMapping, JsonObject, encode, loads
from tracer._tracking.checks import checked_text
from tracer._tracking.experiments import Experiment, experiment_name
from tracer._tracking.search import Search
from tracer.errors import DatasetNotFoundError, InvalidArgumentError
from tracer.genai.dataset_rows import KEY_LIMIT, AddedRows, Batch, DatasetRow, row_from_stored, texts
from tracer.store.datasets import dataset_id_of, parse_row_filter
from tracer.store.filter import Field
from tracer.store.rows import StoredDataset, StoredRow

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped, unused-ignore]

    from tracer.store import Store

__all__ = [
    "AddedRows",
    "DatasetRow",
    "EvaluationDataset",
    "create_dataset",
    "delete_dataset",
    "delete_dataset_tag",
    "get_dataset",
    "search_datasets",
    "set_dataset_tags",
]

_NS_PER_MS = 1_000_000


def _value(row: StoredDataset, field: Field) -> object:
    if field.key is not None:
        return row.tags.get(field.key)
    times = {"created_time": row.created, "last_update_time": row.updated}
    # not whole ms: datasets that are made one after the other are in their order
    return times[field.name] / _NS_PER_MS if field.name in times else getattr(row, field.name)


_SEARCH: Search[StoredDataset] = Search(
    {"name": "text", "dataset_id": "text", "created_time": "timestamp", "last_update_time": "timestamp"},
    _value,
    groups=("tags",),
)


class EvaluationDataset:
    """A dataset, or the part of it that meets a filter: ``create_dataset`` and ``get_dataset`` give one.

    Iterated, it gives rows for ``evaluate``: dicts with inputs, expectations, tags and id, read page by page.
    """

    def __init__(self, stored: StoredDataset, filter_string: str | None = None) -> None:
        self._stored = stored
        self._filter_string = filter_string
        self._filter = parse_row_filter(filter_string)

    @property
    def name(self) -> str:
        """Its name."""
        return self._stored.name

    @property
    def dataset_id(self) -> str:
        """Its id, which is the same in every store."""
        return self._stored.dataset_id

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        return dict(self._stored.tags)

    @property
    def experiment_ids(self) -> list[str]:
        """The experiments that it belongs to."""
        return [Experiment(name).experiment_id for name in self._stored.experiments]

    @property
    def created_time(self) -> int:
        """When it was made, ms since the epoch."""
        return self._stored.created // _NS_PER_MS

    @property
    def last_update_time(self) -> int:
        """When it, or one of its rows, was changed last, ms since the epoch."""
        return self._stored.updated // _NS_PER_MS

    @property
    def records(self) -> list[DatasetRow]:
        """All rows at once; ``rows()`` gives them one after the other."""
        return list(self.rows())

    def rows(self) -> Iterator[DatasetRow]:
        """The rows, oldest first, read page by page. Raises DatasetNotFoundError once the dataset is deleted."""
        store = _store()
        for row in self._stored_rows():
            yield row_from_stored(row, store.attachment)

    def _stored_rows(self) -> Iterator[StoredRow]:
        token = None
        while True:
            page = _store().rows(self.dataset_id, filter=self._filter, page_token=token)
            yield from page.rows
            token = page.next_page_token
            if token is None:
                return

    def __iter__(self) -> Iterator[JsonObject]:
        for row in self.rows():
            yield {"inputs": row.inputs, "expectations": row.expectations, "tags": row.tags, "id": row.id}

    def __len__(self) -> int:
        if self._filter is not None:
            return sum(1 for _ in self._stored_rows())
        return _stored_dataset(None, self.dataset_id).row_count

    def __bool__(self) -> bool:
        return True  # also without rows

    def search(self, filter_string: str) -> EvaluationDataset:
        """The part of the dataset that meets a filter such as ``"split = 'test' AND tags.kind = 'hard'"``.

        Fields are id, split, trace_id, inputs, outputs, text (of all values), created_time, last_update_time,
        tags.<key>, expectations.<name>, inputs.<key> and outputs.<key>. Raises FilterSyntaxError.
        """
        both = filter_string if self._filter is None else f"({self._filter_string}) AND ({filter_string})"
        parse_row_filter(filter_string)
        return EvaluationDataset(self._stored, both)

    def add(
        self,
        data: object = None,
        *,
        filter_string: str | None = None,
        tags: Mapping[str, object] | None = None,
        split: str | None = None,
    ) -> AddedRows:
        """Add rows; one whose inputs are there already is merged with that row.

        ``data`` is a trace, the id of one, a dict with ``inputs`` and perhaps ``outputs``, ``expectations``, ``tags``,
        ``split`` and ``trace``; any iterable of these; a pandas DataFrame; or a dataset. ``filter_string`` adds the
        traces that ``search_traces`` would find, oldest first. A trace gives the inputs and outputs of its root, and
        its expectations. ``tags`` and ``split`` are those of every added row that has none of its own.

        Merged, expectations and tags are those of both, by name; what is given anew replaces what was there, and a
        value of None removes it.
        """
        if (data is None) == (filter_string is None):
            raise InvalidArgumentError("add() takes either rows or traces, or filter_string= for traces of the store.")
        if split is not None:
            checked_text("split", split)
        runtime().sync()
        batch = Batch(_store(), self.dataset_id, {"split": split, "tags": texts("tags", tags)})
        try:
            if filter_string is None:
                batch.add_all(data.rows() if isinstance(data, EvaluationDataset) else data)
            else:
                batch.add_found(filter_string)
        except InvalidArgumentError as error:
            if not batch.written:
                raise
            raise InvalidArgumentError(f"{error} {batch.written:,} rows before it were taken in.") from error
        return AddedRows(batch.added, batch.changed, batch.skipped)

    def merge_records(self, records: object) -> EvaluationDataset:
        """Add rows as ``add`` does; returns the dataset."""
        self.add(records)
        return self

    def delete(
        self, rows: str | DatasetRow | Iterable[str | DatasetRow | JsonMapping] | None = None, *,
        filter_string: str | None = None,
    ) -> int:  # fmt: skip
        """Delete rows, given as they were read, by their ids or by a filter; returns how many.

        ``delete_dataset`` deletes the dataset.
        """
        if (rows is None) == (filter_string is None):
            raise InvalidArgumentError(
                "delete() takes either rows (or their ids), or filter_string=. delete_dataset() deletes the dataset."
            )
        if filter_string is not None:
            row_ids = [row.row_id for row in self.search(filter_string)._stored_rows()]
        else:
            row_ids = [_id_of(row) for row in ([rows] if isinstance(rows, (str, DatasetRow)) else rows or ())]
        return _store().delete_rows(self.dataset_id, row_ids)

    def delete_records(self, record_ids: Sequence[str]) -> int:
        """Delete rows by their ids; returns how many."""
        return self.delete(record_ids)

    def to_pandas(self) -> pandas.DataFrame:
        """One row per row. Raises ImportError where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas() needs pandas; install it with `pip install pandas`") from error
        columns = [column.name for column in fields(DatasetRow)]
        return pandas.DataFrame([[getattr(row, name) for name in columns] for row in self.rows()], columns=columns)

    def to_df(self) -> pandas.DataFrame:
        """The table of ``to_pandas``, where the ids are called ``dataset_record_id``."""
        return self.to_pandas().rename(columns={"id": "dataset_record_id"})

    def __repr__(self) -> str:
        part = f", filter_string={self._filter_string!r}" if self._filter_string else ""
        return f"EvaluationDataset({self.name!r}, dataset_id={self.dataset_id!r}{part})"


def _id_of(row: object) -> str:
    found = row.id if isinstance(row, DatasetRow) else row.get("id") if isinstance(row, Mapping) else row
    if not isinstance(found, str):
        raise InvalidArgumentError(f"rows: got {row!r:.80}, expected the id of a row, or a row.")
    return found


def create_dataset(
    name: str,
    *,
    experiment_id: str | Sequence[str] | None = None,
    tags: Mapping[str, object] | None = None,
) -> EvaluationDataset:
    """The dataset of this name, which is made if there is none, with these tags added.

    It belongs to the experiments given by id or name, else to the current one.
    """
    name = _checked_name(name)
    if experiment_id is not None:
        given = [experiment_id] if isinstance(experiment_id, str) else list(experiment_id)
        experiments = [experiment_name(each) for each in given]
    elif _store().datasets(dataset_id=dataset_id_of(name)):
        experiments = None
    else:
        experiments = [runtime().settings.experiment]
    return EvaluationDataset(_store().write_dataset(name, tags=_safe_tags(tags), experiments=experiments))


def _checked_name(name: object) -> str:
    text = clean_text(checked_text("name", name).strip())
    if len(text) > KEY_LIMIT:
        raise InvalidArgumentError(f"name: has {len(text)} characters, expected at most {KEY_LIMIT}.")
    return text


def _safe_tags(tags: object) -> dict[str, str | None]:
    found = loads(runtime().recorder.redact(encode({"tags": texts("tags", tags)})))
    return found.get("tags", {})  # type: ignore[no-any-return]


def get_dataset(name: str | None = None, *, dataset_id: str | None = None) -> EvaluationDataset:
    """The dataset with this name or id. Raises DatasetNotFoundError."""
    return EvaluationDataset(_stored_dataset(name, dataset_id))


def delete_dataset(name: str | None = None, *, dataset_id: str | None = None) -> None:
    """Delete a dataset with its rows. Raises DatasetNotFoundError."""
    _store().delete_dataset(_stored_dataset(name, dataset_id).dataset_id)


def set_dataset_tags(dataset_id: str, tags: Mapping[str, object]) -> None:
    """Set tags of a dataset; a value of None removes its key. Raises DatasetNotFoundError."""
    _store().write_dataset(_stored_dataset(None, dataset_id).name, tags=_safe_tags(tags))


def delete_dataset_tag(dataset_id: str, key: str) -> None:
    """Remove a tag of a dataset; without effect if it has no such tag. Raises DatasetNotFoundError."""
    set_dataset_tags(dataset_id, {key: None})


def _stored_dataset(name: str | None, dataset_id: str | None) -> StoredDataset:
    if (name is None) == (dataset_id is None):
        raise InvalidArgumentError("a dataset is named by either its name or dataset_id=.")
    wanted = dataset_id_of(_checked_name(name)) if name is not None else checked_text("dataset_id", dataset_id)
    found = _store().datasets(dataset_id=wanted)
    if not found:
        known = ", ".join(repr(row.name) for row in _store().datasets()[:5]) or "none"
        given = name if name is not None else dataset_id
        raise DatasetNotFoundError(
            f"no dataset {given!r:.80} in the store, which has {known}; create_dataset() makes one"
        )
    return found[0]


def search_datasets(
    filter_string: str | None = None,
    *,
    experiment_ids: str | Sequence[str] | None = None,
    max_results: int | None = None,
    order_by: Sequence[str] | None = None,
) -> list[EvaluationDataset]:
    """The datasets that match a filter such as ``"name LIKE 'qa%' AND tags.team = 'search'"``, newest first.

    Fields are name, dataset_id, created_time, last_update_time and tags.<key>; ``order_by`` takes terms such as
    ``"name ASC"``, ``experiment_ids`` ids and names. Raises FilterSyntaxError.
    """
    found = _store().datasets()
    if experiment_ids is not None:
        given = [experiment_ids] if isinstance(experiment_ids, str) else list(experiment_ids)
        wanted = {experiment_name(each) for each in given}
        found = [row for row in found if wanted & set(row.experiments)]
    return [EvaluationDataset(row) for row in _SEARCH.find(found, filter_string, order_by, max_results)]


def _store() -> Store:
    return runtime().store()
