"""A program of greenlets that records calls, and prints the modules that were imported in its only thread meanwhile."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
from importlib.abc import MetaPathFinder  # noqa: E402

import gevent  # noqa: E402

import tracer  # noqa: E402

thread_id = monkey.get_original("_thread", "get_ident")
only_thread = thread_id()
imported: list[str] = []
aside: list[str] = []


class Watch(MetaPathFinder):
    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        (imported if thread_id() == only_thread else aside).append(name)


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
cost = tracer.get_trace(span.trace_id).info.cost
heavy = ("genai_prices", "pydantic", "sqlite3", "tracer.store.sqlite")
print(sorted({name for name in imported if name.startswith(heavy)}))
print("genai_prices" in aside, "tracer.store.sqlite" in aside, turns > 0, cost["total_cost"])
