"""An OpenAI-compatible server on loopback with scripted replies: real HTTP, real events, no key, no cost."""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from tracer._json import JsonMapping, JsonObject
from tracer.demo import replies

_REPLIES: dict[str, Callable[[JsonMapping], JsonObject]] = {
    "/v1/chat/completions": replies.chat_reply,
    "/v1/responses": replies.response_reply,
    "/v1/embeddings": replies.embeddings_reply,
}
_STREAMS: dict[str, Callable[[JsonMapping], Iterator[JsonObject]]] = {
    "/v1/chat/completions": replies.chat_chunks,
    "/v1/responses": replies.response_events,
}


class DemoServer:
    """``with DemoServer() as server:`` serves chat completions, responses and embeddings at ``server.base_url``."""

    def __init__(self, *, seconds_per_reply: float = 0.0, seconds_per_chunk: float = 0.0) -> None:
        handler = type("Handler", (_Handler,), {"reply_time": seconds_per_reply, "chunk_time": seconds_per_chunk})
        self._http = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="tracer-demo", daemon=True)

    @property
    def port(self) -> int:
        """The port, chosen by the operating system."""
        return int(self._http.server_address[1])

    @property
    def base_url(self) -> str:
        """The ``base_url`` for an OpenAI client."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> DemoServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Print no traceback for clients that close a connection: the terminal belongs to the demo."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise each small write waits for the client's acknowledgement
    reply_time = 0.0
    chunk_time = 0.0

    def do_POST(self) -> None:
        body = self._read_body()
        path = self.path.partition("?")[0]
        if body is None:
            self._send_error(400, "The body is not a JSON object.", "invalid_request_error")
        elif path not in _REPLIES:
            self._send_error(404, f"The demo server does not know {path}.", "not_found_error")
        elif body.get("stream") and path in _STREAMS:
            self._send_stream(_STREAMS[path](body), ends_with_done=path.endswith("/completions"))
        else:
            time.sleep(self.reply_time)
            self._send_json(200, _REPLIES[path](body))

    def do_GET(self) -> None:
        self._send_error(404, "The demo server answers POST requests only.", "not_found_error")

    def log_message(self, format: str, *args: object) -> None:
        """No log: the terminal belongs to the demo."""

    def _read_body(self) -> JsonObject | None:
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        except ValueError:
            return None
        return body if isinstance(body, dict) else None

    def _send_error(self, status: int, message: str, kind: str) -> None:
        self._send_json(status, {"error": {"message": message, "type": kind, "param": None, "code": None}})

    def _send_json(self, status: int, value: JsonMapping) -> None:
        content = json.dumps(value).encode()
        self._send_head(status, "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_stream(self, events: Iterator[JsonObject], *, ends_with_done: bool) -> None:
        self._send_head(200, "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        time.sleep(self.reply_time)
        try:
            for event in events:
                name = f"event: {event['type']}\n" if "type" in event else ""
                self._send_chunk(f"{name}data: {json.dumps(event)}\n\n")
                time.sleep(self.chunk_time)
            if ends_with_done:
                self._send_chunk("data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True  # clients may close a stream early

    def _send_chunk(self, text: str) -> None:
        content = text.encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))

    def _send_head(self, status: int, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("x-request-id", f"req_{secrets.token_hex(8)}")
        self.send_header("openai-processing-ms", str(round(self.reply_time * 1000)))
