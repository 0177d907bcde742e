"""How fast a store with millions of spans takes in and answers, and how much room it needs.

    python tests/clickhouse/scale.py load FOLDER --spans 10000000 --processes 2
    python tests/clickhouse/scale.py ask FOLDER --threads 2
    python tests/clickhouse/scale.py load FOLDER --spans 200000 --sqlite

The engine runs in a process of its own over the files in the folder; the store is used in the processes that load, as a
server uses it. ``ask`` may come any time after.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.clickhouse.agents import SPANS, batches, lines  # noqa: E402
from tests.clickhouse.engine import running_engine  # noqa: E402
from tracer.store import Store, TraceQuery, open_store  # noqa: E402
from tracer.store.filter import parse_filter, parse_order  # noqa: E402

WEEKS = 8
WEEK_NS = 7 * 24 * 3600 * 10**9
START = 1_790_553_600 * 10**9  # a Monday of September 2026
_TRACES_AT_ONCE = 1000


def load(url: str, first: int, last: int, step: int) -> tuple[int, float, float]:
    """Append the traces of these numbers; their bytes, and the seconds of CPU of making them and of the store."""
    size, making, storing = 0, 0.0, 0.0
    with closing(open_store(url)) as store:
        made = batches(lines(first, last, START, step), _TRACES_AT_ONCE)
        while True:
            started = time.process_time()
            records = next(made, None)
            making += time.process_time() - started
            if records is None:
                return size, making, storing
            size += sum(map(len, records))
            started = time.process_time()
            store.append(records, owner=f"{os.getpid()}-load")
            while store.index_more():
                pass
            storing += time.process_time() - started


def load_all(url: str, spans: int, processes: int) -> None:
    """Load in several processes, and tell the rate."""
    traces = spans // SPANS
    step = WEEKS * WEEK_NS // traces
    bounds = [traces * place // processes for place in range(processes + 1)]
    with closing(open_store(url)) as store:
        store.count_traces()
    started = time.monotonic()
    with get_context("spawn").Pool(processes) as pool:
        parts = pool.starmap(load, [(url, low, high, step) for low, high in pairwise(bounds)])
    took = time.monotonic() - started
    size, making, storing = (sum(part[place] for part in parts) for place in range(3))
    count = traces * SPANS
    print(
        f"{count:,} spans of {size / count:.0f} bytes in {took:.0f} s, {count / took:,.0f} a second; CPU a span:"
        f" {making / count * 1e6:.0f} µs to make them, {storing / count * 1e6:.0f} µs the store",
        flush=True,
    )


def questions(store: Store) -> dict[str, Callable[[], Any]]:
    """What pages, commands and functions ask."""
    until = START + WEEKS * WEEK_NS
    middle = f"timestamp > {(START + WEEKS * WEEK_NS // 2) // 10**6}"
    (some,) = store.find_traces(TraceQuery(parse_filter(middle), parse_order("timestamp"), limit=1)).traces
    week = {"since_ms": (until - WEEK_NS) / 1e6, "until_ms": until / 1e6}

    def listed(filter: str | None = None) -> Callable[[], Any]:
        query = TraceQuery(parse_filter(filter), parse_order(None), limit=50)
        return lambda: len(store.find_traces(query).traces)

    def sums(group_by: str, **more: Any) -> Callable[[], Any]:
        return lambda: len(store.statistics(group_by=group_by, **week, **more))

    return {
        "nothing": store.change_number,
        "tree of a trace": lambda: len(store.spans(some.trace_id, payload=False)),
        "trace with its payload": lambda: len(store.spans(some.trace_id)),
        "newest 50": listed(),
        "newest 50, tags and state": listed("tags.env = 'prod' AND status = 'ERROR'"),
        "newest 50, of spans": listed("span.name = 'get_weather' AND span.duration_ms > 1000"),
        "newest 50, of a session": listed(f"session = '{some.session_id}'"),
        "a word that is rare": listed("text = 'rareword77'"),
        "two words that are common": listed("text = 'careful shop'"),
        "a part of a word": listed("text CONTAINS 'areword77'"),
        "a week by model": sums("model"),
        "a week by type": sums("type"),
        "a week by user": sums("user"),
        "a week hour by hour": sums("model", interval_ns=3600 * 10**9),
        "number of all traces": store.count_traces,
    }


def ask(url: str, rounds: int, only: str) -> None:
    """Ask each question so many times in turn, and print the medians."""
    times: dict[str, list[float]] = {}
    found: dict[str, Any] = {}
    with closing(open_store(url)) as store:
        asked = questions(store)
        for _ in range(rounds + 1):
            for name, question in asked.items():
                if only in name:
                    started = time.monotonic()
                    found[name] = question()
                    times.setdefault(name, []).append((time.monotonic() - started) * 1000)
        for table, size in sorted(store.sizes().items(), key=lambda each: -each[1]):
            print(f"{table:16} {size / 1e6:10,.1f} MB")
    for name, each in times.items():
        cold, *warm = each
        print(f"{name:28} {statistics.median(warm):8.1f} ms (first {cold:.0f}), found {found[name]}")
    print("load", *(f"{each:.1f}" for each in os.getloadavg()), flush=True)


def main(arguments: Sequence[str]) -> int:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("load", "ask"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of the engine for one query")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="questions whose names have this")
    parser.add_argument("--sqlite", action="store_true", help="a file instead of the engine")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if given.sqlite:
            url = f"sqlite:///{given.folder / 'traces.db'}"
        else:
            url = f"clickhouse://{stack.enter_context(running_engine(given.folder, threads=given.threads))}/traces"
        if given.what == "load":
            load_all(url, given.spans, given.processes)
        else:
            ask(url, given.rounds, given.only)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"all processes: {used.ru_utime + used.ru_stime:.0f} s of CPU, at most {used.ru_maxrss / 1024:.0f} MB",
        flush=True,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
