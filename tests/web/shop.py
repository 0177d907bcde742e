"""A week of two apps of a shop, the same each time: some hundred traces with sessions, versions, tools and feedback."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any
from unittest import mock

import orjson

from tracer import semconv
from tracer.store import Store, open_store

END = 1_795_258_800_000_000_000  # ns, 2026-11-21 11:00 UTC
MS = 1_000_000
HOUR = 3_600_000 * MS
REFUSED = "payment service refused: card expired"
SAID_ONCE = "the lamp isn't in the box"
_USERS = ("ann", "ben", "chloé", "dmitri", "ليلى")
_QUESTIONS = (
    "Can I send order {order} back?",
    "Where is order {order}? It should have come on Monday.",
    "Do you have the lamp in green, and how long does it take?",
    "أين طلبي رقم {order}؟ وصلت رسالة بأنه أُرسل.",
    "I was charged twice for order {order}. Please look at it and give one of them back.",
)
_ANSWERS = (
    "Yes, **within 30 days**. Put it into the *original* packaging; the label is in your mail.",
    "Order {order} left our house on Friday and is in Porto now. It should be with you tomorrow before noon.",
    "We have it in green, in two sizes:\n\n| size | days |\n|---|---|\n| 30 cm | 2 |\n| 45 cm | 5 |",
    "طلبك رقم {order} في الطريق، ويصل غدًا قبل الظهر.",
    "You were: one of the two charges for order {order} is on its way back, which takes three days.",
)
_SYSTEM = "You are the support agent of a small shop. Look orders up before you answer. Be brief."
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": about,
            "parameters": {"type": "object", "properties": {key: {"type": "string"}}, "required": [key]},
        },
    }
    for name, about, key in (
        ("find_order", "Looks an order up by its number.", "number"),
        ("refund", "Gives the money for an order back.", "number"),
        ("search_manual", "Finds passages of the manual.", "query"),
    )
]


class Shop:
    """Ids of the traces that tests and pictures open by name."""

    first: str  # of the oldest version
    lamp: str  # of the newest version: a question that looks into the manual
    version: str  # id of the newest version
    run: str  # the evaluation of the newest version
    run_before: str  # that of the version before it
    dataset: str
    queue: str
    asked: str  # the model's call that said what the newest failure's question led to
    refused: str  # the newest failure
    refunded: str  # the newest answer to the same question


class _Writer:
    """Records of spans, with ids from a seeded source."""

    def __init__(self) -> None:
        self.random = random.Random(11)
        self.lines: list[bytes] = []

    def write(self, **record: Any) -> None:
        self.lines.append(orjson.dumps(record))

    def id(self, digits: int) -> str:
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def about(self, middle: float, spread: float = 0.35) -> int:
        """A duration in ns around so many milliseconds, now and then a long one."""
        return int(middle * MS * self.random.lognormvariate(0, spread))


class _Trace:
    """One trace while it is written: steps follow each other below the root."""

    def __init__(self, writer: _Writer, start: int) -> None:
        self.writer = writer
        self.trace_id, self.root = writer.id(32), writer.id(16)
        self.start = self.now = start
        self.kind = ""

    def step(self, name: str, kind: str, length: int, parent: str | None = None, **fields: Any) -> str:
        span_id = self.writer.id(16)
        begin, self.now = self.now, self.now + length
        self.writer.write(
            kind="span", trace_id=self.trace_id, span_id=span_id, parent_id=parent or self.root, name=name, type=kind,
            start=begin, end=self.now, **{"status": "UNSET", **fields},
        )  # fmt: skip
        return span_id

    def model(
        self, length: int, said: list[dict[str, Any]], reply: dict[str, Any], model: str, *, first: int | None = None
    ) -> None:
        asked = sum(len(str(message)) for message in said) // 4 + 380
        usage = {semconv.USAGE_INPUT: asked, semconv.USAGE_OUTPUT: len(str(reply)) // 4 + 12}
        attributes = {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic" if "claude" in model else "openai",
            semconv.REQUEST_MODEL: model, semconv.RESPONSE_MODEL: model, "gen_ai.request.temperature": 0.2, **usage,
        }  # fmt: skip
        if first is not None:
            attributes[semconv.TIME_TO_FIRST_CHUNK] = first / 1e9
        values = {
            "gen_ai.input.messages": said, "gen_ai.output.messages": [{**reply, "finish_reason": "stop"}],
            "gen_ai.tool.definitions": _TOOLS,
        }  # fmt: skip
        self.step(f"chat {model}", "CHAT_MODEL", length, attributes=attributes, json=values)

    def tool(self, name: str, length: int, given: Any, found: Any, error: str | None = None) -> None:
        if error is None:
            self.step(name, "TOOL", length, json={semconv.INPUTS: given, semconv.OUTPUTS: found})
            return
        kind, _, message = error.partition(": ")
        stack = (
            "Traceback (most recent call last):\n"
            f'  File "/app/shop/tools.py", line 41, in {name}\n    return client.post(url, json=payload)\n'
            '  File "/usr/lib/python3.12/site-packages/httpx/_client.py", line 1157, in post\n    raise error\n'
            f"{kind}: {message}\n"
        )
        attributes = {"exception.type": kind, "exception.message": message, "exception.stacktrace": stack}
        event = {"name": "exception", "time": self.now + length, "attributes": attributes}
        self.step(
            name, "TOOL", length, status="ERROR", message=error, events=[event], json={semconv.INPUTS: given},
            attributes={"error.type": kind},
        )  # fmt: skip

    def end(self, name: str, kind: str, question: Any, answer: Any, error: str | None = None, **about: Any) -> None:
        values = {semconv.INPUTS: question} | ({semconv.OUTPUTS: answer} if answer is not None else {})
        failed = {"status": "ERROR", "message": error} if error else {"status": "UNSET"}
        self.writer.write(
            kind="span", trace_id=self.trace_id, span_id=self.root, name=name, type=kind, start=self.start,
            end=self.now + 3 * MS, json=values, **failed,
        )  # fmt: skip
        self.writer.write(kind="trace", trace_id=self.trace_id, time=self.now, **about)

    def feedback(self, name: str, value: Any, *, judge: bool = False, **about: Any) -> None:
        source = {"type": "LLM_JUDGE", "id": "gpt-4o"} if judge else {"type": "HUMAN", "id": "support"}
        self.writer.write(
            kind="assessment", id=self.writer.id(32), trace_id=self.trace_id, name=name, value=value, source=source,
            time=self.now, **{"type": "feedback", **about},
        )  # fmt: skip


def _text(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def _support(writer: _Writer, start: int, version: int, session: str, user: str, *, turn: int) -> _Trace:
    """One answer of the support agent: it looks an order up, sometimes refunds, and streams what it says."""
    trace, chance = _Trace(writer, start), writer.random.random()
    kind = (turn + len(session)) % len(_QUESTIONS)
    order = str(1000 + writer.random.randrange(900))
    question, answer = _QUESTIONS[kind].format(order=order), _ANSWERS[kind].format(order=order)
    model = "gpt-4o-mini-2024-07-18" if version < 3 else "gpt-4o-2024-08-06"
    said = [_text("system", _SYSTEM), _text("user", question)]
    call = {"type": "tool_call", "id": f"call_{order}", "name": "find_order", "arguments": {"number": order}}
    trace.model(writer.about(620), said, {"role": "assistant", "parts": [call]}, model)
    order_facts = {"number": order, "plan": "Pro", "days_since": 12, "items": ["lamp", "bulb"]}
    lookup_fails = chance < 0.08
    trace.tool(
        "find_order", writer.about(140, 0.8), {"number": order}, order_facts,
        "TimeoutError: warehouse did not answer within 2 s" if lookup_fails else None,
    )  # fmt: skip
    fails = kind == 4 and writer.random.random() < (0.55 if version == 3 else 0.06)
    if kind == 4:
        trace.kind = "refused" if fails else "refunded"
        error = f"PaymentError: {REFUSED}" if fails else None
        trace.tool("refund", writer.about(420), {"number": order}, {"refunded": True}, error)
    if kind == 2:
        documents = [
            {"page_content": f"Lamp {colour}: 30 cm and 45 cm.", "metadata": {"title": "Lamps", "score": 0.9 - at / 9}}
            for at, colour in enumerate(("green", "white", "black"))
        ]
        trace.kind = "lamp"
        values = {semconv.INPUTS: {"query": "green lamp"}, semconv.OUTPUTS: documents}
        trace.step("search_manual", "RETRIEVER", writer.about(90), json=values)
    about: dict[str, Any] = {
        "session_id": session, "user": user, "model_id": _model_id(version),
        "tags": {"env": "prod", "channel": "web" if turn % 3 else "mail"},
        "request_preview": question, "metadata": {f"tracer.prompt.support/{version}": f"support/{version}"},
    }  # fmt: skip
    if fails:
        trace.end("support agent", "AGENT", question, None, f"PaymentError: {REFUSED}", **about)
    else:
        result = {"type": "tool_call_response", "id": f"call_{order}", "response": order_facts}
        said += [{"role": "assistant", "parts": [call]}, {"role": "tool", "parts": [result]}]
        length = writer.about(1500 if version < 3 else 2900)
        first = int(length * writer.random.uniform(0.15, 0.3))
        trace.model(length, said, _text("assistant", answer), model, first=first)
        trace.end("support agent", "AGENT", question, answer, **about, response_preview=answer)
    if chance > 0.5:
        trace.feedback("helpful", not fails and writer.random.random() < (0.88 if version < 3 else 0.6))
    if chance > 0.3:
        trace.feedback("quality", writer.random.choice((2, 3) if fails else (3, 4, 4, 5)), judge=True)
    if chance > 0.8:
        trace.feedback("tone", writer.random.choice(("kind", "kind", "curt")), judge=True)
    return trace


def _triage(writer: _Writer, start: int, *, said: str = "") -> None:
    """A mail that is put into a folder, by a small model of another provider."""
    trace, mail = _Trace(writer, start), said or writer.random.choice(_QUESTIONS[:3]).format(order="1042")
    folder = writer.random.choice(("returns", "delivery", "other"))
    reply = _text("assistant", f'{{"folder": "{folder}"}}')
    trace.model(writer.about(480), [_text("user", mail)], reply, "claude-3-5-haiku-20241022")
    trace.end(
        "sort mail", "CHAIN", mail, {"folder": folder}, model_id="triage-v1", tags={"env": "prod"},
        request_preview=mail, response_preview=folder,
    )  # fmt: skip


def _sweep(writer: _Writer, start: int) -> None:
    """A nightly job: one step seven hundred times."""
    trace = _Trace(writer, start)
    for number in range(700):
        failed = {"status": "ERROR", "message": "too long"} if number == 412 else {}
        trace.step("embed page", "EMBEDDING", writer.about(12, 0.6), **failed)
    trace.end("nightly index", "WORKFLOW", {"pages": 700}, {"embedded": 699}, tags={"env": "batch"})


def _model_id(version: int) -> str:
    return f"{version}a7c0e9b" * 4


def _version(writer: _Writer, version: int, created: int) -> None:
    model = "gpt-4o-mini" if version < 3 else "gpt-4o"
    writer.write(
        kind="model", model_id=_model_id(version), name="support", created=created, time=created, status="READY",
        params={"llm": model, "temperature": "0.2"}, tags={"git.commit": f"{version}c0ffee"},
    )  # fmt: skip


_PROMPTS = (
    (1, "look orders up first", _SYSTEM),
    (2, "no promises", _SYSTEM + "\nNever promise a day of delivery that the order does not name."),
    (
        3,
        "answer in the customer's language",
        _SYSTEM + "\nAnswer in {{language}}. Name no day that the order does not.",
    ),
)


def _prompts(writer: _Writer, begin: int) -> None:
    """The agent's system prompt in three versions, and the mail sorter's."""
    for version, why, system in _PROMPTS:
        template = [{"role": "system", "content": system}, {"role": "user", "content": "{{question}}"}]
        created = begin + version * 20 * HOUR
        identity = writer.id(32)
        writer.write(
            kind="registered", of="prompt", name="support", id=identity, time=created, tags={"team": "support"},
            content={"template": template, "commit_message": why},
        )  # fmt: skip
        if version == 2:
            writer.write(
                kind="alias", of="prompt", name="support", alias="production", id=identity, time=created + HOUR
            )
    writer.write(
        kind="registered", of="prompt", name="sort mail", id=writer.id(32), time=begin, tags={},
        content={"template": "Which folder is this mail for: returns, delivery or other?\n\n{{mail}}"},
    )  # fmt: skip


def _evaluation(writer: _Writer, version: int, start: int) -> str:
    """A version's answers to twelve questions, scored by code and by a judge; the run's id."""
    run_id, right = writer.id(32), 0
    for number in range(12):
        question = _QUESTIONS[number % 5].format(order=1200 + number)
        answer = _ANSWERS[number % 5].format(order=1200 + number)
        trace = _Trace(writer, start + number * 4_000 * MS)
        said = [_text("system", _SYSTEM), _text("user", question)]
        model = "gpt-4o-mini-2024-07-18" if version < 3 else "gpt-4o-2024-08-06"
        trace.model(writer.about(1300 if version < 3 else 2400), said, _text("assistant", answer), model)
        trace.end(
            "answer", "CHAIN", {"question": question}, answer, run_id=run_id, model_id=_model_id(version),
            experiment="nightly", metadata={"tracer.evaluation.row": f"row-{number}"},
        )  # fmt: skip
        is_right = number not in ((4, 7) if version < 3 else (7, 9, 10))
        right += is_right
        about = {"tracer.evaluation.run": run_id}
        tone = "curt" if (number + version) % 4 == 0 else "kind"
        trace.feedback("answer", answer, type="expectation")
        trace.feedback("correct", is_right, judge=True, metadata=about)
        trace.feedback("words", len(answer.split()), judge=True, metadata=about)
        trace.feedback("tone", tone, judge=True, metadata=about)
    writer.write(
        kind="run", run_id=run_id, time=start, name=f"support-v{version} on refunds", experiment="nightly",
        status="FINISHED", started=start, ended=start + 60_000 * MS,
        tags={"tracer.evaluation.rows": "12", "tracer.dataset": "refunds", "tracer.model_id": _model_id(version)},
        metrics={"correct/mean": right / 12, "rows": 12, "error_share": 0},
    )  # fmt: skip
    return run_id


def _dataset(store: Store, trace_id: str) -> str:
    """Questions about refunds with what is expected, some from a trace; the dataset's id."""
    refunds = store.write_dataset("refunds", experiments=["nightly"], tags={"team": "support"})
    rows: list[Any] = [
        {
            "inputs": {"question": _QUESTIONS[number % 5].format(order=1200 + number)},
            "expectations": {"answer": _ANSWERS[number % 5].format(order=1200 + number)},
            "tags": {"language": "ar" if number % 5 == 3 else "en"},
        }
        for number in range(12)
    ]
    rows[4]["source"] = {"source_type": "TRACE", "source_data": {"trace_id": trace_id}}
    store.write_rows(refunds.dataset_id, rows)
    return refunds.dataset_id


def _queue(store: Store) -> str:
    """Answers that the judge found middling, for people to look at; the queue's id."""
    scores = [
        {"name": "correct", "kind": "yes_no", "question": "Is the answer right?"},
        {"name": "tone", "kind": "rating", "question": "How friendly is it?"},
        {"name": "fault", "kind": "choice", "choices": ["none", "wrong rule", "too long"]},
    ]
    guidance = "Refunds within 30 days, in the original packaging."
    queue = {
        "name": "doubtful answers", "filter": "name = 'support agent' AND feedback.quality < 4", "experiment": None,
        "scores": scores, "reviewers": 1, "guidance": guidance,
    }  # fmt: skip
    return store.write_review_queue(queue).queue_id


def open_shop(store_file: Path) -> Shop:
    """Fill a new store with that week."""
    store_file.parent.mkdir(exist_ok=True)
    writer, shop = _Writer(), Shop()
    begin = END - 7 * 24 * HOUR
    for version, created in ((1, begin - HOUR), (2, begin + 70 * HOUR), (3, END - 40 * HOUR)):
        _version(writer, version, created)
    for number in range(96):
        start = begin + int(number * 1.7 * HOUR) + writer.random.randrange(HOUR)
        version = 1 if start < begin + 70 * HOUR else 2 if start < END - 40 * HOUR else 3
        session, user = f"chat-{100 + number}", writer.random.choice(_USERS)
        for turn in range(1 + number % 4 + (number > 80)):
            trace = _support(writer, start + turn * 95_000 * MS, version, session, user, turn=number + turn)
            if not hasattr(shop, "first"):
                shop.first = trace.trace_id
            if trace.kind:
                setattr(shop, trace.kind, trace.trace_id)
    for number in range(140):
        _triage(writer, begin + int(number * 1.15 * HOUR), said=f"Hello, {SAID_ONCE}." if number == 31 else "")
    _sweep(writer, END - 9 * HOUR)
    _prompts(writer, begin)
    shop.version = _model_id(3)
    shop.run_before, shop.run = (_evaluation(writer, version, END - (50 - version) * HOUR) for version in (2, 3))
    store = open_store(f"sqlite:///{store_file}")
    for at in range(0, len(writer.lines), 500):
        store.append(writer.lines[at : at + 500])
    while store.index_more():
        pass
    with mock.patch.object(time, "time_ns", return_value=END - 20 * HOUR):  # when these were made
        shop.dataset, shop.queue = _dataset(store, shop.refused), _queue(store)
    failed = store.spans(shop.refused, payload=False)
    shop.asked = next(span["span_id"] for span in failed if span["type"] == "CHAT_MODEL")
    store.close()
    return shop
