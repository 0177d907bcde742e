"""A program of greenlets that records calls, and prints what was done in its only thread meanwhile."""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402
from importlib.abc import MetaPathFinder  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

import tracer  # noqa: E402

thread_id = monkey.get_original("_thread", "get_ident")
only_thread = thread_id()
imported: list[str] = []
aside: list[str] = []


connecting: list[bool] = []  # whether in the only thread
sys.addaudithook(lambda event, _: connecting.append(is_only_thread()) if event == "sqlite3.connect" else None)


def is_only_thread() -> bool:
    return thread_id() == only_thread


class Watch(MetaPathFinder):
    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        (imported if is_only_thread() else aside).append(name)


tracer.configure(store=sys.argv[1])
with tracer.start_span("first"):
    pass
sys.meta_path.insert(0, Watch())
turns = 0


def tick() -> None:
    global turns
    while True:
        gevent.sleep(0)
        turns += 1


ticking = gevent.spawn(tick)
with tracer.start_span("call", span_type="CHAT_MODEL") as span:
    span.set_attributes({"gen_ai.request.model": "gpt-4o-mini", "gen_ai.provider.name": "openai"})
    span.set_attributes({"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100})
tracer.flush()
print(any(connecting), len(connecting) > 0)
cost = tracer.get_trace(span.trace_id).info.cost
heavy = ("genai_prices", "pydantic", "sqlite3", "tracer.store.sqlite")
print(sorted({name for name in imported if name.startswith(heavy)}))
print("genai_prices" in aside, "tracer.store.sqlite" in aside, turns > 0, cost["total_cost"])

from tracer.store.sqlite import store  # noqa: E402

appending: list[bool] = []
append = store.append


def watched_append(*arguments: Any) -> None:
    appending.append(is_only_thread())
    append(*arguments)


def work(number: int) -> bool:
    with tracer.start_span(f"work {number}") as span:
        gevent.sleep(0)
    return tracer.get_trace(span.trace_id).info.name == f"work {number}"


store.append = watched_append
print(all(job.get() for job in [gevent.spawn(work, number) for number in range(50)]))
child = os.fork()
if not child:
    with tracer.start_span("of the child"):
        pass
    os._exit(0 if tracer.flush() else 1)
print(os.waitpid(child, 0)[1])
tracer.shutdown()
print(any(appending), len(appending) > 0, len(tracer.search_traces("name = 'of the child'")))
