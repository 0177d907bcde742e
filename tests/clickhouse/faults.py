"""Servers that die, an engine that stops, deliveries twice and late: nothing is lost, nothing counts twice.

    python tests/clickhouse/faults.py --traces 2000 --clients 20 --stop 60

Two servers of tracer write to one engine. Clients send the spans of traces in parts, to one server or the other, until
each is acknowledged. In the middle one server is killed, the engine is killed too and comes back some seconds later.
Parts come in any order, some again and again, also to the other server; some traces are deleted before their last spans
come. In the end lists and sums must be those of what was sent. ``test_faults.py`` runs it small.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.clickhouse.engine import running_engine  # noqa: E402
from tests.server_process import server_process  # noqa: E402
from tests.store.records import MS, START, said, span  # noqa: E402
from tracer.errors import TracerError  # noqa: E402
from tracer.store import Store, open_store  # noqa: E402

SPANS = 6  # of a trace, in three parts
TOKENS = 3
_WITHIN_SECONDS = 300
_HOUR = 3_600_000 * MS


class Part(NamedTuple):
    """What one delivery has."""

    trace: int
    number: int
    lines: list[bytes]


class Faults(NamedTuple):
    """How much is sent, and what breaks for how long."""

    traces: int = 12
    clients: int = 4
    stopped_seconds: float = 2.0


def parts_of(trace: int) -> list[Part]:
    """A trace: its children first, its root last; each third one goes on for longer than an hour."""
    name = f"{trace + 1:032x}"
    start = START + trace * 60_000 * MS
    step = _HOUR // 2 if trace % 3 == 0 else MS
    spans = [
        span(
            name, f"{number + 1:016x}", f"{1:016x}" if number else None, start=start + number * step,
            end=start + number * step + MS, type="CHAT_MODEL" if number else "AGENT",
            **({"model": "m", "usage": (2, 1)} if number else {}),
        )
        for number in range(SPANS)
    ]  # fmt: skip
    told = said(name, 1, session_id=f"s{trace % 5}", tags={"number": str(trace)})
    return [Part(trace, 0, [*spans[4:], told]), Part(trace, 1, spans[2:4]), Part(trace, 2, spans[:2])]


def is_deleted(trace: int) -> bool:
    """Whether a trace is deleted before its last part comes."""
    return trace % 6 == 3


def check(faults: Faults, stores: Sequence[Store]) -> None:
    """Compare lists and sums with what was sent."""
    kept = [trace for trace in range(faults.traces) if not is_deleted(trace)]
    calls = len(kept) * (SPANS - 1)
    expected = sorted(f"{number + 1:016x}" for number in range(SPANS))
    for store in stores:
        assert store.count_traces() == len(kept)
        ids = [f"{trace + 1:032x}" for trace in range(faults.traces)]
        found = [each for start in range(0, len(ids), 100) for each in store.traces(ids[start : start + 100])]
        assert [each.row.trace_id for each in found] == [ids[trace] for trace in kept]
        for stored in found:
            assert sorted(each["span_id"] for each in stored.spans) == expected, stored.row.trace_id
            assert stored.row.span_count == SPANS, stored.row.trace_id
        assert sum(row.calls for row in store.statistics(group_by="type")) == len(kept) * SPANS
        (model,) = store.statistics()
        assert (model.calls, model.input_tokens, model.output_tokens) == (calls, 2 * calls, calls)
        (everything,) = store.statistics(group_by="all_traces")
        assert (everything.calls, everything.input_tokens) == (len(kept), 2 * calls)
        assert sum(session.trace_count for session in store.find_sessions().sessions) == len(kept)
        assert changed(store) == {ids[trace] for trace in kept}


def changed(store: Store) -> set[str]:
    """The traces that a follower of the store is told of, each once in an answer."""
    told: set[str] = set()
    since, has_more = 0, True
    while has_more:
        changes = store.changes(since, limit=1000)
        assert len(changes.trace_ids) == len(set(changes.trace_ids))
        told.update(changes.trace_ids)
        since, has_more = changes.seq, changes.has_more
    return told


class Run:
    """The deliveries of one run."""

    def __init__(self, faults: Faults, urls: Sequence[str], chance: random.Random) -> None:
        self._faults = faults
        self._urls = urls
        self._chance = chance
        self._local = threading.local()
        self.retries = 0

    def deliver(self, part: Part, times: int) -> None:
        """Send a part until it is acknowledged, as often as asked for."""
        for time_of in range(times):
            server = (part.trace + part.number + time_of) % 2
            self._until_done(server, lambda store: store.append(part.lines, owner=f"client{part.trace % 7}"))

    def delete(self, trace: int) -> None:
        """Delete a trace."""
        self._until_done(trace % 2, lambda store: store.delete_traces(trace_ids=[f"{trace + 1:032x}"]))

    def _until_done(self, server: int, action: object) -> None:
        ends = time.monotonic() + _WITHIN_SECONDS
        while True:
            try:
                with closing(open_store(self._urls[server % 2])) as store:
                    action(store)  # type: ignore[operator]
                return
            except TracerError:
                if time.monotonic() > ends:
                    raise
                self.retries += 1
                server += 1
                time.sleep(self._chance.uniform(0.05, 0.3))


def run(folder: Path, faults: Faults, seed: int = 0) -> int:
    """Run it all in a folder; the number of deliveries that had to be made again. Raises AssertionError."""
    chance = random.Random(seed)
    first, last = [], []
    for trace in range(faults.traces):
        parts = parts_of(trace)
        first += parts[:2] if is_deleted(trace) else parts
        last += parts[2:] if is_deleted(trace) else []
    chance.shuffle(first)
    with ExitStack() as stack:
        engine = stack.enter_context(ExitStack())
        address = engine.enter_context(running_engine(folder))
        url = f"clickhouse://{address}/traces"
        with closing(open_store(url)) as store:
            store.count_traces()
        doomed, one = stack.enter_context(server_process(url))
        _, other = stack.enter_context(server_process(url))
        sent = Run(faults, (one, other), chance)
        with ThreadPoolExecutor(faults.clients) as pool:
            under_way = [pool.submit(sent.deliver, part, chance.choice((1, 1, 2))) for part in first]
            _wait_for(under_way, len(under_way) // 4)
            doomed.kill()
            _wait_for(under_way, len(under_way) // 2)
            engine.close()
            time.sleep(faults.stopped_seconds)
            engine.enter_context(running_engine(folder, int(address.rpartition(":")[2])))
            for each in under_way:
                each.result(_WITHIN_SECONDS)
            for each in [pool.submit(sent.delete, trace) for trace in range(faults.traces) if is_deleted(trace)]:
                each.result(_WITHIN_SECONDS)
            # the last spans of what was deleted, and late repetitions of what was not
            late = [part for part in first if not is_deleted(part.trace)][:: max(1, faults.traces // 10)]
            for each in [pool.submit(sent.deliver, part, 2) for part in (*last, *late)]:
                each.result(_WITHIN_SECONDS)
        with closing(open_store(other)) as served, closing(open_store(url)) as direct:
            check(faults, (served, direct))
    return sent.retries


def _wait_for(under_way: Sequence[object], count: int) -> None:
    while sum(each.done() for each in under_way) < count:  # type: ignore[attr-defined]
        time.sleep(0.1)


def main(arguments: Sequence[str]) -> int:
    """Run it with the sizes that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--stop", type=float, default=10, help="seconds without an engine")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        retries = run(Path(folder), Faults(given.traces, given.clients, given.stop), given.seed)
    print(f"{given.traces} traces as sent, {retries} deliveries made again, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
