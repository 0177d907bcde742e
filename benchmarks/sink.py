"""A server on loopback that takes whatever a contender sends, and gives back the last that it got."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

MAX_KEPT = 64
VARIABLE = "BENCHMARK_SINK"  # how a worker learns of the sink


class Sink:
    """Runs while its block does. ``GET /last`` answers with the newest requests' bodies, unpacked.

    ``keep`` is called with each body before it is answered.
    """

    def __init__(self, port: int = 0, keep: Callable[[bytes], object] = len) -> None:
        self.bodies: list[bytes] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self.bodies, keep))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, name="sink", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Sink:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _handler(bodies: list[bytes], keep: Callable[[bytes], object]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._answer(b"\n".join(bodies) if self.path == "/last" else b"{}")

        def do_POST(self) -> None:
            body = self._body()
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            keep(body)
            bodies.append(body)
            del bodies[:-MAX_KEPT]
            self._answer(b"" if self.path.endswith("/v1/traces") else b"{}")

        do_PUT = do_PATCH = do_POST

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
