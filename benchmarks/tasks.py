"""What a worker can be asked to do with its contender. Answers are plain values, times in nanoseconds of CPU."""

from __future__ import annotations

import gc
import importlib
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

from benchmarks.fake_openai import REPLY_TEXT, arrived, conversation, make_client, messages

VALUES = {"step": "retrieve", "count": 5, "score": 0.75, "is_cached": False, "source": "documents/handbook"}
INPUTS = {"question": "What does the handbook say about holidays? " * 3, "count": 5, "filters": {"language": "en"}}
OUTPUTS = {"answer": "Thirty days a year, and the day before the first of May. " * 4, "sources": ["a.md", "b.md"]}
FIRST_REPEATS = 20
AT_ONCE = 10  # spans timed together: reading the clock is not part of one
WARM_UP = 2


class Tasks:
    """The tasks, by the names that the parent uses."""

    def __init__(self, contender: ModuleType, folder: Path) -> None:
        self._contender: Any = contender
        self._folder = folder
        self._client: Any = None
        self._asked = 0
        self._reading: Any = None

    def has(self, name: str) -> bool:
        """Whether the contender has such a function."""
        return hasattr(self._contender, name)

    def version(self, distribution: str) -> str:
        """Which release of a package it runs with."""
        return version(distribution)

    def flush(self) -> None:
        """Everything recorded so far has arrived."""
        self._contender.flush()

    def close(self) -> None:
        """End recording as a program does that ends."""
        self._contender.flush()
        if hasattr(self._contender, "close"):
            self._contender.close()

    def last_recorded(self) -> str:
        """The newest record, as text."""
        self._contender.flush()
        return str(self._contender.last_recorded())

    def count_stored(self) -> int:
        """How many traces can be queried."""
        return int(self._contender.count_stored(self._folder))

    def spans(self, what: str, repeats: int) -> dict[str, float]:
        """One span of a kind."""
        return timed(self._recorder(what), repeats, self._contender.flush, at_once=AT_ONCE)

    def repeats(self, what: str, budget_ns: int, most: int) -> int:
        """How many spans of a kind fit into a time, with what follows from them in the background."""
        record = self._recorder(what)
        timed(record, FIRST_REPEATS, self._contender.flush)
        started = time.perf_counter_ns()
        timed(record, FIRST_REPEATS, self._contender.flush)
        each = (time.perf_counter_ns() - started) / FIRST_REPEATS
        return int(min(max(budget_ns / each, FIRST_REPEATS), most))

    def autolog(self) -> None:
        """Make the client of the tasks below, and have its calls recorded."""
        instrument = getattr(self._contender, "instrument", None)
        if instrument is None:
            self._contender.autolog()
        client = make_client()
        self._client = client if instrument is None else instrument(client)

    def chats(self, size: int, repeats: int, new: str = "last") -> dict[str, float]:
        """One chat completion with a request of so many bytes, whose last message, or all, no request before had."""
        create = self._client.chat.completions.create
        history = messages(size)
        prompts = [self._renewed(history, new) for _ in range(repeats + warm_up(repeats))]
        return timed(lambda: create(model="gpt-4o-mini", messages=prompts.pop()), repeats, self._contender.flush)

    def sent(self, size: int, repeats: int) -> dict[str, float]:
        """A chat completion up to where its request is sent: what is recorded before."""
        create = self._client.chat.completions.create
        history = messages(size)
        taken = []
        for number in range(repeats + warm_up(repeats)):
            prompt = self._renewed(history, "last")
            started = time.thread_time_ns()
            create(model="gpt-4o-mini", messages=prompt)
            if number >= warm_up(repeats):
                taken.append(arrived[0] - started)
        self._contender.flush()
        return {"thread": median(taken)}

    def use(self, name: str) -> None:
        """Do what is over then, such as a replay."""
        create = self._client.chat.completions.create
        use = getattr(self._contender, f"use_{name}")
        use(self._folder, lambda: create(model="gpt-4o-mini", messages=messages(200)))
        self._contender.flush()

    def _renewed(self, history: list[dict[str, str]], new: str) -> list[dict[str, str]]:
        self._asked += 1
        kept = [] if new == "all" else history[:-1]
        return kept + [{**each, "content": f"{each['content']} ({self._asked})"} for each in history[len(kept) :]]

    def streams(self, kind: str, chunks: int) -> dict[str, float]:
        """One stream, read to its end: to its first chunk, and one of the chunks that follow."""
        arguments: dict[str, Any] = {"extra_headers": {"x-chunks": str(chunks)}, "stream": True, "model": "gpt-4o-mini"}
        if kind == "chat":
            create, arguments["messages"] = self._client.chat.completions.create, messages(200)
        else:
            create, arguments["input"] = self._client.responses.create, messages(200)
        list(create(**{**arguments, "extra_headers": {"x-chunks": "3"}}))
        gc.collect()
        started = time.thread_time_ns()
        arriving = iter(create(**arguments))
        next(arriving)
        arrived = time.thread_time_ns()
        for _chunk in arriving:
            pass
        ended = time.thread_time_ns()
        self._contender.flush()
        return {"first": arrived - started, "chunk": (ended - arrived) / (chunks - 1)}

    def converse(self, conversations: int, turns: int) -> None:
        """Conversations whose history is sent along with each turn."""
        for number in range(conversations):
            history: list[dict[str, str]] = []
            for question, answer in conversation(number, turns):
                history.append({"role": "user", "content": question})
                self._client.chat.completions.create(
                    model="gpt-4o-mini", messages=history, extra_headers={"x-reply": answer}
                )
                history.append({"role": "assistant", "content": answer})
        self._contender.flush()

    def trees(self, traces: int, spans: int) -> dict[str, float]:
        """Seconds until that many traces with so many spans each can be queried."""
        before = self.count_stored()
        started = time.perf_counter()
        for _ in range(traces):
            self._contender.tree(spans, INPUTS, OUTPUTS)
        self._contender.flush()
        seconds = time.perf_counter() - started
        stored = self.count_stored() - before
        if stored != traces:
            raise AssertionError(f"{stored} of {traces} traces were stored")
        return {"rate": traces * spans / seconds}

    def rows(self, count: int) -> dict[str, float]:
        """Rows that are ready, written by SQLite alone."""
        ready = self._contender.make_rows(count, INPUTS, OUTPUTS)
        started = time.perf_counter()
        self._contender.insert(ready)
        return {"rate": count / (time.perf_counter() - started)}

    def in_threads(self, threads: int, spans: int) -> dict[str, float]:
        """So many spans in total from so many threads: time and CPU time until all of them have arrived."""
        record = self._recorder("span")
        ready = threading.Barrier(threads + 1)

        def run() -> None:
            ready.wait()
            for _ in range(spans // threads):
                record()

        running = [threading.Thread(target=run) for _ in range(threads)]
        for thread in running:
            thread.start()
        gc.collect()
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        ready.wait()
        for thread in running:
            thread.join()
        self._contender.flush()
        wall = time.perf_counter_ns() - wall
        return {"wall": float(wall), "cpu": float(time.process_time_ns() - cpu)}

    def record_and_weigh(self, spans: int) -> int:
        """Bytes of memory in use after so many more spans, when all have arrived."""
        record = self._recorder("span")
        for number in range(spans):
            record()
            if number % 1000 == 999:  # a queue that is bounded drops nothing then
                self._contender.flush()
        self._contender.flush()
        gc.collect()
        return own_bytes()

    def fill(self, spans: int, longest: int) -> float:
        """A store with so many spans; seconds that it took."""
        name = self._contender.__name__.rpartition(".")[2]
        self._reading = importlib.import_module(f"benchmarks.reading.{name}")
        started = time.perf_counter()
        self._reading.fill(self._folder, spans, longest)
        return time.perf_counter() - started

    def ask(self, what: str) -> dict[str, float]:
        """Milliseconds until a question is answered, and how much was found."""
        question = self._reading.QUESTIONS[what]
        started = time.perf_counter()
        found = question.ask()
        return {"ms": (time.perf_counter() - started) * 1e3, "found": found}

    def asked(self, what: str) -> str:
        """The question in words."""
        return str(self._reading.QUESTIONS[what].words)

    def _recorder(self, what: str) -> Callable[[], Any]:
        contender = self._contender
        if what in ("attributes_span", "bridged_span"):
            record = getattr(contender, what)
            return lambda: record(VALUES)
        if what == "span":
            if not hasattr(contender, "span"):
                return lambda: contender.attributes_span(VALUES)
            return lambda: contender.span(INPUTS, OUTPUTS)

        def answer(question: str, count: int, filters: dict[str, str]) -> dict[str, Any]:
            return OUTPUTS

        traced = contender.decorate(answer)
        return lambda: traced(**INPUTS)


def timed(call: Callable[[], Any], repeats: int, flush: Callable[[], Any], *, at_once: int = 1) -> dict[str, float]:
    """CPU time of a call: of this thread, the median; and of the process until all that follows from it is done.

    So many calls are timed at once.
    """
    for _ in range(warm_up(repeats)):
        call()
    flush()
    gc.collect()
    taken = []
    process = time.process_time_ns()
    for _ in range(repeats // at_once):
        thread = time.thread_time_ns()
        for _ in range(at_once):
            call()
        taken.append((time.thread_time_ns() - thread) / at_once)
    flush()
    process = time.process_time_ns() - process
    return {"thread": median(taken), "process": process / (repeats // at_once * at_once)}


def warm_up(repeats: int) -> int:
    """How many calls come first, which do not count."""
    return max(WARM_UP, repeats // 10)


def own_bytes() -> int:
    """Memory in RAM that is this process's own: without the pages of mapped files, which the system takes back."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no RssAnon in /proc/self/status")


def signs(what: str) -> tuple[str, ...]:
    """Texts that a record of a kind holds; one without them recorded nothing worth its cost."""
    return {
        "attributes_span": ("handbook",),
        "bridged_span": ("handbook",),
        "span": ("holidays", "Thirty days"),
        "decorate": ("holidays", "Thirty days"),
        "chats": ("How many miles", REPLY_TEXT.strip()),
        "sent": ("How many miles", REPLY_TEXT.strip()),
        "streams": ("many miles", "word word"),
    }[what]
