"""A local HTTP server that gives the answers that a test scripted, and keeps the requests."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Union

WAIT_SECONDS = 20.0


class Break:
    """The connection breaks here, without the end that HTTP promised."""


BREAK = Break()
Step = Union[bytes, Break, threading.Event]


@dataclass
class Scripted:
    """One answer. ``steps`` are sent one by one; an event holds the rest back until the test sets it."""

    steps: Iterable[Step] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str | None = "application/json"
    is_stream: bool = False


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def reply(body: Any, *, status: int = 200, content_type: str | None = "application/json", **headers: str) -> Scripted:
    """An answer in one piece."""
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Scripted([encoded], status, named, content_type)


def sse(*events: Any, done: bool = True, content_type: str | None = "text/event-stream", **headers: str) -> Scripted:
    """A stream of server-sent events: dicts are sent as data, bytes as they are, events and BREAK are obeyed."""
    steps = [step if isinstance(step, (bytes, Break, threading.Event)) else data(step) for step in events]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Scripted([*steps, b"data: [DONE]\n\n"] if done else steps, 200, named, content_type, is_stream=True)


def data(value: Any) -> bytes:
    """One server-sent event; that of the Responses API carries its type as the event's name."""
    kind = value.get("type") if isinstance(value, dict) else None
    name = f"event: {kind}\n" if isinstance(kind, str) else ""
    return f"{name}data: {json.dumps(value)}\n\n".encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # many callers at once

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # clients may close a connection at any time
            super().handle_error(request, client_address)


class Server:
    """Runs on loopback until it is closed; answers in the order of ``answers``, the last one again and again."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: list[Scripted | Callable[[Asked], Scripted]] = []
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._http.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def will(self, *answers: Scripted | Callable[[Asked], Scripted]) -> None:
        """Script the answers to come."""
        self.answers = list(answers)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(WAIT_SECONDS)

    def _next(self, asked: Asked) -> Scripted:
        with self._lock:
            self.asked.append(asked)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, Scripted) else answer(asked)

    def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and a short body leave in one packet

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                scripted = server._next(Asked(self.command, self.path, headers, body))
                try:
                    self._answer(scripted)
                except OSError:
                    self.close_connection = True

            do_POST = do_DELETE = do_GET

            def _answer(self, scripted: Scripted) -> None:
                self.send_response(scripted.status)
                if scripted.content_type is not None:
                    self.send_header("content-type", scripted.content_type)
                for name, value in scripted.headers.items():
                    self.send_header(name, value)
                if scripted.is_stream:
                    self._answer_in_chunks(scripted)
                    return
                body = b"".join(step for step in scripted.steps if isinstance(step, bytes))
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                for step in scripted.steps:
                    if isinstance(step, threading.Event):
                        step.wait(WAIT_SECONDS)
                self.wfile.write(body)
                self.wfile.flush()

            def _answer_in_chunks(self, scripted: Scripted) -> None:
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for step in scripted.steps:
                    if isinstance(step, Break):
                        self._break()
                        return
                    if isinstance(step, threading.Event):
                        self.wfile.flush()
                        step.wait(WAIT_SECONDS)
                        continue
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(step), step))
                self.wfile.write(b"0\r\n\r\n")
                self.wfile.flush()

            def _break(self) -> None:
                self.wfile.flush()
                # let the sent bytes arrive: a reset may overtake them
                self.connection.shutdown(socket.SHUT_WR)
                self.close_connection = True

        return Handler


def unreachable_port() -> int:
    """A port without a listener."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
