"""Records of agents as they are recorded, as many as are asked for: the same ones for the same numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson

SPANS = 7  # of a trace
RARE_EVERY = 50_000  # traces, of which one says a word that no other does
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-pro", "mistral-large-latest")
NAMES = ("support agent", "research agent", "code review", "summarize", "plan a trip", "extract invoice")
TOOLS = ("search_orders", "read_page", "get_weather", "run_sql")
TOOLS_OF = {name: TOOLS[place % 4] for place, name in enumerate(NAMES)}
_MS = 10**6
_TEXT_WORDS = 2_000_000
_SYSTEM = (
    "You are a careful assistant of a shop. Answer in the language of the customer, in at most three sentences, and"
    " say so when you do not know. Look things up with the tools; never guess the number of an order."
)


class Texts:
    """Pieces of one long text, whose words are as frequent as in a language: the n-th one 1/n of the first."""

    def __init__(self, chance: random.Random, words: int = 30_000) -> None:
        syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "in")]
        known = ["".join(chance.choices(syllables, k=chance.choice((1, 2, 2, 3, 3, 4)))) for _ in range(words)]
        self._words = chance.choices(known, [1 / (place + 10) for place in range(words)], k=_TEXT_WORDS)
        self._chance = chance

    def some(self, count: int) -> str:
        """A sentence of so many words."""
        start = int(self._chance.random() * (_TEXT_WORDS - count))
        return " ".join(self._words[start : start + count])


def lines(first: int, last: int, start: int, step: int) -> Iterator[list[bytes]]:
    """The records of each trace from number ``first`` to before ``last``; trace n starts at ``start + n * step`` ns."""
    chance = random.Random(first)
    texts = Texts(random.Random(0))
    texts._chance = chance
    for number in range(first, last):
        yield trace(chance, texts, number, start + number * step)


def batches(traces: Iterator[list[bytes]], size: int) -> Iterator[list[bytes]]:
    """The records of so many traces at a time."""
    while some := list(islice(traces, size)):
        yield [line for each in some for line in each]


def id_of(number: int) -> str:
    """The id of a trace: anything but ascending, as real ones."""
    return f"{(number * 0x9E3779B97F4A7C15F39CC0605CEDC835 + 0x1234567) % 2**128:032x}"


def trace(chance: random.Random, texts: Texts, number: int, start: int) -> list[bytes]:
    """An agent that asks a model, uses a tool, asks again, uses another, answers; each 40th one fails."""
    trace_id, name, model = id_of(number), NAMES[number % 6], MODELS[number // 7 % 5]
    ids = [f"{chance.getrandbits(64) | 1:016x}" for _ in range(SPANS)]
    question, answer = texts.some(24), texts.some(70)
    if number % RARE_EVERY == 77:
        answer += f" rareword{number}"
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": _SYSTEM}, {"role": "user", "content": question}
    ]  # fmt: skip
    time = start
    ended: list[dict[str, Any]] = []
    for place in range(1, SPANS):
        took = int(200 + 1800 * chance.random() ** 2) * _MS
        is_last = place == SPANS - 1
        if place in (1, 3, 5):
            said = {"role": "assistant", "content": answer if place == 5 else texts.some(12)}
            json = {"gen_ai.input.messages": list(messages), "gen_ai.output.messages": [said]}
            attributes: dict[str, Any] = {
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": model,
                "gen_ai.response.model": model, "gen_ai.request.temperature": 0.2,
                "gen_ai.usage.input_tokens": 300 + place * 80 + int(chance.random() * 100),
                "gen_ai.usage.output_tokens": 20 + int(chance.random() * 200),
            }  # fmt: skip
            messages.append(said)
            span = {"name": f"chat {model}", "type": "CHAT_MODEL", "attributes": attributes, "json": json}
        else:
            tool = TOOLS[(number + place) % 4]
            found = texts.some(45)
            json = {"tracer.inputs": {"query": texts.some(4), "limit": 5}, "tracer.outputs": found}
            span = {"name": tool, "type": "TOOL", "attributes": {"gen_ai.tool.name": tool}, "json": json}
            messages.append({"role": "tool", "content": found})
        failed = number % 40 == 7 and is_last
        ended.append({
            "kind": "span", "trace_id": trace_id, "span_id": ids[place], "parent_id": ids[0], "start": time,
            "end": time + took, "status": "ERROR" if failed else "OK",
            **({"message": "TimeoutError: no answer within 10 s"} if failed else {}), **span,
        })  # fmt: skip
        time += took
    root = {
        "kind": "span", "trace_id": trace_id, "span_id": ids[0], "name": name, "type": "AGENT", "start": start,
        "end": time + 3 * _MS, "status": "ERROR" if number % 40 == 7 else "OK",
        "json": {"tracer.inputs": {"question": question}, "tracer.outputs": answer},
    }  # fmt: skip
    told = {
        "kind": "trace", "trace_id": trace_id, "time": start, "session_id": f"s{number // 4}",
        "user": f"u{number * 7919 % 5000}",
        "tags": {"env": "prod" if number % 3 else "staging", "team": f"t{number % 9}"},
    }  # fmt: skip
    return [orjson.dumps(record) for record in (*ended, root, told)]
