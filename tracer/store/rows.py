"""The results of a store: rows of traces, stored traces, pages, changes and statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from tracer._json import JsonObject
from tracer.store.filter import Expression, OrderTerm

DEFAULT_ORDER = (OrderTerm("timestamp", True),)


class AssessmentRow(NamedTuple):
    """Feedback or an expectation as stored; ``time`` in ns."""

    id: str
    trace_id: str
    span_id: str | None
    name: str
    type: str
    value: Any
    rationale: str | None
    source: dict[str, str]
    metadata: dict[str, str]
    error: str | None
    time: int


class TraceRow(NamedTuple):
    """A trace without its spans; times in ns, costs in USD, ``usage`` with the keys of semconv.TOKEN_USAGE."""

    trace_id: str
    seq: int
    experiment_id: str
    experiment: str
    state: str
    name: str | None
    root_span_id: str | None
    start: int
    duration: int | None
    span_count: int
    error_count: int
    usage: dict[str, int] | None
    cost: dict[str, float] | None
    request_preview: str | None
    response_preview: str | None
    session_id: str | None
    user: str | None
    model_id: str | None
    run_id: str | None
    client_request_id: str | None
    models: list[str]
    providers: list[str]
    failed_steps: list[str]  # names of failed spans without a failed one below
    tags: dict[str, str]
    metadata: dict[str, str]
    assessments: list[AssessmentRow]


class StoredTrace(NamedTuple):
    """A trace with the records of its spans, sorted by start.

    A running span has a record of kind ``start``. Each span record has ``cost`` where a price is known.
    Spans are numbered in the order in which they ended; ``position`` is the number of the next one.
    """

    row: TraceRow
    spans: list[JsonObject]
    resource: JsonObject
    position: int


class ModelRow(NamedTuple):
    """A version of an app as stored; times in ns."""

    model_id: str
    name: str
    experiment_id: str
    experiment: str
    created: int
    updated: int
    model_type: str | None
    source_run_id: str | None
    status: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    status_message: str | None = None
    deleted: bool = False


NEWEST = "latest"  # the alias of the newest version of a prompt or registered model


class RegisteredRow(NamedTuple):
    """A version of a prompt or of a registered model as stored; ``aliases`` are those of its name, with numbers."""

    kind: str
    name: str
    number: int
    id: str
    created: int
    tags: dict[str, str]
    content: JsonObject
    aliases: dict[str, int]


class RunRow(NamedTuple):
    """A run as stored; times in ns, ``ended`` is None while it runs, ``steps`` has values of metrics by step."""

    run_id: str
    name: str
    experiment_id: str
    experiment: str
    parent_id: str | None
    status: str
    started: int
    ended: int | None
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    steps: dict[str, dict[str, float]]


class StoredDataset(NamedTuple):
    """A dataset without its rows; times in ns, ``experiments`` are names, ``row_count`` is the number of rows."""

    dataset_id: str
    name: str
    created: int
    updated: int
    experiments: list[str]
    tags: dict[str, str]
    row_count: int


class StoredRow(NamedTuple):
    """A row of a dataset; times in ns, ``trace_id`` is the trace that it came from, ``source`` a user's own word."""

    row_id: str
    inputs: Any
    outputs: Any
    expectations: JsonObject
    tags: dict[str, str]
    split: str | None
    trace_id: str | None
    source: JsonObject | None
    created: int
    updated: int


class RowPage(NamedTuple):
    """One page of a dataset's rows, and the token of the next one, None on the last.

    With a filter a page may have fewer rows than were asked for, or none, and still not be the last.
    """

    rows: list[StoredRow]
    next_page_token: str | None


class WrittenRows(NamedTuple):
    """Numbers of rows that were added, and of stored rows that were changed."""

    added: int
    changed: int


class StoredQueue(NamedTuple):
    """A review queue; times in ns, ``scores`` as reviews.py checks them.

    ``filter`` is a filter string, empty for all traces; ``experiment`` a name, None for all. ``reviewers`` is the
    number of people that a trace needs.
    """

    queue_id: str
    name: str
    created: int
    updated: int
    filter: str
    experiment: str | None
    scores: list[JsonObject]
    reviewers: int
    guidance: str


class StoredPolicy(NamedTuple):
    """A policy of retention; times in ns.

    A trace that meets the filter stays for so many seconds after it began, None for ever. Of those outside of the
    sample, a part from 0 to 1, the time is ``after_seconds``.
    """

    name: str
    created: int
    updated: int
    filter: str
    keep_seconds: int | None
    sample: float
    after_seconds: int | None


class TraceQuery(NamedTuple):
    """The query of a listing: a checked filter, sort keys, a limit, and the token of the page before."""

    filter: Expression | None = None
    order_by: tuple[OrderTerm, ...] = DEFAULT_ORDER
    limit: int = 100
    page_token: str | None = None


class TracePage(NamedTuple):
    """One page of a listing, and the token of the next one, None on the last.

    ``complete`` is False while the full-text index is being made: spans not indexed yet were not searched.
    """

    traces: list[TraceRow]
    next_page_token: str | None
    complete: bool = True


class Changes(NamedTuple):
    """The traces that changed after a change number, oldest change first, and the number to ask with next."""

    seq: int
    trace_ids: list[str]
    has_more: bool = False


class StatisticsRow(NamedTuple):
    """Calls of one group (a model, a span name, …): latencies in ms, cost in USD, None where no call has its own.

    Every span counts in calls, errors and latencies; tokens and cost are those of the topmost spans that carry some.
    ``priced`` is the number of calls whose price is known, their own or that of calls below them, ``unmeasured`` that
    of calls without one that failed or sent no token counts, so that ``unpriced`` are those that the price table does
    not have. ``exact`` is False where percentiles come from the hourly roll-up, whose buckets are 5 % wide. ``start``
    is where the step begins, in ns.
    """

    group: str
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    priced: int
    latency_p50_ms: float
    latency_p95_ms: float
    latency_p99_ms: float
    exact: bool = True
    start: int | None = None
    unmeasured: int = 0

    @property
    def total_tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    @property
    def unpriced(self) -> int:
        """Calls with token counts for which no price is known."""
        return self.calls - self.priced - self.unmeasured


@dataclass(frozen=True)
class Histogram:
    """Counts of traces by start, in steps of ``step`` ns from ``since`` on; steps without traces are left out."""

    since: int
    until: int
    step: int
    count: int
    buckets: list[tuple[int, int, int]]  # start of the step in ns, traces, failed ones


class Facet(NamedTuple):
    """The most frequent values of a field, each with its number of traces; ``more`` where there are others.

    ``folded`` has the dated names of a model that count under its plain one.
    """

    field: str
    values: list[tuple[str, int]]
    more: bool
    folded: Mapping[str, list[str]] = MappingProxyType({})


class Facets(NamedTuple):
    """Facets counted over the newest traces; ``complete`` is True where those are all."""

    facets: list[Facet]
    counted: int
    complete: bool
    tag_keys: list[str]


class Snippet(NamedTuple):
    """A place of searched words in a span's text: the words as they are there, and the text around them."""

    span_id: str
    before: str
    words: str
    after: str


class SessionRow(NamedTuple):
    """The traces of one session together; times in ns, cost in USD."""

    session_id: str
    users: list[str]
    trace_count: int
    error_count: int
    start: int
    end: int
    usage: dict[str, int]
    cost: float | None
    models: list[str]
    first_request_preview: str | None
    last_response_preview: str | None


class SessionPage(NamedTuple):
    """One page of sessions, and the token of the next one, None on the last."""

    sessions: list[SessionRow]
    next_page_token: str | None


@dataclass(frozen=True)
class FeedbackRow:
    """Feedback of one name: its number, and the mean and standard deviation of numbers and of yes or no.

    The counts of texts are in order, the most frequent first. ``is_share``: the mean is the share of yes among yes and
    no.
    """

    name: str
    count: int
    mean: float | None
    deviation: float | None = None
    texts: Mapping[str, int] = field(default_factory=dict)
    is_share: bool = False


class VersionRow(NamedTuple):
    """The traces of one version of an app together; times in ns, latencies in ms, cost in USD.

    ``trace_name`` is the name of most of them. ``uncertainty`` has the standard errors, where the traces allow one, of
    ``tokens`` and ``cost`` a trace and of ``latency_p50_ms``, ``latency_p95_ms`` and ``latency_p99_ms``.
    """

    model_id: str
    trace_count: int
    error_count: int
    first: int
    last: int
    usage: dict[str, int]
    cost: float | None
    latency_p50_ms: float
    latency_p95_ms: float
    latency_p99_ms: float
    models: list[str]
    feedback: list[FeedbackRow]
    trace_name: str | None = None
    uncertainty: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class ScoreRow:
    """Scores of one name: count, mean of numbers and of yes or no, and number of traces whose scorer failed."""

    name: str
    count: int
    mean: float | None
    failed: int


class RunSums(NamedTuple):
    """The traces of a run together; latencies in ms, cost in USD, ``model_ids`` are the versions that they name.

    ``scores`` are those that the run's own evaluation gave.
    """

    run_id: str
    trace_count: int
    error_count: int
    usage: dict[str, int]
    cost: float | None
    latency_p50_ms: float
    latency_p95_ms: float
    latency_p99_ms: float
    model_ids: list[str]
    scores: list[ScoreRow]


class ExperimentRow(NamedTuple):
    """An experiment, its number of traces, and the start of the last one in ns."""

    id: str
    name: str
    trace_count: int
    last: int | None
