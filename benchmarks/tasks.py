"""What a worker can be asked to do with its contender. Answers are plain values, times in nanoseconds."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.fake_openai import make_client, messages

VALUES = {"step": "retrieve", "count": 5, "score": 0.75, "is_cached": False, "source": "documents/handbook"}
INPUTS = {"question": "What does the handbook say about holidays? " * 3, "count": 5, "filters": {"language": "en"}}
OUTPUTS = {"answer": "Thirty days a year, and the day before the first of May. " * 4, "sources": ["a.md", "b.md"]}


class Tasks:
    """The tasks, by the names that the parent uses."""

    def __init__(self, contender: ModuleType, folder: Path) -> None:
        self._contender = contender
        self._folder = folder
        self._client: Any = None

    def has(self, name: str) -> bool:
        """Whether the contender has such a function."""
        return hasattr(self._contender, name)

    def version(self, distribution: str) -> str:
        return version(distribution)

    def spans(self, what: str, repeats: int, is_flushed: bool) -> dict[str, float]:
        """CPU time of one span of a kind, in this thread and in the whole process; flushed, with all that follows."""
        record = self._recorder(what)
        return timed(record, repeats, self._contender.flush if is_flushed else None)

    def autolog(self) -> None:
        """Make the client of the tasks below, and have its calls recorded."""
        instrument = getattr(self._contender, "instrument", None)
        if instrument is None:
            self._contender.autolog()
        client = make_client()
        self._client = client if instrument is None else instrument(client)

    def chats(self, size: int, repeats: int) -> dict[str, float]:
        """CPU time of a chat completion with a request of so many bytes."""
        create = self._client.chat.completions.create
        conversation = messages(size)
        return timed(lambda: create(model="gpt-4o-mini", messages=conversation), repeats)

    def streams(self, kind: str, chunks: int, repeats: int) -> dict[str, float]:
        """CPU time of a stream read to its end: to its first chunk, and of all the others."""
        headers = {"x-chunks": str(chunks)}
        prompt = messages(200)
        if kind == "chat":
            create, arguments = self._client.chat.completions.create, {"messages": prompt}
        else:
            create, arguments = self._client.responses.create, {"input": prompt}
        first = rest = 0
        gc.collect()
        for _ in range(repeats):
            started = time.thread_time_ns()
            arriving = iter(create(model="gpt-4o-mini", stream=True, extra_headers=headers, **arguments))
            next(arriving)
            arrived = time.thread_time_ns()
            for _chunk in arriving:
                pass
            first, rest = first + arrived - started, rest + time.thread_time_ns() - arrived
        return {"first": first / repeats, "chunk": rest / repeats / (chunks - 1)}

    def count_stored(self) -> int:
        return int(self._contender.count_stored(self._folder))

    def last_recorded(self) -> str:
        self._contender.flush()
        return str(self._contender.last_recorded())

    def flush(self) -> None:
        self._contender.flush()

    def _recorder(self, what: str) -> Callable[[], Any]:
        contender: Any = self._contender
        if what == "attributes_span":
            return lambda: contender.attributes_span(VALUES)
        if what == "span":
            return lambda: contender.span(INPUTS, OUTPUTS)
        assert what == "decorate"

        def answer(question: str, count: int, filters: dict[str, str]) -> dict[str, Any]:
            return OUTPUTS

        traced = contender.decorate(answer)
        return lambda: traced(**INPUTS)


def timed(call: Callable[[], Any], repeats: int, afterwards: Callable[[], Any] | None = None) -> dict[str, float]:
    """Nanoseconds of CPU a call: of this thread, and of the process with what is done ``afterwards``."""
    gc.collect()
    process = time.process_time_ns()
    thread = time.thread_time_ns()
    for _ in range(repeats):
        call()
    thread = time.thread_time_ns() - thread
    if afterwards is not None:
        afterwards()
    process = time.process_time_ns() - process
    return {"thread": thread / repeats, "process": process / repeats}
