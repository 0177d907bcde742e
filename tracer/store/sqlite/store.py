"""The store protocol over SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tracer._journal.locations import file_size
from tracer._json import JsonObject
from tracer.errors import StoreError
from tracer.store.decode import decode
from tracer.store.sqlite import reading
from tracer.store.sqlite.append import append
from tracer.store.sqlite.attachments import read_attachment
from tracer.store.sqlite.bases import RecentBases
from tracer.store.sqlite.connection import Connections, retry_while_locked, store_error, within_time
from tracer.store.sqlite.models_and_runs import read_models, read_runs
from tracer.store.sqlite.owners import owner_gone, running_owners
from tracer.store.sqlite.recent import RecentTallies
from tracer.store.sqlite.registered import read_registered

if TYPE_CHECKING:
    from tracer.store.filter import Expression
    from tracer.store.rows import (
        Changes,
        ExperimentRow,
        Facets,
        FeedbackRow,
        Histogram,
        ModelRow,
        RegisteredRow,
        RowPage,
        RunRow,
        RunSums,
        SessionPage,
        SessionRow,
        Snippet,
        StatisticsRow,
        StoredDataset,
        StoredPolicy,
        StoredQueue,
        StoredRow,
        StoredTrace,
        TracePage,
        TraceQuery,
        VersionRow,
        WrittenRows,
    )
    from tracer.store.sqlite.compile import Matcher
    from tracer.store.sqlite.fulltext import FullText
    from tracer.store.sqlite.read import LastChange

Result = TypeVar("Result")


class SqliteStore:
    """Keeps traces in one SQLite file."""

    is_indexed_at_once = False
    appends_at_once = 2  # one thread writes while another prepares its transaction
    deletes_at_once = 10  # nobody else writes meanwhile

    def __init__(self, url: str, path: Path) -> None:
        self.url = url
        self.path = path
        self._connections = Connections(path)
        self._recent = RecentTallies()
        self._bases = RecentBases()

    def __repr__(self) -> str:
        return f"SqliteStore({self.url!r})"

    @cached_property
    def _fulltext(self) -> FullText:
        return reading.fulltext.FullText(self._connections)

    @cached_property
    def _last_change(self) -> LastChange:
        return reading.read.LastChange()

    def append(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        """Take in records as JSON, any kinds, any order, also repeated. Raises StoreError."""
        batch = decode(lines, owner)
        if batch.is_empty():
            return
        self._refuse_if_read_only()
        self._connections.get_for_writing()
        self._run("write to", lambda connection: append(connection, batch, self._recent, self._bases))

    def owner_gone(self, owner: str) -> None:
        """Mark the spans that a dead process left running as interrupted."""
        self._refuse_if_read_only()
        self._run("write to", lambda connection: owner_gone(connection, owner))

    def running_owners(self) -> list[str]:
        """The processes with spans that still run, as far as is known."""
        return self._run("read", running_owners)

    def find_traces(self, query: TraceQuery) -> TracePage:
        """One page of the traces that a query selects."""
        is_complete = self._fulltext.prepare(query.filter)
        all_at_once = query.order_by[0].field != "timestamp"
        page = self._run(
            "read",
            lambda connection: reading.find.find_traces(
                connection, query, self._fulltext.matcher(connection, all_at_once=all_at_once)
            ),
        )
        return page if is_complete else page._replace(complete=False)

    def count_traces(self, filter: Expression | None = None) -> int:
        """Number of traces that meet a filter."""
        return self._search(filter, reading.find.count_traces)

    def trace(self, trace_id: str, *, payload: bool = True, after: int = 0) -> StoredTrace | None:
        """A trace with its spans, or None; of the spans that ended only those from position ``after`` on."""
        return self._run(
            "read", lambda connection: reading.read.read_trace(connection, trace_id, payload=payload, after=after)
        )

    def spans(self, trace_id: str, *, payload: bool = True) -> list[JsonObject]:
        """The span records of a trace, sorted by start; without payload only the fields that a tree shows."""
        stored = self.trace(trace_id, payload=payload)
        return stored.spans if stored else []

    def spans_of(self, trace_ids: Sequence[str], *, payload: bool = True) -> dict[str, list[JsonObject]]:
        """The span records of many traces at once, by trace id; none for a trace that is not there."""
        return self._run("read", lambda connection: reading.read.read_spans_of(connection, trace_ids, payload=payload))

    def traces(self, trace_ids: Sequence[str]) -> list[StoredTrace]:
        """Many traces with the records of their spans at once: those that are there, in the order of the ids."""
        found = (self.trace(trace_id) for trace_id in trace_ids)
        return [stored for stored in found if stored is not None]

    def payload(self, trace_id: str, span_id: str) -> JsonObject | None:
        """The whole record of one ended span, or None."""
        return self._run("read", lambda connection: reading.read.read_payload(connection, trace_id, span_id))

    def statistics(
        self,
        *,
        group_by: str = "model",
        filter: Expression | None = None,
        since_ms: float | None = None,
        until_ms: float | None = None,
        interval_ns: int | None = None,
        latency: str = "total",
    ) -> list[StatisticsRow]:
        """Calls, errors, tokens, cost and latency by group (and step), most calls first."""
        self._fulltext.prepare(filter)
        return self._run(
            "read",
            lambda connection: reading.statistics.statistics(
                connection,
                group_by=group_by,
                filter=filter,
                since_ms=since_ms,
                until_ms=until_ms,
                interval_ns=interval_ns,
                latency=latency,
                fulltext=self._fulltext.matcher(connection, all_at_once=True),
            ),
        )

    def histogram(
        self,
        filter: Expression | None = None,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        buckets: int = 60,
    ) -> Histogram | None:
        """Counts of traces by start, in at most ``buckets`` steps of time; None if there are no traces."""
        return self._search(
            filter, partial(reading.histogram.histogram, since=since_ns, until=until_ns, buckets=buckets)
        )

    def facets(self, filter: Expression | None, fields: Sequence[str], *, limit: int = 10) -> Facets:
        """The most frequent values of fields such as "model" and "tags.env" among the newest traces."""
        return self._search(filter, partial(reading.facets.facets, fields=fields, limit=limit), all_at_once=False)

    def snippets(self, trace_ids: Sequence[str], text: str) -> dict[str, Snippet]:
        """The first place of a text in each of the traces, by trace id; no entry for traces without it."""
        self._fulltext.bring_up_to_date()
        return self._run("read", lambda connection: reading.snippets.snippets(connection, trace_ids, text))

    def find_sessions(
        self,
        filter: Expression | None = None,
        *,
        limit: int = 100,
        page_token: str | None = None,
        order_by: str = "time",
    ) -> SessionPage:
        """One page of the sessions with a trace that meets the filter, newest or most of something first."""
        return self._search(
            filter, partial(reading.sessions.find_sessions, limit=limit, page_token=page_token, order_by=order_by)
        )

    def session(self, session_id: str) -> SessionRow | None:
        """The sums of a session, or None where no trace belongs to it."""
        rows = self._run("read", lambda connection: reading.sessions.session_rows(connection, [session_id]))
        return rows[0] if rows else None

    def versions(self, filter: Expression | None = None) -> list[VersionRow]:
        """The versions of apps that traces name, the one with the newest trace first."""
        return self._search(filter, reading.versions.versions)

    def feedback(self, filter: Expression | None = None) -> list[FeedbackRow]:
        """Feedback on the traces that meet a filter, by name, the most frequent first."""
        return self._search(filter, reading.versions.feedback)

    def changes(self, since: int, *, limit: int = 1000) -> Changes:
        """The traces that changed after a change number; 0 for all."""
        return self._run("read", lambda connection: reading.read.read_changes(connection, since, limit))

    def change_number(self) -> int:
        """The number of the last change; cheap enough to ask many times a second."""
        return self._run("read", self._last_change.read)

    def index_more(self) -> bool:
        """Index some of the new spans for full-text search; whether there is more to do."""
        return self._fulltext.index_more()

    def delete_traces(
        self,
        *,
        trace_ids: Sequence[str] | None = None,
        filter: Expression | None = None,
        limit: int | None = None,
    ) -> int:
        """Delete by ids and filter (both must hold when both are given), oldest first; returns how many."""
        self._refuse_if_read_only()
        self._fulltext.prepare(filter)
        return reading.delete.delete_traces(
            lambda action: self._run("delete from", action),
            trace_ids=trace_ids,
            filter=filter,
            limit=limit,
            matcher=partial(self._fulltext.matcher, all_at_once=True),
        )

    def delete_older(self, before: int) -> int:
        """Do nothing: SQLite has no partitions to drop."""
        return 0

    def release_space(self, *, whole: bool = False) -> bool:
        """Give some space of deleted traces back to the disk; whether there is more."""
        return self._write(lambda connection: reading.delete.release_space(connection, whole=whole))

    def sizes(self) -> dict[str, int]:
        """Bytes on disk of the file and of its write-ahead log."""
        return {"database": file_size(self.path), "wal": file_size(self.path.with_name(f"{self.path.name}-wal"))}

    def attachment(self, digest: str) -> tuple[str, bytes] | None:
        """Media type and content of an attachment by its sha256, or None."""
        return self._run("read", lambda connection: read_attachment(connection, digest))

    def experiments(self) -> list[ExperimentRow]:
        """Every experiment, oldest first."""
        return self._run("read", reading.versions.experiments)

    def models(self, *, model_id: str | None = None, name: str | None = None) -> list[ModelRow]:
        """The versions of apps, newest first: all, the one with an id, or those with a name; deleted ones too."""
        return self._run("read", lambda connection: read_models(connection, model_id, name))

    def registered(
        self,
        kind: str,
        *,
        name: str | None = None,
        number: int | None = None,
        alias: str | None = None,
        id: str | None = None,
    ) -> list[RegisteredRow]:
        """Versions of prompts or registered models: the newest of each name, those of a name, or one of them."""
        return self._run("read", lambda connection: read_registered(connection, kind, name, number, alias, id))

    def runs(self, *, run_id: str | None = None) -> list[RunRow]:
        """The runs, newest first: all, or the one with an id."""
        return self._run("read", lambda connection: read_runs(connection, run_id))

    def run_sums(self, run_ids: Sequence[str]) -> list[RunSums]:
        """The sums of the traces of these runs; none for a run without traces."""
        return self._run("read", lambda connection: reading.run_sums.run_sums(connection, run_ids))

    def datasets(self, *, dataset_id: str | None = None) -> list[StoredDataset]:
        """The datasets, newest first: all, or the one with an id."""
        return self._run("read", lambda connection: reading.datasets.read_datasets(connection, dataset_id))

    def write_dataset(
        self,
        name: str,
        *,
        tags: Mapping[str, str | None] | None = None,
        experiments: Sequence[str] | None = None,
        time: int | None = None,
    ) -> StoredDataset:
        """Make the dataset of a name, or change it: given tags are set, those of None removed. ``time`` is in ns."""
        return self._write(lambda connection: reading.datasets.write_dataset(connection, name, tags, experiments, time))

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset with its rows; without effect if there is none."""
        while self._write(lambda connection: reading.datasets.delete_dataset(connection, dataset_id)):
            pass

    def rows(
        self, dataset_id: str, *, filter: Expression | None = None, limit: int = 1000, page_token: str | None = None
    ) -> RowPage:
        """One page of a dataset's rows, oldest first. Raises DatasetNotFoundError."""
        return self._run(
            "read", lambda connection: reading.datasets.read_rows(connection, dataset_id, filter, limit, page_token)
        )

    def write_rows(self, dataset_id: str, rows: Sequence[JsonObject]) -> WrittenRows:
        """Add rows, or merge them with the rows of the same inputs. Raises DatasetNotFoundError."""
        return self._write(lambda connection: reading.datasets.write_rows(connection, dataset_id, rows))

    def edit_row(self, dataset_id: str, row_id: str, changes: JsonObject, *, expected: int | None = None) -> StoredRow:
        """Give fields of a row other values. Raises DatasetNotFoundError, ConflictError."""
        return self._write(
            lambda connection: reading.datasets.edit_row(connection, dataset_id, row_id, changes, expected)
        )

    def delete_rows(self, dataset_id: str, row_ids: Sequence[str]) -> int:
        """Delete rows; returns how many. Raises DatasetNotFoundError."""
        return self._write(lambda connection: reading.datasets.delete_rows(connection, dataset_id, row_ids))

    def review_queues(self, *, queue_id: str | None = None) -> list[StoredQueue]:
        """The review queues, newest first: all, or the one with an id."""
        return self._run("read", lambda connection: reading.reviews.read_review_queues(connection, queue_id))

    def write_review_queue(self, queue: JsonObject) -> StoredQueue:
        """Make the queue of a name, or give it other contents."""
        return self._write(lambda connection: reading.reviews.write_review_queue(connection, queue))

    def delete_review_queue(self, queue_id: str) -> None:
        """Delete a queue; without effect if there is none."""
        self._write(lambda connection: reading.reviews.delete_review_queue(connection, queue_id))

    def policies(self) -> list[StoredPolicy]:
        """The policies of retention, by name."""
        return self._run("read", reading.policies.read_policies)

    def write_policy(self, policy: JsonObject) -> StoredPolicy:
        """Make the policy of a name, or give it other contents."""
        return self._write(lambda connection: reading.policies.write_policy(connection, policy))

    def delete_policy(self, name: str) -> None:
        """Delete a policy; without effect if there is none."""
        self._write(lambda connection: reading.policies.delete_policy(connection, name))

    def close(self) -> None:
        """Close the connections of this process."""
        self._connections.close()

    def _search(
        self,
        filter: Expression | None,
        action: Callable[[sqlite3.Connection, Expression | None, Matcher], Result],
        *,
        all_at_once: bool = True,
    ) -> Result:
        self._fulltext.prepare(filter)
        return self._run(
            "read",
            lambda connection: action(connection, filter, self._fulltext.matcher(connection, all_at_once=all_at_once)),
        )

    def _write(self, action: Callable[[sqlite3.Connection], Result]) -> Result:
        self._refuse_if_read_only()
        self._connections.get_for_writing()
        return self._run("write to", action)

    def _run(self, doing: str, action: Callable[[sqlite3.Connection], Result]) -> Result:
        connection = self._connections.get()
        try:
            with within_time(connection):
                return retry_while_locked(lambda: action(connection))
        except sqlite3.Error as error:
            raise store_error(error, self.path, doing) from error

    def _refuse_if_read_only(self) -> None:
        if self._connections.read_only:
            raise StoreError(
                f"cannot write to the store {self.path}: the file or its folder is read-only for this user"
            )
