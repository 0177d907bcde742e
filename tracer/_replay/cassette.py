"""Cassettes: JSON lines, one call a line, with sorted keys and without secrets."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tracer._engine.runtime import runtime
from tracer._json import JsonObject, encode, loads
from tracer._redaction.secrets import REDACTED
from tracer._replay.matching import path_of
from tracer.errors import CassetteError
from tracer.provider.chunk_encoder import joined_texts

STEP = "STEP"  # the method of a request that is the call of a function, whose name is the URL


@dataclass
class Recorded:
    """One line of a cassette: a request with its response, or a step's arguments with its result."""

    line: str
    number: int  # of the line, from 1
    content: JsonObject
    is_used: bool = False

    @property
    def request(self) -> JsonObject:
        """Method, URL and body."""
        found: JsonObject = self.content["request"]
        return found

    @property
    def response(self) -> JsonObject:
        """Status, headers and body, or an error."""
        found: JsonObject = self.content["response"]
        return found

    @property
    def place(self) -> str:
        """The call's place in the cassette, for messages."""
        return f"line {self.number}"

    def is_alike(self, request: JsonObject) -> bool:
        """Whether a request has the same path as this one, or both are steps with the same name."""
        return (self.request["method"] == STEP) is (request["method"] == STEP) and (
            path_of(self.request) == path_of(request)
        )

    @property
    def answers_again(self) -> bool:
        """Whether it may answer more than one request."""
        return False

    def answering(self, request: JsonObject) -> Recorded:
        """The call with its reply in the form for this request."""
        return self

    def asked(self, request: JsonObject) -> JsonObject:
        """The part of a request that is to be compared with this one's."""
        return request


def read(path: Path) -> list[Recorded]:
    """The calls of a cassette. Raises CassetteError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CassetteError(f"the cassette {path} cannot be read: {error}") from error
    calls = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                calls.append(_recorded(line, number))
            except (ValueError, KeyError, TypeError) as error:
                raise CassetteError(
                    f"{path}, line {number}: no call of a cassette ({error}). "
                    f'Record it anew: with tracer.record("{path}"): …'
                ) from None
    return calls


def _recorded(line: str, number: int) -> Recorded:
    content = loads(line)
    request = content["request"]
    if not (isinstance(request["method"], str) and isinstance(request["url"], str) and content["response"]):
        raise ValueError("its request or its response is none")
    return Recorded(line, number, content)


def line_of(content: JsonObject) -> str:
    """A call's line, in which secrets are replaced."""
    redact = runtime().recorder.redact
    line = redact(_encoded(content))
    response = loads(line).get("response", {})
    if _splits_a_secret(response.get("chunks", ())):
        response = {**response, "chunks": [REDACTED], "chunk_times_ms": [0]}
        line = redact(_encoded({**content, "response": response}))
    return line.decode()


def _encoded(content: JsonObject) -> bytes:
    encoded = json.dumps(_sorted(content), ensure_ascii=False, separators=(",", ":"))
    return encoded.encode("utf-8", "backslashreplace")  # a lone surrogate, which JSON can hold in escaped form only


def _sorted(content: JsonObject) -> JsonObject:
    """Keys in order, apart from a reply's: its bytes have an order of their own."""
    return {
        key: {name: value[name] for name in sorted(value)} if key == "response" else _deeply_sorted(value)
        for key, value in sorted(content.items())
    }


def _deeply_sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _deeply_sorted(value[key]) for key in sorted(value)}
    return [_deeply_sorted(item) for item in value] if isinstance(value, list) else value


def _splits_a_secret(chunks: Iterable[object]) -> bool:
    """Whether the texts of a stream's events hold a secret when they are joined."""
    events = []
    for chunk in chunks:
        if isinstance(chunk, dict) and "json" in chunk:
            events.append(chunk["json"])
        for line in chunk.splitlines() if isinstance(chunk, str) else ():
            try:
                events.append(loads(line.removeprefix("data:").strip()))
            except ValueError:  # an event's name, or its end
                continue
    return runtime().recorder.holds_secret(encode([*joined_texts(events).values()]))


def write(path: Path, lines: Iterable[str]) -> None:
    """Replace a cassette as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
        os.chmod(name, path.stat().st_mode if path.exists() else 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
