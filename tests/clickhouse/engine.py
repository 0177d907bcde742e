"""A ClickHouse server for tests: its HTTP interface on loopback, over the real engine in this process (chdb-core).

No package brings a server of ClickHouse's, but chdb-core its engine: ``python tests/clickhouse/engine.py FOLDER``
prints the port and serves until its standard input ends. What clickhouse-connect sends is answered as a server does:
queries with bound parameters, settings and formats, inserts, exceptions with their codes, user and password.

It is two shards for tables that are on shards: two_shards.py.

Limits: one engine, so nothing else of a cluster (Keeper, ``ON CLUSTER``, Replicated tables, other replicas' delay); no
sessions; a body is held in memory; a query is not cancelled when its client leaves; no quotas, roles and
rows of ``system.processes``. An engine that is killed has lost nothing that it had confirmed, as with a server without
``fsync``.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.clickhouse.two_shards import TwoShards

USER, PASSWORD = "tracer", "p@ss/word"
_OF_TRANSPORT = {
    "query", "database", "compress", "decompress", "query_id", "session_id", "session_timeout", "session_check",
    "client_protocol_version", "user", "password", "role", "wait_end_of_query", "send_progress_in_http_headers",
    "http_headers_progress_interval_ms", "enable_http_compression", "buffer_size", "default_format", "quota_key",
}  # fmt: skip
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_INSERT = re.compile(r"^\s*INSERT\s+INTO\b", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)")
_NO_SUCH_USER = 516


class Engine:
    """Connections to the engine in a folder, each used by one request at a time."""

    def __init__(self, folder: str, threads: int = 1) -> None:
        import chdb

        self._shards = TwoShards(Path(f"{folder}-shards"))
        options = f"max_threads={threads}&config-file={self._shards.configuration}"
        self._connect = lambda: (chdb.connect(f"{folder}?{options}"), {})
        self._free: SimpleQueue[tuple[Any, dict[str, str]]] = SimpleQueue()
        self._free.put(self._connect())

    def run(self, sql: str, data: bytes, parameters: dict[str, str]) -> tuple[bytes, str]:
        """The answer of a query and its format. Raises RuntimeError with the engine's message."""
        try:
            connection, has = self._free.get_nowait()
        except Empty:
            connection, has = self._connect()
        settings = {name: value for name, value in parameters.items() if name not in _OF_TRANSPORT}
        sql = self._shards.read_statement(sql)
        settings |= self._shards.settings
        bound = {name[len("param_") :]: settings.pop(name) for name in list(settings) if name.startswith("param_")}
        try:
            connection.query(f"USE `{parameters.get('database') or 'default'}`")
            for name in has.keys() - settings.keys():
                connection.query(f"SET {name} = DEFAULT")
                del has[name]
            for name, value in settings.items():
                if has.get(name) != value:
                    connection.query(f"SET {name} = {_quoted(value)}")
                    has[name] = value
            return _run(connection, sql, data, bound, parameters.get("default_format", "TabSeparated"))
        finally:
            self._free.put((connection, has))


def _run(connection: Any, sql: str, data: bytes, bound: dict[str, str], default: str) -> tuple[bytes, str]:
    named = _FORMAT.search(sql)
    format_name, text = (named[1], sql[: named.start()]) if named else (default, sql)
    if _INSERT.match(sql) and data:
        # the engine reads a body from files alone
        with tempfile.NamedTemporaryFile(suffix=".data") as file:
            file.write(data)
            file.flush()
            head, _, settings = text.partition(" SETTINGS ")
            kept = f" SETTINGS {settings}" if settings else ""
            connection.query(f"{head} FROM INFILE {_quoted(file.name)} COMPRESSION 'none'{kept} FORMAT {format_name}")
        return b"", format_name
    result = connection.query(text, format_name, params=bound) if bound else connection.query(text, format_name)
    return (b"" if result is None else result.bytes()), format_name


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    engine: Engine

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is logged."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/ping":
            return self._answer(200, b"Ok.\n")
        parameters = dict(parse_qsl(url.query, keep_blank_values=True))
        return self._query(parameters.get("query", ""), b"", parameters)

    def do_POST(self) -> None:
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        body, kind = self._body(), self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            parameters |= _form(body, kind)
            body = b""
        sql = parameters.get("query", "")
        if not sql.strip():
            # an insert's data stands behind its statement
            found = re.match(rb"(?s)\s*INSERT\s+INTO.*?\bFORMAT\s+\w+\s*\n", body, re.IGNORECASE)
            sql, body = (found[0].decode(), body[found.end() :]) if found else (body.decode(), b"")
        return self._query(sql, body, parameters)

    def _query(self, sql: str, data: bytes, parameters: dict[str, str]) -> None:
        if not self._is_known(parameters):
            message = f"Code: {_NO_SUCH_USER}. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)"
            return self._failed(403, message)
        started = time.monotonic()
        try:
            answer, format_name = self.engine.run(sql, data, parameters)
        except Exception as error:
            return self._failed(500, str(error))
        elapsed = str(int((time.monotonic() - started) * 1e9))
        summary = {"read_rows": "0", "read_bytes": "0", "written_rows": "0", "elapsed_ns": elapsed}
        headers = {
            "X-ClickHouse-Query-Id": parameters.get("query_id", ""),
            "X-ClickHouse-Format": format_name,
            "X-ClickHouse-Summary": json.dumps(summary),
        }
        return self._answer(200, answer, parameters, **headers)

    def _failed(self, status: int, message: str) -> None:
        code = _CODE.search(message)
        self._answer(status, message.encode(), **{"X-ClickHouse-Exception-Code": code[1] if code else "1002"})

    def _is_known(self, parameters: dict[str, str]) -> bool:
        user = self.headers.get("X-ClickHouse-User") or parameters.get("user")
        password = self.headers.get("X-ClickHouse-Key") or parameters.get("password")
        kind, _, content = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            user, _, password = base64.b64decode(content).decode().partition(":")
        return (user, password) == (USER, PASSWORD)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return _plain(body, self.headers.get("Content-Encoding"))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().strip(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, status: int, body: bytes, parameters: dict[str, str] | None = None, **headers: str) -> None:
        accepts_gzip = "gzip" in self.headers.get("Accept-Encoding", "")
        if accepts_gzip and len(body) > 1024 and (parameters or {}).get("enable_http_compression") == "1":
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/plain; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Server-Display-Name", "engine")
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.end_headers()
        self.wfile.write(body)


def _plain(body: bytes, encoding: str | None) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "deflate":
        return zlib.decompress(body)
    if encoding == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(body)
    if encoding == "lz4":
        import lz4.frame

        plain = b""
        while body:
            frame = lz4.frame.LZ4FrameDecompressor()
            plain += frame.decompress(body)
            body = frame.unused_data or b""
        return plain
    return body


def _form(body: bytes, content_type: str) -> dict[str, str]:
    """The fields of a form, as parameters are sent that are too long for an address."""
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    fields: dict[str, str] = {}
    for part in body.split(b"--" + boundary):
        head, found, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        if found and name:
            fields[name[1].decode()] = value.removesuffix(b"\r\n").decode()
    return fields


def serve(folder: str, port: int = 0, threads: int = 1) -> None:
    """Serve until the standard input ends."""
    _Handler.engine = Engine(folder, threads)
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)  # the engine's own threads end with the process


@contextmanager
def running_engine(folder: Path, port: int = 0, threads: int = 1) -> Iterator[str]:
    """An engine in a process of its own, as ``user:password@host:port``; ``threads`` are those of one query.

    Tests run side by side: more threads for their small queries would only wait for each other.
    """
    with engine_process(folder, port, threads) as (_, address):
        yield address


@contextmanager
def engine_process(folder: Path, port: int = 0, threads: int = 1) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process of an engine, and its ``user:password@host:port``."""
    command = [sys.executable, __file__, str(folder), str(port), str(threads)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        port = int(process.stdout.readline())
        try:
            yield process, f"{USER}:{PASSWORD.replace('@', '%40').replace('/', '%2F')}@127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGCONT)  # in case that a test has stopped it
            process.stdin.close()
            process.wait(timeout=30)


if __name__ == "__main__":
    serve(sys.argv[1], *map(int, sys.argv[2:]))
