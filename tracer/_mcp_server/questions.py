"""Questions of an agent to a store, each answered by a text of a bounded number of tokens."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console

from tracer._api.annotations import log_feedback
from tracer._api.traces import trace_from_stored
from tracer._diff import diff
from tracer._engine.runtime import runtime
from tracer._mcp_server.outline import CHARACTERS_PER_TOKEN, outline
from tracer._replay.span_tree import step_named
from tracer.cli import wording
from tracer.cli.auditing import print_audit
from tracer.cli.conversation import print_steps
from tracer.cli.diff import print_diff
from tracer.cli.reading import find_trace, store_for_reading, trace_id_of
from tracer.cli.rows import WIDE_COLUMNS, line_of
from tracer.cli.screen import Screen
from tracer.cli.stats import print_statistics
from tracer.cli.steps import Step, steps_of
from tracer.cli.tree import print_headline
from tracer.errors import InvalidArgumentError
from tracer.genai.auditing import audit_of_store
from tracer.genai.datasets import create_dataset
from tracer.store import Store, TraceQuery
from tracer.store.datasets import row_of_stored
from tracer.store.filter import parse_filter

_MOST_TRACES = 100
_ERRORS_IN_TRACES = 500  # the newest that are looked at
_LONGEST_TITLE = 200
_MOST_TOKENS = 20_000
# parts that differ between two occurrences of one error: numbers, ids, addresses, quoted values
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]{4,})*\b|\d+(?:\.\d+)?|'[^']*'|\"[^\"]*\"")


def search_traces(filter: str = "", limit: int = 20, page_token: str = "") -> str:
    """List traces, newest first: id, start, state, time, tokens, cost, name and what was asked.

    `filter` is a condition such as:
    status = 'ERROR' · model = 'gpt-4o' AND tokens > 1000 · name LIKE '%agent%' · session = 's1' · cost > 0.01 ·
    duration > 2s · timestamp > '2026-11-01' · tags.env = 'prod' · span.name = 'search' AND span.status = 'ERROR' ·
    text CONTAINS 'refund'. Without one all traces are listed. `page_token` continues an earlier list.
    """
    wanted = max(1, min(limit, _MOST_TRACES))
    query = TraceQuery(filter=parse_filter(filter or None), limit=wanted, page_token=page_token or None)
    page = _store().find_traces(query)
    if not page.traces:
        return "No trace meets the filter." if filter else "There are no traces."
    lines = [WIDE_COLUMNS, *(wording.clip(line_of(row, None).plain, _LONGEST_TITLE) for row in page.traces)]
    if page.next_page_token:
        lines.append(f"There are more: page_token={page.next_page_token}")
    return "\n".join(lines)


def get_trace(trace_id: str = "latest", max_tokens: int = 2000) -> str:
    """One trace as a numbered tree of its steps with kind, time, tokens, cost and errors.

    `trace_id` is an id, its first digits, or "latest". Failed steps are marked with ✗; when the trace is larger than
    `max_tokens`, steps that did not fail are left out first. `get_step` shows the content of a step.
    """
    stored = find_trace(_store(), trace_id)
    steps = steps_of(stored.spans)
    head = _printed(lambda screen: print_headline(screen, stored))
    failed = [str(number) for number, step in enumerate(steps, start=1) if step.failed]
    told = f"Failed steps: {', '.join(failed[:50])}" if failed else "No step failed."
    room = _bounded(max_tokens) - len(head) // CHARACTERS_PER_TOKEN
    return "\n".join([head.rstrip(), told, "", *outline(steps, max(room, 200))])


def get_step(trace_id: str, step: str, max_tokens: int = 2000, offset: int = 0) -> str:
    """Content of one step of a trace: messages, tool calls beside their results, inputs, outputs, stack trace.

    `step` is its number in `get_trace`, its span id or the first digits of it, or its name if only one step has that.
    Where it is longer than `max_tokens`, `offset` (in characters) continues it.
    """
    stored = find_trace(_store(), trace_id)
    found = step_named(steps_of(stored.spans), step, argument="step", shown_by="get_trace")
    text = _printed(lambda screen: print_steps(screen, [found])).strip("\n")
    first = max(0, offset)
    end = first + _bounded(max_tokens) * CHARACTERS_PER_TOKEN
    more = f"\n… {len(text) - end:,} more characters: offset={end}" if end < len(text) else ""
    return text[first:end] + more


def group_errors(filter: str = "", limit: int = 20) -> str:
    """Errors of the newest failed steps, those alike together: how often, where, and in which traces.

    A step counts where it failed first, not those above it. `filter` chooses the traces, as in `search_traces`.
    """
    condition = "span.status = 'ERROR'" + (f" AND ({filter})" if filter else "")
    store = _store()
    page = store.find_traces(TraceQuery(filter=parse_filter(condition), limit=_ERRORS_IN_TRACES))
    groups: dict[tuple[str, str], list[tuple[str, Step]]] = defaultdict(list)
    for trace_ids in _parts([row.trace_id for row in page.traces], 50):
        for trace_id, spans in store.spans_of(trace_ids).items():
            for failed in _innermost(steps_of(spans)):
                alike = _VARYING.sub("…", wording.clean_line(failed.error or ""))
                groups[failed.name, alike].append((trace_id, failed))
    if not groups:
        return "No step failed."
    lines = []
    for (name, _), found in sorted(groups.items(), key=lambda item: -len(item[1]))[: max(1, limit)]:
        traces = list(dict.fromkeys(trace_id for trace_id, _ in found))
        newest = max(found, key=lambda each: each[1].start)[1]
        often = f"{wording.how_many(len(found), 'time')} in {wording.how_many(len(traces), 'trace')}"
        lines += [
            f"{often}, last {wording.moment(newest.start)}: {wording.clean_line(name)}",
            f"  ✗ {wording.clip(wording.clean_line(newest.error), _LONGEST_TITLE)}",
            f"  traces: {', '.join(traces[:3])}{', …' if len(traces) > 3 else ''}",
        ]
    left_out = len(groups) - max(1, limit)
    if left_out > 0:
        lines.append(f"… {wording.how_many(left_out, 'more kind')} of error")
    if page.next_page_token:
        lines.append(f"(of the newest {_ERRORS_IN_TRACES} traces with errors; a filter chooses others)")
    return "\n".join(lines)


def statistics(group_by: str = "model", filter: str = "") -> str:
    """Calls, errors, tokens, cost and latency percentiles, by `model`, `provider`, step `name` or `type`."""
    allowed = ("model", "provider", "name", "type")
    if group_by not in allowed:
        raise InvalidArgumentError(f"group_by: got {group_by!r}, expected one of {', '.join(allowed)}.")
    rows = _store().statistics(group_by=group_by, filter=parse_filter(filter or None))
    return _printed(lambda screen: print_statistics(screen, group_by, rows)) if rows else "There are no calls."


def compare_traces(a: str, b: str, max_tokens: int = 2000) -> str:
    """First difference of two traces: the step, the message and the words, then the steps of both with all differences.

    `a` and `b` are ids, first digits of ids, or "latest". Ids, dates and times in texts are no difference.
    """
    store = _store()
    found = diff(*(trace_from_stored(find_trace(store, each)) for each in (a, b)))
    return _cut(_printed(lambda screen: print_diff(screen, found)), max_tokens)


def audit(filter: str = "", limit: int = 1000, max_tokens: int = 2000) -> str:
    """Spending of calls to models without need: reason, place, tokens and USD a day, traces; the dearest first.

    `filter` chooses the traces, as in `search_traces`; `limit` is how many to look at, the newest first.
    """
    found = audit_of_store(_store(), parse_filter(filter or None), max(1, limit))
    return _cut(_printed(lambda screen: print_audit(screen, found)), max_tokens)


def give_feedback(
    trace_id: str, name: str, value: str | bool | float, rationale: str = "", author: str = "agent"
) -> str:
    """Keep a judgement of a trace with it, such as name "correct", value false and why."""
    whole = trace_id_of(_store(), trace_id)
    source = {"source_type": "LLM_JUDGE", "source_id": author}
    log_feedback(trace_id=whole, name=name, value=value, rationale=rationale or None, source=source)
    runtime().sync()
    return f"Feedback {name!r} is kept with trace {whole}."


def add_to_dataset(trace_id: str, dataset: str) -> str:
    """Keep the question of a trace as a row of a dataset, to be asked again of the next version.

    The row has inputs and outputs of the trace's root, and the answers that were logged as expected. `dataset` is a
    name; a new one makes a dataset. A trace with the same inputs as a row is merged with that row.
    """
    stored = find_trace(_store(), trace_id)
    if row_of_stored(stored) is None:
        raise InvalidArgumentError(f"the root of trace {stored.row.trace_id} has no inputs, so it cannot be a row.")
    rows = create_dataset(dataset)
    was_new = rows.add(stored.row.trace_id).added > 0
    told = "is a new row of" if was_new else "was merged with a row of"
    return f"Trace {stored.row.trace_id} {told} dataset {rows.name!r}, which has {wording.how_many(len(rows), 'row')}."


def _store() -> Store:
    return store_for_reading(None)


def _cut(text: str, max_tokens: int) -> str:
    room = _bounded(max_tokens) * CHARACTERS_PER_TOKEN
    left_out = len(text) - room
    return text if left_out <= 0 else f"{text[:room]}\n… {left_out:,} more characters; a larger max_tokens shows them"


def _bounded(max_tokens: int) -> int:
    return max(200, min(max_tokens, _MOST_TOKENS))


def _printed(draw: Callable[[Screen], None]) -> str:
    """Output of a command, as one text without colours."""
    file = io.StringIO()
    draw(Screen(Console(file=file, highlight=False, markup=False, emoji=False, soft_wrap=True)))
    return file.getvalue()


def _innermost(steps: Sequence[Step]) -> Iterator[Step]:
    """The failed steps below which none failed."""
    above = {step.record.get("parent_id") for step in steps if step.failed}
    return (step for step in steps if step.failed and step.span_id not in above)


def _parts(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
