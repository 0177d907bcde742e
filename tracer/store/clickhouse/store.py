"""The store protocol over ClickHouse."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tracer._json import JsonObject
from tracer.store.clickhouse import attachments, datasets, documents, overview, policies, read, reviews
from tracer.store.clickhouse.address import Address
from tracer.store.clickhouse.append import append
from tracer.store.clickhouse.connection import Connection
from tracer.store.clickhouse.delete import delete_traces
from tracer.store.clickhouse.find import count_traces, find_traces
from tracer.store.clickhouse.gathering import Gathering
from tracer.store.clickhouse.layout import parts, plain_name
from tracer.store.clickhouse.migrations import check_schema
from tracer.store.clickhouse.owners import Heartbeats, owner_gone, running_owners
from tracer.store.clickhouse.run_sums import run_sums
from tracer.store.clickhouse.snippets import snippets
from tracer.store.clickhouse.statistics import statistics
from tracer.store.clickhouse.unfinished import finish_deletions
from tracer.store.clickhouse.weeks import delete_weeks
from tracer.store.decode import decode
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


class ClickHouseStore:
    """Keeps traces in one database of a ClickHouse server or cluster."""

    is_indexed_at_once = True
    appends_at_once = 16  # waiting batches are written together: gathering.py
    deletes_at_once = 100  # a hundred cost the engine little more than one

    def __init__(self, url: str, address: Address, *, may_be_made: bool = True) -> None:
        self.url = url
        self._may_be_made = may_be_made
        self._connection = Connection(address)
        self._heartbeats = Heartbeats()
        self._gathering = Gathering(lambda batch: append(self._checked(), batch))
        self._is_checked = False
        self._checking = threading.Lock()

    def __repr__(self) -> str:
        return f"ClickHouseStore({str(self._connection.address)!r})"

    def append(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        """Take in records as JSON, any kinds, any order, also repeated. Raises StoreError."""
        if owner is not None:
            self._heartbeats.note(self._checked(), owner)
        batch = decode(lines, owner)
        if not batch.is_empty():
            self._gathering.append(batch)

    def owner_gone(self, owner: str) -> None:
        """Mark the spans that a dead process left running as interrupted."""
        owner_gone(self._checked(), owner)

    def running_owners(self) -> list[str]:
        """The processes with spans that still run, as far as is known."""
        return running_owners(self._checked())

    def find_traces(self, query: TraceQuery) -> TracePage:
        """One page of the traces that a query selects."""
        return find_traces(self._checked(), query)

    def count_traces(self, filter: Expression | None = None) -> int:
        """Number of traces that meet a filter."""
        return count_traces(self._checked(), filter)

    def trace(self, trace_id: str, *, payload: bool = True, after: int = 0) -> StoredTrace | None:
        """A trace with its spans, or None; of the spans that ended only those from position ``after`` on."""
        return read.read_trace(self._checked(), trace_id, payload=payload, after=after)

    def spans(self, trace_id: str, *, payload: bool = True) -> list[JsonObject]:
        """The span records of a trace, sorted by start; without payload only the fields that a tree shows."""
        stored = self.trace(trace_id, payload=payload)
        return stored.spans if stored else []

    def spans_of(self, trace_ids: Sequence[str], *, payload: bool = True) -> dict[str, list[JsonObject]]:
        """The span records of many traces at once, by trace id; none for a trace that is not there."""
        return read.read_spans_of(self._checked(), trace_ids, payload=payload)

    def traces(self, trace_ids: Sequence[str]) -> list[StoredTrace]:
        """Many traces with the records of their spans at once: those that are there, in the order of the ids."""
        return read.read_traces(self._checked(), trace_ids)

    def payload(self, trace_id: str, span_id: str) -> JsonObject | None:
        """The whole record of one ended span, or None."""
        return read.read_payload(self._checked(), trace_id, span_id)

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
        return statistics(
            self._checked(),
            group_by=group_by,
            filter=filter,
            since_ms=since_ms,
            until_ms=until_ms,
            interval_ns=interval_ns,
            latency=latency,
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
        return overview.histogram(self._checked(), filter, since=since_ns, until=until_ns, buckets=buckets)

    def facets(self, filter: Expression | None, fields: Sequence[str], *, limit: int = 10) -> Facets:
        """The most frequent values of fields such as "model" and "tags.env" among the newest traces."""
        return overview.facets(self._checked(), filter, fields, limit)

    def snippets(self, trace_ids: Sequence[str], text: str) -> dict[str, Snippet]:
        """The first place of a text in each of the traces, by trace id; no entry for traces without it."""
        return snippets(self._checked(), trace_ids, text)

    def find_sessions(
        self,
        filter: Expression | None = None,
        *,
        limit: int = 100,
        page_token: str | None = None,
        order_by: str = "time",
    ) -> SessionPage:
        """One page of the sessions with a trace that meets the filter, newest or most of something first."""
        return overview.find_sessions(self._checked(), filter, limit, page_token, order_by)

    def session(self, session_id: str) -> SessionRow | None:
        """The sums of a session, or None where no trace belongs to it."""
        rows = overview.session_rows(self._checked(), [session_id])
        return rows[0] if rows else None

    def versions(self, filter: Expression | None = None) -> list[VersionRow]:
        """The versions of apps that traces name, the one with the newest trace first."""
        return overview.versions(self._checked(), filter)

    def feedback(self, filter: Expression | None = None) -> list[FeedbackRow]:
        """Feedback on the traces that meet a filter, by name, the most frequent first."""
        return overview.feedback(self._checked(), filter)

    def changes(self, since: int, *, limit: int = 1000) -> Changes:
        """The traces that changed after a change number; 0 for all."""
        return read.read_changes(self._checked(), since, limit)

    def change_number(self) -> int:
        """The number of the last change; cheap enough to ask many times a second."""
        return read.change_number(self._checked())

    def index_more(self) -> bool:
        """Index some of the new spans for full-text search; whether there is more to do."""
        return False  # ClickHouse indexes rows as they are inserted

    def delete_traces(
        self,
        *,
        trace_ids: Sequence[str] | None = None,
        filter: Expression | None = None,
        limit: int | None = None,
    ) -> int:
        """Delete by ids and filter (both must hold when both are given), oldest first; returns how many."""
        return delete_traces(self._checked(), trace_ids=trace_ids, filter=filter, limit=limit)

    def delete_older(self, before: int) -> int:
        """Delete the weeks that ended before a time in ns, but for those with running traces; the number of traces."""
        return delete_weeks(self._checked(), before)

    def release_space(self, *, whole: bool = False) -> bool:
        """Finish deletions that broke off; what they free, ClickHouse releases by itself."""
        finish_deletions(self._checked())
        return False

    def sizes(self) -> dict[str, int]:
        """Bytes on disk of each table: on the server that answers, or on one replica of each shard."""
        address = self._connection.address
        of_tables = f"FROM {parts(address)} WHERE active AND database = '{address.database}' GROUP BY table"
        rows = self._checked().rows(f"SELECT table, sum(bytes_on_disk) {of_tables}")
        return {plain_name(table): int(size) for table, size in rows}

    def attachment(self, digest: str) -> tuple[str, bytes] | None:
        """Media type and content of an attachment by its sha256, or None."""
        return attachments.read_attachment(self._checked(), digest)

    def experiments(self) -> list[ExperimentRow]:
        """Every experiment, oldest first."""
        return overview.experiments(self._checked())

    def models(self, *, model_id: str | None = None, name: str | None = None) -> list[ModelRow]:
        """The versions of apps, newest first: all, the one with an id, or those with a name; deleted ones too."""
        return documents.read_models(self._checked(), model_id, name)

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
        return documents.read_registered(self._checked(), kind, name, number, alias, id)

    def runs(self, *, run_id: str | None = None) -> list[RunRow]:
        """The runs, newest first: all, or the one with an id."""
        return documents.read_runs(self._checked(), run_id)

    def run_sums(self, run_ids: Sequence[str]) -> list[RunSums]:
        """The sums of the traces of these runs; none for a run without traces."""
        return run_sums(self._checked(), run_ids)

    def datasets(self, *, dataset_id: str | None = None) -> list[StoredDataset]:
        """The datasets, newest first: all, or the one with an id."""
        return datasets.read_datasets(self._checked(), dataset_id)

    def write_dataset(
        self,
        name: str,
        *,
        tags: Mapping[str, str | None] | None = None,
        experiments: Sequence[str] | None = None,
        time: int | None = None,
    ) -> StoredDataset:
        """Make the dataset of a name, or change it: given tags are set, those of None removed. ``time`` is in ns."""
        return datasets.write_dataset(self._checked(), name, tags, experiments, time)

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset with its rows; without effect if there is none."""
        datasets.delete_dataset(self._checked(), dataset_id)

    def rows(
        self, dataset_id: str, *, filter: Expression | None = None, limit: int = 1000, page_token: str | None = None
    ) -> RowPage:
        """One page of a dataset's rows, oldest first. Raises DatasetNotFoundError."""
        return datasets.read_rows(self._checked(), dataset_id, filter, limit, page_token)

    def write_rows(self, dataset_id: str, rows: Sequence[JsonObject]) -> WrittenRows:
        """Add rows, or merge them with the rows of the same inputs. Raises DatasetNotFoundError."""
        return datasets.write_rows(self._checked(), dataset_id, rows)

    def edit_row(self, dataset_id: str, row_id: str, changes: JsonObject, *, expected: int | None = None) -> StoredRow:
        """Give fields of a row other values. Raises DatasetNotFoundError, ConflictError."""
        return datasets.edit_row(self._checked(), dataset_id, row_id, changes, expected)

    def delete_rows(self, dataset_id: str, row_ids: Sequence[str]) -> int:
        """Delete rows; returns how many. Raises DatasetNotFoundError."""
        return datasets.delete_rows(self._checked(), dataset_id, row_ids)

    def review_queues(self, *, queue_id: str | None = None) -> list[StoredQueue]:
        """The review queues, newest first: all, or the one with an id."""
        return reviews.read_review_queues(self._checked(), queue_id)

    def write_review_queue(self, queue: JsonObject) -> StoredQueue:
        """Make the queue of a name, or give it other contents."""
        return reviews.write_review_queue(self._checked(), queue)

    def delete_review_queue(self, queue_id: str) -> None:
        """Delete a queue; without effect if there is none."""
        reviews.delete_review_queue(self._checked(), queue_id)

    def policies(self) -> list[StoredPolicy]:
        """The policies of retention, by name."""
        return policies.read_policies(self._checked())

    def write_policy(self, policy: JsonObject) -> StoredPolicy:
        """Make the policy of a name, or give it other contents."""
        return policies.write_policy(self._checked(), policy)

    def delete_policy(self, name: str) -> None:
        """Delete a policy; without effect if there is none."""
        policies.delete_policy(self._checked(), name)

    def close(self) -> None:
        """Close the connections of this process."""
        self._connection.close()

    def _checked(self) -> Connection:
        """The connection, after a check that the schema is this version's. Raises StoreError."""
        if not self._is_checked:
            with self._checking:
                if not self._is_checked:
                    check_schema(self._connection, may_be_made=self._may_be_made)
                    self._is_checked = True
        return self._connection


if TYPE_CHECKING:
    from tracer.store import Store

    _is_a_store: type[Store] = ClickHouseStore
