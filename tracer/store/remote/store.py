"""The store of a tracer server: the same protocol, over its HTTP API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from tracer._json import JsonObject
from tracer._json_size import values_in
from tracer._records.derive import whole
from tracer.errors import DatasetNotFoundError, StoreError
from tracer.store.filter import Expression
from tracer.store.filter.write import filter_text, order_text
from tracer.store.remote import rows
from tracer.store.remote.connection import Connection, UnknownOperationError, path_part
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

_PAGE = 1000
_RUNS = 200
_NEWEST = 2**62
_NS_PER_MS = 1_000_000
_PART_BYTES = 1 << 20
_PART_VALUES = 100_000  # keys and values
_FILE_PART_BYTES = 4 << 20  # of a model's file
_BINARY = "application/octet-stream"


class RemoteStore:
    """Keeps traces on a tracer server."""

    is_indexed_at_once = True  # by the server
    appends_at_once = 2
    deletes_at_once = 25  # a server gives a request some seconds

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self._server = Connection(url, token)

    def __repr__(self) -> str:
        return f"RemoteStore({self.url!r})"

    def append(self, lines: Sequence[bytes], *, owner: str | None = None) -> None:
        """Send records; returns when the server has them for good. Raises StoreError."""
        content = b"\n".join(map(whole, lines))
        self._server.deliver("/records", {"owner": owner}, content=content, media_type="application/x-ndjson")

    def owner_gone(self, owner: str) -> None:
        """Mark the spans that a dead process left running as interrupted."""
        self._server.deliver(f"/owners/{path_part(owner)}/gone")

    def running_owners(self) -> list[str]:
        """Always empty: the server watches its processes itself."""
        return []

    def find_traces(self, query: TraceQuery) -> TracePage:
        """One page of the traces that a query selects."""
        found: list[Any] = []
        token = query.page_token
        while True:
            asked = {
                "filter": filter_text(query.filter),
                "order_by": order_text(query.order_by),
                "limit": min(_PAGE, query.limit - len(found)),
                "page_token": token,
            }
            page = self._get("/traces", asked)
            found.extend(page["traces"])
            token = page["next_page_token"]
            if token is None or len(found) >= query.limit:
                return TracePage([rows.trace_row(shape) for shape in found], token, page["complete"])

    def count_traces(self, filter: Expression | None = None) -> int:
        """Number of traces that meet a filter."""
        return int(self._get("/traces/histogram", {"filter": filter_text(filter), "buckets": 2})["count"])

    def trace(self, trace_id: str, *, payload: bool = True, after: int = 0) -> StoredTrace | None:
        """A trace with its spans, or None; of the spans that ended only those from position ``after`` on."""
        asked = {"payload": int(payload), "position": after}
        found = self._server.get(f"/traces/{path_part(trace_id)}/records", asked, missing=True)
        return None if found is None else _whole(found)

    def spans(self, trace_id: str, *, payload: bool = True) -> list[JsonObject]:
        """The span records of a trace, sorted by start; without payload only the fields that a tree shows."""
        stored = self.trace(trace_id, payload=payload)
        return stored.spans if stored else []

    def spans_of(self, trace_ids: Sequence[str], *, payload: bool = True) -> dict[str, list[JsonObject]]:
        """The span records of many traces at once, by trace id; none for a trace that is not there."""
        found: dict[str, list[JsonObject]] = {}
        left = list(dict.fromkeys(trace_ids))
        while left:
            try:
                part = self._records({"trace_ids": left[:_PAGE], "payload": payload})
            except UnknownOperationError:  # an older server is asked once for each trace
                return found | {trace_id: self.spans(trace_id, payload=payload) for trace_id in left}
            found.update((item["trace_id"], item["records"]) for item in part)
            left = left[len(part) :]  # a response has as many as fit
        return found

    def traces(self, trace_ids: Sequence[str]) -> list[StoredTrace]:
        """Many traces with the records of their spans at once: those that are there, in the order of the ids."""
        found: list[StoredTrace | None] = []
        while left := trace_ids[len(found) :]:
            try:
                part = self._records({"trace_ids": left[:_PAGE], "about": True})
            except UnknownOperationError:
                part = [{"trace_id": trace_id} for trace_id in left]
            for item in part:
                # an older server sends no fields of traces, or lacks this operation
                found.append(_whole(item) if "trace" in item else self.trace(item["trace_id"]))
        return [stored for stored in found if stored is not None]

    def _records(self, asked: JsonObject) -> list[JsonObject]:
        traces: list[JsonObject] = self._server.send("/traces/records", asked).json()["traces"]
        if not traces:
            raise StoreError(f"the tracer server {self.url} gave the records of none of the traces asked for")
        return traces

    def payload(self, trace_id: str, span_id: str) -> JsonObject | None:
        """The whole record of one ended span, or None."""
        path = f"/traces/{path_part(trace_id)}/records/{path_part(span_id)}"
        found = self._server.get(path, missing=True)
        return found["record"] if found else None

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
        asked = {
            "group_by": group_by,
            "filter": filter_text(filter),
            "since_ns": None if since_ms is None else int(since_ms * _NS_PER_MS),
            "until_ns": None if until_ms is None else int(until_ms * _NS_PER_MS),
            "interval_ns": interval_ns,
            "latency": None if latency == "total" else latency,  # unknown to older servers
        }
        found = self._get("/statistics", asked)
        shapes = found["groups"] if interval_ns is None else found["series"]
        return [rows.statistics_row(shape, exact=found["exact"]) for shape in shapes]

    def histogram(
        self,
        filter: Expression | None = None,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        buckets: int = 60,
    ) -> Histogram | None:
        """Counts of traces by start, in at most ``buckets`` steps of time; None if there are no traces."""
        asked = {"filter": filter_text(filter), "since_ns": since_ns, "until_ns": until_ns, "buckets": buckets}
        found = self._get("/traces/histogram", asked)
        if found["step_ns"] is None:
            return None
        counts = [(item["start_ns"], item["count"], item["errors"]) for item in found["buckets"] if item["count"]]
        return Histogram(found["since_ns"], found["until_ns"], found["step_ns"], found["count"], counts)

    def facets(self, filter: Expression | None, fields: Sequence[str], *, limit: int = 10) -> Facets:
        """The most frequent values of fields such as "model" and "tags.env" among the newest traces."""
        asked = {"filter": filter_text(filter), "fields": ",".join(fields) or ",", "limit": limit}
        return rows.facets(self._get("/traces/facets", asked))

    def snippets(self, trace_ids: Sequence[str], text: str) -> dict[str, Snippet]:
        """The first place of a text in each of the traces, by trace id; no entry for traces without it."""
        asked = {"trace_ids": list(trace_ids), "text": text}
        found = self._server.send("/traces/snippets", asked).json()["snippets"]
        return {shape.pop("trace_id"): Snippet(**shape) for shape in found}

    def find_sessions(
        self,
        filter: Expression | None = None,
        *,
        limit: int = 100,
        page_token: str | None = None,
        order_by: str = "time",
    ) -> SessionPage:
        """One page of the sessions with a trace that meets the filter, newest or most of something first."""
        asked = {"filter": filter_text(filter), "limit": limit, "page_token": page_token, "order_by": None}
        if order_by != "time":  # unknown to older servers
            asked["order_by"] = order_by
        found = self._get("/sessions", asked)
        return SessionPage([rows.session_row(shape) for shape in found["sessions"]], found["next_page_token"])

    def session(self, session_id: str) -> SessionRow | None:
        """The sums of a session, or None where no trace belongs to it."""
        found = self._server.get(f"/sessions/{path_part(session_id)}", {"limit": 1}, missing=True)
        return rows.session_row(found["session"]) if found else None

    def versions(self, filter: Expression | None = None) -> list[VersionRow]:
        """The versions of apps that traces name, the one with the newest trace first."""
        found = self._get("/versions", {"filter": filter_text(filter)})
        return [rows.version_row(shape) for shape in found["versions"]]

    def feedback(self, filter: Expression | None = None) -> list[FeedbackRow]:
        """Feedback on the traces that meet a filter, by name, the most frequent first."""
        found = self._get("/feedback", {"filter": filter_text(filter)})
        return [rows.feedback_row(shape) for shape in found["feedback"]]

    def experiments(self) -> list[ExperimentRow]:
        """Every experiment, oldest first."""
        return [rows.experiment_row(shape) for shape in self._get("/experiments")["experiments"]]

    def models(self, *, model_id: str | None = None, name: str | None = None) -> list[ModelRow]:
        """The versions of apps, newest first: all, the one with an id, or those with a name; deleted ones too."""
        found = self._get("/models", {"model_id": model_id, "name": name})
        return [rows.model_row(shape) for shape in found["models"]]

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
        asked = {"kind": kind, "name": name, "number": number, "alias": alias, "id": id}
        return [rows.registered_row(shape) for shape in self._get("/registered", asked)["registered"]]

    def runs(self, *, run_id: str | None = None) -> list[RunRow]:
        """The runs, newest first: all, or the one with an id."""
        return [rows.run_row(shape) for shape in self._get("/runs", {"run_id": run_id})["runs"]]

    def run_sums(self, run_ids: Sequence[str]) -> list[RunSums]:
        """The sums of the traces of these runs; none for a run without traces."""
        parts = [run_ids[start : start + _RUNS] for start in range(0, len(run_ids), _RUNS)]
        found = [self._server.send("/runs/sums", {"run_ids": list(part)}).json()["runs"] for part in parts]
        return [rows.run_sums(shape) for part in found for shape in part]

    def changes(self, since: int, *, limit: int = 1000) -> Changes:
        """The traces that changed after a change number; 0 for all."""
        found = self._get("/changes", {"since": since, "limit": limit})
        return Changes(found["seq"], found["trace_ids"], found["has_more"])

    def change_number(self) -> int:
        """The number of the last change."""
        return self.changes(_NEWEST, limit=1).seq

    def index_more(self) -> bool:
        """Do nothing: the server indexes by itself."""
        return False

    def delete_traces(
        self,
        *,
        trace_ids: Sequence[str] | None = None,
        filter: Expression | None = None,
        limit: int | None = None,
    ) -> int:
        """Delete by ids and filter (both must hold when both are given), oldest first; returns how many."""
        asked = {"trace_ids": None if trace_ids is None else list(trace_ids), "filter": filter_text(filter)}
        body = {name: value for name, value in {**asked, "limit": limit}.items() if value is not None}
        return int(self._server.send("/traces/delete", body).json()["deleted"])

    def delete_older(self, before: int) -> int:
        """Do nothing: the server deletes by its policies itself."""
        return 0

    def release_space(self, *, whole: bool = False) -> bool:
        """Do nothing: the server releases space by itself."""
        return False

    def sizes(self) -> dict[str, int]:
        """Always empty: the server has metrics for that."""
        return {}

    def attachment(self, digest: str) -> tuple[str, bytes] | None:
        """Media type and content of an attachment by its sha256, or None."""
        answer = self._server.request("GET", f"/attachments/{path_part(digest)}", is_missing_fine=True)
        return None if answer.status == 404 else (answer.media_type, answer.content)

    def datasets(self, *, dataset_id: str | None = None) -> list[StoredDataset]:
        """The datasets, newest first: all, or the one with an id."""
        if dataset_id is None:
            every = self._server.get("/datasets", missing=True) or {"datasets": []}  # an older server has none
            return [rows.dataset_row(shape) for shape in every["datasets"]]
        found = self._server.get(f"/datasets/{path_part(dataset_id)}", missing=True)
        return [rows.dataset_row(found)] if found else []

    def write_dataset(
        self,
        name: str,
        *,
        tags: Mapping[str, str | None] | None = None,
        experiments: Sequence[str] | None = None,
        time: int | None = None,
    ) -> StoredDataset:
        """Make the dataset of a name, or change it: given tags are set, those of None removed. ``time`` is in ns."""
        asked: JsonObject = {"name": name, "tags": dict(tags or {}), "experiments": experiments, "time": time}
        given = {name: value for name, value in asked.items() if value is not None}
        answer = self._server.send("/datasets", given, missing=True)
        if answer.status == 404:
            raise self._no_dataset(name)
        return rows.dataset_row(answer.json())

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset with its rows; without effect if there is none."""
        self._server.request("DELETE", f"/datasets/{path_part(dataset_id)}", is_missing_fine=True)

    def rows(
        self, dataset_id: str, *, filter: Expression | None = None, limit: int = 1000, page_token: str | None = None
    ) -> RowPage:
        """One page of a dataset's rows, oldest first. Raises DatasetNotFoundError."""
        asked = {"filter": filter_text(filter), "limit": min(limit, _PAGE), "page_token": page_token}
        found = self._server.get(f"/datasets/{path_part(dataset_id)}/rows", asked, missing=True)
        if found is None:
            raise self._no_dataset(dataset_id)
        return RowPage([rows.stored_row(shape) for shape in found["rows"]], found["next_page_token"])

    def write_rows(self, dataset_id: str, rows: Sequence[JsonObject]) -> WrittenRows:
        """Add rows, or merge them with the rows of the same inputs. Raises DatasetNotFoundError."""
        added = changed = 0
        for part in _parts(rows):
            done = self._change(dataset_id, "/rows", {"rows": part})
            added, changed = added + done["added"], changed + done["changed"]
        return WrittenRows(added, changed)

    def edit_row(self, dataset_id: str, row_id: str, changes: JsonObject, *, expected: int | None = None) -> StoredRow:
        """Give fields of a row other values. Raises DatasetNotFoundError, ConflictError."""
        body = changes if expected is None else {**changes, "expected_updated_ns": expected}
        found = self._server.change(f"/datasets/{path_part(dataset_id)}/rows/{path_part(row_id)}", body)
        if found is None:
            raise DatasetNotFoundError(f"the dataset has no row {row_id!r:.60}; it may have been deleted or changed")
        return rows.stored_row(found)

    def delete_rows(self, dataset_id: str, row_ids: Sequence[str]) -> int:
        """Delete rows; returns how many. Raises DatasetNotFoundError."""
        parts = [row_ids[start : start + _PAGE] for start in range(0, len(row_ids), _PAGE)]
        return sum(self._change(dataset_id, "/rows/delete", {"row_ids": list(part)})["deleted"] for part in parts)

    def _change(self, dataset_id: str, path: str, body: JsonObject) -> JsonObject:
        answer = self._server.send(f"/datasets/{path_part(dataset_id)}{path}", body, missing=True)
        if answer.status == 404:
            raise self._no_dataset(dataset_id)
        return answer.json()

    def _no_dataset(self, dataset_id: str) -> Exception:
        if self._server.get("/datasets", missing=True) is None:
            return UnknownOperationError(f"the tracer server {self.url} is older than this tracer and has no datasets")
        return DatasetNotFoundError(f"no dataset has the id {dataset_id!r:.60}; it may have been deleted")

    def review_queues(self, *, queue_id: str | None = None) -> list[StoredQueue]:
        """The review queues, newest first: all, or the one with an id."""
        if queue_id is None:
            every = self._server.get("/review-queues", missing=True) or {"queues": []}  # an older server has none
            return [rows.queue_row(shape) for shape in every["queues"]]
        found = self._server.get(f"/review-queues/{path_part(queue_id)}", missing=True)
        return [rows.queue_row(found)] if found else []

    def write_review_queue(self, queue: JsonObject) -> StoredQueue:
        """Make the queue of a name, or give it other contents."""
        answer = self._server.send("/review-queues", queue, missing=True)
        if answer.status == 404:
            raise UnknownOperationError(
                f"the tracer server {self.url} is older than this tracer and has no review queues"
            )
        return rows.queue_row(answer.json())

    def delete_review_queue(self, queue_id: str) -> None:
        """Delete a queue; without effect if there is none."""
        self._server.request("DELETE", f"/review-queues/{path_part(queue_id)}", is_missing_fine=True)

    def policies(self) -> list[StoredPolicy]:
        """The policies of retention, by name."""
        every = self._server.get("/policies", missing=True) or {"policies": []}  # an older server has none
        return [rows.policy_row(shape) for shape in every["policies"]]

    def write_policy(self, policy: JsonObject) -> StoredPolicy:
        """Make the policy of a name, or give it other contents."""
        answer = self._server.send("/policies", policy, missing=True)
        if answer.status == 404:
            raise UnknownOperationError(f"the tracer server {self.url} is older than this tracer and has no policies")
        return rows.policy_row(answer.json())

    def delete_policy(self, name: str) -> None:
        """Delete a policy; without effect if there is none."""
        self._server.request("DELETE", f"/policies/{path_part(name)}", is_missing_fine=True)

    # ---- files of logged models, which are beside a store ----

    def models_with_files(self) -> list[str] | None:
        """Ids of the versions whose files the server has; None if it is older and cannot keep files."""
        found = self._server.get("/models/files", missing=True)
        return None if found is None else found["model_ids"]

    def model_files(self, model_id: str) -> dict[str, int] | None:
        """Sizes of a version's files in bytes, by path; None if the server has none."""
        found = self._server.get(f"/models/{path_part(model_id)}/files", missing=True)
        return None if found is None else {item["path"]: item["size"] for item in found["files"]}

    def send_model_file(self, model_id: str, name: str, source: Path) -> None:
        """Send a file of a version, in parts. Raises StoreError."""
        place = f"/models/{path_part(model_id)}/files/{quote(name)}"
        with source.open("rb") as file:
            offset = 0
            while True:
                part = file.read(_FILE_PART_BYTES)
                if not part and offset:
                    return
                self._server.deliver(place, {"offset": offset}, content=part, media_type=_BINARY, method="PUT")
                offset += len(part)
                if not part:
                    return

    def finish_model(self, model_id: str, digests: dict[str, str]) -> None:
        """Let the server check the sha256 of all files by path, and keep them. Raises InvalidArgumentError."""
        self._server.deliver(f"/models/{path_part(model_id)}/files", content=orjson.dumps({"files": digests}))

    def delete_model_files(self, model_id: str) -> None:
        """Delete a version's files; without effect if the server has none."""
        self._server.request("DELETE", f"/models/{path_part(model_id)}/files", is_missing_fine=True)

    def fetch_model_file(self, model_id: str, name: str, size: int, target: Path) -> None:
        """Get a file of a version, in parts. Raises StoreError."""
        place = f"/models/{path_part(model_id)}/files/{quote(name)}"
        with target.open("xb") as file:
            while file.tell() < size:
                part = self._server.request("GET", place, {"offset": file.tell()}).content
                if not part:
                    raise StoreError(f"the tracer server {self.url} gave the file {name} incomplete")
                file.write(part)

    def close(self) -> None:
        """Close the connections to the server."""
        self._server.close()

    def _get(self, path: str, query: JsonObject | None = None) -> JsonObject:
        found = self._server.get(path, query)
        assert found is not None
        return found


def _whole(found: JsonObject) -> StoredTrace:
    return StoredTrace(rows.trace_row(found["trace"]), found["records"], found["resource"], found["position"])


def _parts(rows: Sequence[JsonObject]) -> Iterator[list[JsonObject]]:
    """The rows in lists that fit into a request."""
    part: list[JsonObject] = []
    size = values = 0
    for row in rows:
        encoded = orjson.dumps(row)
        length, number = len(encoded), values_in(encoded)
        if part and (size + length > _PART_BYTES or values + number > _PART_VALUES or len(part) >= _PAGE):
            yield part
            part, size, values = [], 0, 0
        part.append(row)
        size, values = size + length, values + number
    if part:
        yield part
