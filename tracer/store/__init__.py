"""Storage of traces: the ``Store`` protocol and ``open_store``, which gives the store at a URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tracer._json import JsonObject
from tracer._late import load, load_aside
from tracer.errors import InvalidArgumentError

if TYPE_CHECKING:
    from tracer.store.filter import Expression
    from tracer.store.rows import (
        NEWEST,
        AssessmentRow,
        Changes,
        ExperimentRow,
        Facet,
        Facets,
        FeedbackRow,
        Histogram,
        ModelRow,
        RegisteredRow,
        RowPage,
        RunRow,
        RunSums,
        ScoreRow,
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
        TraceRow,
        VersionRow,
        WrittenRows,
    )

__all__ = [
    "NEWEST",
    "AssessmentRow",
    "Changes",
    "ModelRow",
    "RegisteredRow",
    "RunRow",
    "RunSums",
    "ScoreRow",
    "ExperimentRow",
    "Facet",
    "Facets",
    "FeedbackRow",
    "Histogram",
    "SessionPage",
    "SessionRow",
    "Snippet",
    "StatisticsRow",
    "RowPage",
    "Store",
    "StoredDataset",
    "StoredPolicy",
    "StoredQueue",
    "StoredRow",
    "StoredTrace",
    "TracePage",
    "TraceQuery",
    "TraceRow",
    "VersionRow",
    "WrittenRows",
    "open_store",
]


def __getattr__(name: str) -> Any:
    """The types of a store's results, loaded at their first use: most programs only write."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = load("tracer.store.rows", name)
    return found


class Store(Protocol):
    """Keeps traces and answers questions about them. Safe to use from any thread and after a fork."""

    @property
    def url(self) -> str:
        """The URL that opens this store again."""
        ...

    @property
    def appends_at_once(self) -> int:
        """Number of threads that can usefully append at once."""
        ...

    @property
    def deletes_at_once(self) -> int:
        """Number of traces to delete at once, while others read and write."""
        ...

    @property
    def is_indexed_at_once(self) -> bool:
        """Whether full text is indexed with each append, so that ``index_more`` has nothing to do."""
        ...

    def append(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        """Take in records (_records/record.py) as JSON, any kinds, any order, also repeated. Raises StoreError."""
        ...

    def owner_gone(self, owner: str) -> None:
        """Mark the spans that a dead process left running as interrupted."""
        ...

    def running_owners(self) -> list[str]:
        """The processes with spans that still run, as far as is known."""
        ...

    def find_traces(self, query: TraceQuery) -> TracePage:
        """One page of the traces that a query selects."""
        ...

    def count_traces(self, filter: Expression | None = None) -> int:
        """Number of traces that meet a filter."""
        ...

    def trace(self, trace_id: str, *, payload: bool = True, after: int = 0) -> StoredTrace | None:
        """A trace with its spans, or None; of the spans that ended only those from position ``after`` on."""
        ...

    def spans(self, trace_id: str, *, payload: bool = True) -> list[JsonObject]:
        """The span records of a trace, sorted by start; without payload only the fields that a tree shows."""
        ...

    def spans_of(self, trace_ids: Sequence[str], *, payload: bool = True) -> dict[str, list[JsonObject]]:
        """The span records of many traces at once, by trace id; none for a trace that is not there."""
        ...

    def traces(self, trace_ids: Sequence[str]) -> list[StoredTrace]:
        """Many traces with the records of their spans at once: those that are there, in the order of the ids."""
        ...

    def payload(self, trace_id: str, span_id: str) -> JsonObject | None:
        """The whole record of one span, or None."""
        ...

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
        """Calls, errors, tokens, cost and latency by group, most calls first.

        Groups are "model", "provider", "name", "type", "tool" (steps that are tools, by name) and "none" of spans,
        "trace_name", "version", "user", "session", "experiment", "state" and "all_traces" of traces. With an interval
        there is a row for each group and step. With a latency of "first_chunk" only streamed calls count,
        in any group, and their latency is the time to the first chunk.
        """
        ...

    def histogram(
        self,
        filter: Expression | None = None,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        buckets: int = 60,
    ) -> Histogram | None:
        """Counts of traces by start, in at most ``buckets`` steps of time; None if there are no traces."""
        ...

    def facets(self, filter: Expression | None, fields: Sequence[str], *, limit: int = 10) -> Facets:
        """The most frequent values of fields such as "model" and "tags.env" among the newest traces."""
        ...

    def snippets(self, trace_ids: Sequence[str], text: str) -> dict[str, Snippet]:
        """The first place of a text in each of the traces, by trace id; no entry for traces without it."""
        ...

    def find_sessions(
        self,
        filter: Expression | None = None,
        *,
        limit: int = 100,
        page_token: str | None = None,
        order_by: str = "time",
    ) -> SessionPage:
        """One page of the sessions with a trace that meets the filter, newest first.

        Or those first with the most "traces", "errors", "tokens", "cost" or "duration" among these traces.
        """
        ...

    def session(self, session_id: str) -> SessionRow | None:
        """The sums of a session, or None where no trace belongs to it."""
        ...

    def versions(self, filter: Expression | None = None) -> list[VersionRow]:
        """The versions of apps that traces name, the one with the newest trace first; examples do not count."""
        ...

    def feedback(self, filter: Expression | None = None) -> list[FeedbackRow]:
        """Feedback on the traces that meet a filter, by name, the most frequent first."""
        ...

    def changes(self, since: int, *, limit: int = 1000) -> Changes:
        """The traces that changed after a change number; 0 for all."""
        ...

    def change_number(self) -> int:
        """The number of the last change; cheap enough to ask many times a second."""
        ...

    def index_more(self) -> bool:
        """Index some of the new spans for full-text search; whether there is more to do."""
        ...

    def delete_traces(
        self,
        *,
        trace_ids: Sequence[str] | None = None,
        filter: Expression | None = None,
        limit: int | None = None,
    ) -> int:
        """Delete by ids and filter (both must hold when both are given), oldest first; returns how many."""
        ...

    def delete_older(self, before: int) -> int:
        """Delete traces in bulk that started before a time in ns, but for running ones, as far as a store can.

        Returns their number; the others are left to `delete_traces`.
        """
        ...

    def release_space(self, *, whole: bool = False) -> bool:
        """Give some space of deleted traces back to the disk; whether there is more.

        A part at a time, so that readers and writers get their turn; ``whole`` releases more, and may pause writers.
        """
        ...

    def sizes(self) -> dict[str, int]:
        """Bytes on disk of each part of the store, files or tables; empty for the store of a server."""
        ...

    def attachment(self, digest: str) -> tuple[str, bytes] | None:
        """Media type and content of an attachment by its sha256, or None."""
        ...

    def experiments(self) -> list[ExperimentRow]:
        """Every experiment, oldest first."""
        ...

    def models(self, *, model_id: str | None = None, name: str | None = None) -> list[ModelRow]:
        """The versions of apps, newest first: all, the one with an id, or those with a name; deleted ones too."""
        ...

    def registered(
        self,
        kind: str,
        *,
        name: str | None = None,
        number: int | None = None,
        alias: str | None = None,
        id: str | None = None,
    ) -> list[RegisteredRow]:
        """Versions of prompts (kind "prompt") or registered models ("model").

        Without a name the newest of each, by name; with one all of it, newest first, or the one with a number, an
        alias (NEWEST for the newest) or an id.
        """
        ...

    def runs(self, *, run_id: str | None = None) -> list[RunRow]:
        """The runs, newest first: all, or the one with an id."""
        ...

    def run_sums(self, run_ids: Sequence[str]) -> list[RunSums]:
        """The sums of the traces of these runs; none for a run without traces."""
        ...

    def datasets(self, *, dataset_id: str | None = None) -> list[StoredDataset]:
        """The datasets, newest first: all, or the one with an id."""
        ...

    def write_dataset(
        self,
        name: str,
        *,
        tags: Mapping[str, str | None] | None = None,
        experiments: Sequence[str] | None = None,
        time: int | None = None,
    ) -> StoredDataset:
        """Make the dataset of a name, or change it: given tags are set, those of None removed. ``time`` is in ns."""
        ...

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset with its rows; without effect if there is none."""
        ...

    def rows(
        self, dataset_id: str, *, filter: Expression | None = None, limit: int = 1000, page_token: str | None = None
    ) -> RowPage:
        """One page of a dataset's rows, oldest first. Raises DatasetNotFoundError."""
        ...

    def write_rows(self, dataset_id: str, rows: Sequence[JsonObject]) -> WrittenRows:
        """Add rows, or merge them with the rows of the same inputs (datasets.py). Raises DatasetNotFoundError."""
        ...

    def edit_row(self, dataset_id: str, row_id: str, changes: JsonObject, *, expected: int | None = None) -> StoredRow:
        """Give fields of a row other values; with other inputs it gets another id, and keeps its place.

        Raises DatasetNotFoundError where there is no such row, and ConflictError where another row has the inputs, or
        where the row was last changed at another time than ``expected``, in ns.
        """
        ...

    def delete_rows(self, dataset_id: str, row_ids: Sequence[str]) -> int:
        """Delete rows; returns how many. Raises DatasetNotFoundError."""
        ...

    def review_queues(self, *, queue_id: str | None = None) -> list[StoredQueue]:
        """The review queues, newest first: all, or the one with an id."""
        ...

    def write_review_queue(self, queue: JsonObject) -> StoredQueue:
        """Make the queue of a name, or replace its contents; ``queue`` is checked (reviews.py)."""
        ...

    def delete_review_queue(self, queue_id: str) -> None:
        """Delete a queue; feedback that was given in it stays. Without effect if there is none."""
        ...

    def policies(self) -> list[StoredPolicy]:
        """The policies of retention, by name."""
        ...

    def write_policy(self, policy: JsonObject) -> StoredPolicy:
        """Make the policy of a name, or replace its contents; ``policy`` is checked (policies.py)."""
        ...

    def delete_policy(self, name: str) -> None:
        """Delete a policy. Without effect if there is none."""
        ...

    def close(self) -> None:
        """Release the resources of the store in this process."""
        ...


def open_store(url: str, *, token: str | None = None) -> Store:
    """The store at a URL: ``sqlite:///tracer.db`` (relative) or ``sqlite:////var/lib/tracer.db`` (absolute).

    ``http://host:5000`` is the store of a tracer server, which may want a token; no request is made yet.
    ``clickhouse://user:password@host:8123/database`` is a database of ClickHouse, also without a request yet.
    Raises InvalidArgumentError for a URL of another kind, StoreError for a file that is no store, and
    NewerStoreError for one written by a newer version of tracer.
    """
    if not isinstance(url, str):
        raise InvalidArgumentError(f"the store is {url!r}, expected a URL such as sqlite:///tracer.db")
    if url.startswith("sqlite:"):
        # imported here so that `import tracer` does not load sqlite3
        return load_aside("tracer.store.sqlite", "open_sqlite")(url)  # type: ignore[no-any-return]
    if url.startswith("clickhouse:"):
        return load_aside("tracer.store.clickhouse", "open_clickhouse")(url)  # type: ignore[no-any-return]
    if url.startswith(("http://", "https://")):
        from tracer.store.remote import RemoteStore

        return RemoteStore(url.rstrip("/"), token)
    raise InvalidArgumentError(
        f"no store answers to {url!r}; expected sqlite:///tracer.db (a file here), sqlite:////absolute/path/tracer.db"
        " or the URL of a tracer server such as http://host:5000"
    )
