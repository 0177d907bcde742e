"""How long reads take while a policy deletes traces: two servers over equal stores, one with a policy, asked in turn.

python tests/server/beside_policies.py --spans 200000 --rounds 100
"""

from __future__ import annotations

import argparse
import http.client
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.server_process import server_process  # noqa: E402
from tests.store.records import MS, said, span  # noqa: E402
from tracer.store import open_store  # noqa: E402
from tracer.store.policies import checked_policy  # noqa: E402

SPANS = 8  # of a trace
DAYS = 60  # over which the traces are spread
KEPT_DAYS = 20
_DAY_NS = 86_400 * 10**9
_AT_ONCE = 200  # traces
_TEXT = "the parcel was sent on Monday and has not arrived "


def trace_of(number: int, traces: int, now: int) -> list[bytes]:
    """A trace: an agent with calls to a model, the first ones the oldest."""
    trace_id = f"{number + 1:032x}"
    start = now - DAYS * _DAY_NS + number * DAYS * _DAY_NS // traces
    spans = [
        span(
            trace_id, f"{each + 1:016x}", f"{1:016x}" if each else None, start=start + each * MS,
            end=start + each * MS + 5 * MS, type="CHAT_MODEL" if each else "AGENT",
            json={"tracer.inputs": {"question": f"{number} {each} {_TEXT * 8}"}},
            **({"model": f"m{each % 3}", "usage": (200, 10)} if each else {}),
        )
        for each in range(SPANS)
    ]  # fmt: skip
    return [*spans, said(trace_id, 1, tags={"env": "prod" if number % 3 else "test"})]


def fill(file: Path, traces: int, now: int) -> None:
    """Make a store."""
    with closing(open_store(f"sqlite:///{file}")) as store:
        for first in range(0, traces, _AT_ONCE):
            numbers = range(first, min(traces, first + _AT_ONCE))
            store.append([line for number in numbers for line in trace_of(number, traces, now)], owner="1-fill")


def questions(traces: int) -> dict[str, list[str]]:
    """Paths by what they ask, each several times with other traces or words; of traces that stay."""
    stay = range(traces - traces // 4, traces, max(1, traces // 200))
    a_week = f"&since_ns={time.time_ns() - 7 * _DAY_NS}"
    return {
        "tree of a trace": [f"/traces/{number + 1:032x}" for number in stay],
        "newest 50": ["/traces?limit=50"],
        "newest 50 with a filter": ["/traces?limit=50&filter=" + quote("tags.env = 'test'")],
        "statistics of a week": [f"/statistics?group_by=model{a_week}"],
    }


def ask(connection: http.client.HTTPConnection, path: str) -> float:
    """How long an answer takes, in ms."""
    began = time.perf_counter()
    connection.request("GET", f"/api/v1{path}")
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content[:300]
    return (time.perf_counter() - began) * 1000


def run(folder: Path, traces: int, rounds: int) -> tuple[dict[str, tuple[list[float], list[float]]], int]:
    """Latencies without and with a policy by question, in ms, and how many traces were deleted meanwhile."""
    one, other = folder / "without.db", folder / "with.db"
    fill(one, traces, time.time_ns())
    shutil.copyfile(one, other)
    with closing(open_store(f"sqlite:///{other}")) as store:
        store.write_policy(checked_policy({"name": "old", "keep_seconds": KEPT_DAYS * 86_400}))
    taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in questions(traces)}
    with ExitStack() as stack:
        servers = [stack.enter_context(server_process(f"sqlite:///{file}"))[1] for file in (one, other)]
        asked = [
            stack.enter_context(closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)))
            for url in servers
        ]
        watching = stack.enter_context(closing(open_store(f"sqlite:///{other}")))
        while watching.count_traces() == traces:  # a server looks at its policies every minute
            time.sleep(0.2)
        before = watching.count_traces()
        for number in range(rounds):
            for name, paths in questions(traces).items():
                for which in (0, 1) if number % 2 else (1, 0):
                    taken[name][which].append(ask(asked[which], paths[number % len(paths)]))
        return taken, before - watching.count_traces()


def main(arguments: Sequence[str]) -> int:
    """Run it with the sizes that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        taken, deleted = run(Path(folder), given.spans // SPANS, given.rounds)
    print(f"{deleted} traces deleted meanwhile; medians in ms without and with, their ratio, and the slowest tenths")
    for name, (without, beside) in taken.items():
        medians = [statistics.median(each) for each in (without, beside)]
        tenths = [sorted(each)[len(each) * 9 // 10] for each in (without, beside)]
        ratio = statistics.median(b / a for a, b in zip(without, beside))
        print(f"{name:25} {medians[0]:7.1f} {medians[1]:7.1f}  x{ratio:.2f}   90 %: {tenths[0]:7.1f} {tenths[1]:7.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
