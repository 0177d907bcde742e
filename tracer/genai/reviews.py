"""Review queues: people look at traces one after the other, and their answers are feedback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tracer._api.traces import TraceList, trace_from_row
from tracer._encoding.text import clean_text
from tracer._engine.runtime import runtime
from tracer._json import JsonObject, encode, loads
from tracer._tracking.checks import checked_text
from tracer._tracking.experiments import Experiment, experiment_name
from tracer._tracking.search import Search
from tracer.errors import InvalidArgumentError, QueueNotFoundError
from tracer.store import Store, TraceQuery
from tracer.store.filter import Field, parse_order
from tracer.store.reviews import checked_queue, in_queue, left_for, queue_id_of, reviewed, reviewed_by
from tracer.store.rows import StoredQueue

_NS_PER_MS = 1_000_000
_OLDEST_FIRST = "timestamp ASC"


class ReviewProgress(NamedTuple):
    """Numbers of traces: in a queue, reviewed by enough people, and reviewed by the given reviewer (or None)."""

    traces: int
    reviewed: int
    by_reviewer: int | None


class ReviewQueue:
    """A saved filter, and the questions to people about its traces: ``create_review_queue`` gives one."""

    def __init__(self, stored: StoredQueue) -> None:
        self._stored = stored

    @property
    def name(self) -> str:
        """Its name."""
        return self._stored.name

    @property
    def queue_id(self) -> str:
        """Its id, which is the same in every store."""
        return self._stored.queue_id

    @property
    def filter_string(self) -> str:
        """The filter of its traces, empty for all."""
        return self._stored.filter

    @property
    def experiment_id(self) -> str | None:
        """The experiment of its traces, None for all."""
        name = self._stored.experiment
        return None if name is None else Experiment(name).experiment_id

    @property
    def scores(self) -> list[JsonObject]:
        """The questions: dicts with name, kind and question, and choices where there are some."""
        return [dict(score) for score in self._stored.scores]

    @property
    def reviewers(self) -> int:
        """Number of people that have to review a trace."""
        return self._stored.reviewers

    @property
    def guidance(self) -> str:
        """The instructions for reviewers."""
        return self._stored.guidance

    @property
    def created_time(self) -> int:
        """When it was made, ms since the epoch."""
        return self._stored.created // _NS_PER_MS

    @property
    def last_update_time(self) -> int:
        """When it was changed last, ms since the epoch."""
        return self._stored.updated // _NS_PER_MS

    def traces(self, reviewer: str | None = None, *, max_results: int = 100) -> TraceList:
        """The traces that need another review, oldest first; with a reviewer those that they have not reviewed."""
        runtime().sync()
        store, left = _store(), left_for(self._stored, _reviewer(reviewer))
        page = store.find_traces(TraceQuery(left, parse_order(_OLDEST_FIRST), max_results))
        spans = store.spans_of([row.trace_id for row in page.traces])
        return TraceList([trace_from_row(row, spans.get(row.trace_id, [])) for row in page.traces])

    def progress(self, reviewer: str | None = None) -> ReviewProgress:
        """Numbers of its traces, and of those that are reviewed."""
        runtime().sync()
        count, reviewer = _store().count_traces, _reviewer(reviewer)
        return ReviewProgress(
            count(in_queue(self._stored)),
            count(reviewed(self._stored)),
            None if reviewer is None else count(reviewed_by(self._stored, reviewer)),
        )

    def __repr__(self) -> str:
        return f"ReviewQueue({self.name!r}, filter_string={self.filter_string!r}, queue_id={self.queue_id!r})"


def _reviewer(given: str | None) -> str | None:
    return None if given is None else checked_text("reviewer", given)


def create_review_queue(
    name: str,
    *,
    scores: Sequence[str | Mapping[str, object]],
    filter_string: str | None = None,
    experiment_id: str | None = None,
    reviewers: int = 1,
    guidance: str = "",
) -> ReviewQueue:
    """Make the review queue of this name, or replace the contents of the existing one.

    Its traces are those that meet the filter, also those that come later; of one experiment, by id or name, or of all.
    ``scores`` are names of yes-or-no questions, and dicts of ``name``, ``kind``, ``question`` and ``choices``: kinds
    are "yes_no", "rating" (1 to 5), "choice" (one of ``choices``) and "text". An answer is feedback of that name whose
    source is a person. ``reviewers`` is the number of people that a trace needs. Raises InvalidArgumentError, and
    FilterSyntaxError for the filter.
    """
    queue = checked_queue({
        "name": clean_text(checked_text("name", name)),
        "filter": filter_string,
        "experiment": None if experiment_id is None else experiment_name(experiment_id),
        "scores": [score if isinstance(score, str) else dict(score) for score in _listed(scores)],
        "reviewers": reviewers,
        "guidance": guidance,
    })  # fmt: skip
    safe = checked_queue(loads(runtime().recorder.redact(encode(queue))))
    return ReviewQueue(_store().write_review_queue(safe))


def _listed(scores: object) -> Sequence[str | Mapping[str, object]]:
    if isinstance(scores, (str, Mapping)) or not isinstance(scores, Sequence):
        raise InvalidArgumentError(f"scores: got {scores!r:.80}, expected a list such as ['correct'].")
    return scores


def get_review_queue(name: str | None = None, *, queue_id: str | None = None) -> ReviewQueue:
    """The review queue with this name or id. Raises QueueNotFoundError."""
    if (name is None) == (queue_id is None):
        raise InvalidArgumentError("a review queue is named by either its name or queue_id=.")
    wanted = queue_id_of(name.strip()) if name is not None else checked_text("queue_id", queue_id)
    found = _store().review_queues(queue_id=wanted)
    if not found:
        known = ", ".join(repr(row.name) for row in _store().review_queues()[:5]) or "none"
        raise QueueNotFoundError(
            f"no review queue {name if name is not None else queue_id!r:.80} in the store, which has {known};"
            " create_review_queue() makes one"
        )
    return ReviewQueue(found[0])


def search_review_queues(
    filter_string: str | None = None, *, max_results: int | None = None, order_by: Sequence[str] | None = None
) -> list[ReviewQueue]:
    """The review queues that match a filter such as ``"name LIKE 'refund%'"``, newest first.

    Fields are name, queue_id, created_time and last_update_time. Raises FilterSyntaxError.
    """
    return [ReviewQueue(row) for row in _SEARCH.find(_store().review_queues(), filter_string, order_by, max_results)]


def _value(row: StoredQueue, field: Field) -> object:
    times = {"created_time": row.created, "last_update_time": row.updated}
    return times[field.name] / _NS_PER_MS if field.name in times else getattr(row, field.name)


_SEARCH: Search[StoredQueue] = Search(
    {"name": "text", "queue_id": "text", "created_time": "timestamp", "last_update_time": "timestamp"}, _value
)


def delete_review_queue(name: str | None = None, *, queue_id: str | None = None) -> None:
    """Delete a review queue; the feedback that was given in it stays. Raises QueueNotFoundError."""
    _store().delete_review_queue(get_review_queue(name, queue_id=queue_id).queue_id)


def _store() -> Store:
    return runtime().store()
