"""How fast the page is, by the browser's own clock: ``python benchmarks/ui.py [traces] [spans]``.

Fills a store, serves it with ``tracer ui``, and opens list, trace and dashboard in Chromium. Needs `.[dev]`.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Page, sync_playwright

from tests.web.chromium import find_chromium
from tests.web.serving import served
from tracer.store import open_store

LONG = "f" * 32
FIRST_SIGN = """
window.firstSign = null;
new MutationObserver(() => {
  if (window.firstSign === null && document.querySelector(%s))
    requestAnimationFrame(() => { window.firstSign = performance.now(); });
}).observe(document, { childList: true, subtree: true });
"""
SCROLL = """async () => {
  const table = document.querySelector(".trace-table");
  const box = table.getBoundingClientRect();
  let blank = 0, slowest = 0, last = performance.now();
  for (let frame = 0; frame < 300; frame++) {
    table.scrollTop += 300;
    await new Promise(requestAnimationFrame);
    slowest = Math.max(slowest, performance.now() - last);
    last = performance.now();
    if (!document.elementFromPoint(box.left + 300, box.top + box.height / 2).closest(".trace-row")) blank++;
  }
  return { "blank frames of 300": blank, "slowest frame, ms": Math.round(slowest) };
}"""


def main(traces: int, spans: int) -> None:
    """Measure, and print one line a page."""
    with tempfile.TemporaryDirectory() as folder:
        store_file = Path(folder) / "tracer.db"
        fill(store_file, traces, spans)
        with served(store_file) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
            print(f"{traces:,} traces, one of {spans:,} spans; Chromium {browser.version}; second visit")
            for path, sign in (
                ("/traces", "[role=row] a"),
                (f"/traces/{LONG}", "[role=treeitem]"),
                ("/dashboard", "canvas"),
            ):
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                print(f"{path[:12]:<14}{json.dumps(visit(page, address + path, sign))}")
            page.goto(f"{address}/traces")
            page.wait_for_selector("[role=row] a")
            print(f"{'scrolling':<14}{json.dumps(page.evaluate(SCROLL))}")


def visit(page: Page, url: str, sign: str) -> dict[str, Any]:
    """Open a page twice; what the second visit took."""
    page.add_init_script(FIRST_SIGN % json.dumps(sign))
    for _ in range(2):
        page.goto(url)
        page.wait_for_function("() => window.firstSign !== null")
    return {
        "first sign, ms": round(page.evaluate("window.firstSign")),
        "nodes": page.evaluate("document.querySelectorAll('*').length"),
        "heap, MB": round(page.evaluate("performance.memory.usedJSHeapSize") / 1e6),
    }


def fill(store_file: Path, traces: int, spans: int) -> None:
    """Short traces over the last days, and a long one."""
    store = open_store(f"sqlite:///{store_file}")
    records = (json.dumps(record).encode() for record in (*short(traces), *long(spans)))
    while lines := list(islice(records, 5_000)):
        store.append(lines)
    store.close()


def short(count: int) -> Iterator[dict[str, Any]]:
    """Traces of one model's call each."""
    chance = random.Random(1)
    now = time.time_ns()
    for number in range(count):
        start = now - number * 6_000_000_000
        yield {
            "kind": "span",
            "trace_id": f"{chance.getrandbits(128):032x}",
            "span_id": f"{chance.getrandbits(64):016x}",
            "name": chance.choice(["support agent", "search", "summarise"]),
            "type": "CHAT_MODEL",
            "start": start,
            "end": start + chance.randrange(10**7, 10**10),
            "status": "ERROR" if chance.random() < 0.02 else "OK",
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": chance.choice(["gpt-4o", "gpt-4o-mini", "o3-mini"]),
                "gen_ai.usage.input_tokens": chance.randrange(2_000),
                "gen_ai.usage.output_tokens": chance.randrange(800),
            },
            "json": {"tracer.inputs": {"question": f"What about {number}?"}, "tracer.outputs": f"Answer {number}"},
        }


def long(count: int) -> Iterator[dict[str, Any]]:
    """One trace: a root, and below it steps with nine steps each."""
    start = time.time_ns()
    root = parent = f"{1:016x}"
    for number in range(1, count + 1):
        span_id = f"{number:016x}"
        below = {} if number == 1 else {"parent_id": root if number % 10 == 2 else parent}
        parent = span_id if number % 10 == 2 else parent
        yield {
            "kind": "span",
            "trace_id": LONG,
            "span_id": span_id,
            **below,
            "name": f"step {number}",
            "type": ("AGENT", "TOOL", "CHAT_MODEL", "CHAIN")[number % 4],
            "start": start + number * 10**6,
            "end": start + (number + 10) * 10**6,
            "status": "OK",
            "json": {"tracer.inputs": {"number": number}},
        }


if __name__ == "__main__":
    main(*(int(given) for given in sys.argv[1:3] or ("100000", "10000")))
