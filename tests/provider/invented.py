"""A provider for an SDK that does not exist: what an author writes, and all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.provider import Call, Door, Operation, Provider, Reply, Request


def read_request(body: Any) -> Request:
    return Request(
        model=body["model"],
        messages=body["messages"],
        tools=body.get("tools"),
        attributes={"gen_ai.request.temperature": body.get("temperature")},
    )


def read_reply(reply: Any) -> Reply:
    return Reply(
        model=reply["model"],
        messages=[{"role": "assistant", "content": reply["text"]}],
        finish_reasons=[reply["stop"]],
        usage={"input_tokens": reply["in"], "output_tokens": reply["out"]},
    )


class Accumulator:
    def __init__(self) -> None:
        self.text: list[str] = []
        self.last: dict[str, Any] = {"stop": "unknown", "in": None, "out": None, "model": None}

    def add(self, chunk: dict[str, Any]) -> bool:
        self.text.append(chunk.get("text", ""))
        self.last.update({key: value for key, value in chunk.items() if key != "text"})
        return bool(chunk.get("text"))

    def reply(self) -> Any:
        return {**self.last, "text": "".join(self.text)}

    def is_complete(self) -> bool:
        return self.last["stop"] != "unknown"


OPERATIONS = {"/chat": Operation("chat", read_request, read_reply, Accumulator)}


def read_call(arguments: Mapping[str, Any]) -> Call | None:
    operation = OPERATIONS.get(arguments["path"])
    return None if operation is None else Call(operation, arguments["body"])


provider = Provider(
    name="acme",
    module="acme_sdk",
    supported="1.x",
    doors=tuple(
        Door(f"acme_sdk:{name}.send", read_call, parameters=("path", "body")) for name in ("Client", "AsyncClient")
    ),
)
autolog = provider.autolog
