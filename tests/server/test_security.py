"""Access to the server, bounds on requests, and security headers of responses."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import http.client
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.server.conftest import TOKEN, TRACE_ID, client_of, span
from tracer.errors import InvalidArgumentError
from tracer.server import ServerSettings, create_app, running_server, serve
from tracer.server.protocol import LimitedProtocol

pytestmark = pytest.mark.no_store
SAME = {"Content-Type": "application/json"}


# one server of each kind for the whole module: nearly nothing here writes


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('security') / 'tracer.db'}"


@pytest.fixture(scope="module")
def server_url(store_url: str) -> Iterator[str]:
    with running_server(store_url) as url:
        yield url


@pytest.fixture(scope="module")
def guarded_url(store_url: str) -> Iterator[str]:
    with running_server(store_url, ServerSettings(port=0, token=TOKEN)) as url:
        yield url


@pytest.fixture
def guarded(guarded_url: str) -> Iterator[httpx.Client]:
    with client_of(guarded_url) as found:
        yield found


@pytest.fixture(scope="module")
def small_url(store_url: str) -> Iterator[str]:
    with running_server(store_url, ServerSettings(port=0, max_body_bytes=100_000, receive_seconds=0.3)) as url:
        yield url


@pytest.fixture
def small(small_url: str) -> Iterator[httpx.Client]:
    """A server that takes little."""
    with client_of(small_url) as found:
        yield found


def status(client: httpx.Client, path: str = "/traces", **headers: str) -> int:
    return client.get(path, headers=headers).status_code


# --- Host and Origin


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:5000", "", "[", "a b"]
)
def test_an_unknown_host_is_refused(host: str, client: httpx.Client) -> None:
    assert status(client, Host=host) in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5000", "127.0.0.1:5000", "[::1]:5000", "192.168.1.7"])
def test_a_host_that_is_an_ip_address_or_localhost_is_accepted(host: str, client: httpx.Client) -> None:
    assert status(client, Host=host) == 200


def test_an_allowed_host_is_accepted(store_url: str) -> None:
    settings = ServerSettings(port=0, allowed_hosts=("Traces.example.org",))
    with running_server(store_url, settings) as url, httpx.Client(base_url=f"{url}/api/v1") as client:
        assert status(client, Host="traces.example.org") == 200
        assert status(client, Host="other.example.org") == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://", "http://[evil"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_cors_a_page_of_another_origin_is_refused(method: str, origin: str, client: httpx.Client) -> None:
    answer = client.request(
        method, "/traces/delete", headers={**SAME, "Origin": origin}, content=b'{"filter": "cost > 0"}'
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert "access-control-allow-origin" not in answer.headers


def test_csrf_a_request_marked_as_cross_site_is_refused(client: httpx.Client) -> None:
    assert status(client, **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert status(client, **{"Sec-Fetch-Site": "same-site"}) == 403
    assert status(client, **{"Sec-Fetch-Site": "same-origin"}) == 200


def test_a_link_from_another_site_opens_the_page(server_url: str) -> None:
    answer = httpx.get(f"{server_url}/traces/abc", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 200


def test_cors_the_servers_own_page_may_write(server_url: str, client: httpx.Client) -> None:
    answer = client.post("/traces/delete", json={"trace_ids": []}, headers={"Origin": server_url})

    assert answer.json() == {"deleted": 0}


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_csrf_a_form_of_another_site_is_refused(media_type: str, client: httpx.Client) -> None:
    answer = client.post("/traces/delete", content=b'{"filter": "cost > 0"}', headers={"Content-Type": media_type})

    assert answer.status_code == 415


# --- the token


def test_a_health_check_needs_no_token(guarded: httpx.Client) -> None:
    answer = guarded.get("/api/v1/server")

    assert (answer.status_code, answer.json()["auth"], answer.json()["signed_in"]) == (200, "token", False)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_read_only_store_is_reported_as_read_only(read_only: bool) -> None:
    app = create_app(lambda: pytest.fail("not opened"), place="/srv/traces.db", read_only=read_only)

    async def ask() -> httpx.Response:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client,
        ):
            return await client.get("/api/v1/server")

    answer = asyncio.run(ask()).json()

    assert (answer["store"], answer["read_only"]) == ("/srv/traces.db", read_only)


def test_without_a_token_nothing_is_disclosed(guarded: httpx.Client) -> None:
    for method, path in (
        ("GET", "/api/v1/traces"),
        ("GET", "/api/v1/events"),
        ("GET", "/api/v1/openapi.json"),
        ("POST", "/api/v1/records"),
        ("POST", "/v1/traces"),
        ("GET", "/api/v1/nothing"),
    ):
        answer = guarded.request(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized"), path
        assert answer.headers["www-authenticate"] == "Bearer"
    assert guarded.get("/api/v1/server").json()["store"] is None
    assert guarded.get("/").status_code == 200


@pytest.mark.parametrize(
    "given", ["", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer ü"]
)
def test_another_bearer_token_opens_nothing(given: str, guarded: httpx.Client) -> None:
    assert guarded.get("/api/v1/traces", headers={"Authorization": given.encode()}).status_code == 401


@pytest.mark.parametrize(("user", "password", "status"), [("pk-lf-1", TOKEN, 200), (TOKEN, "x", 401), (TOKEN, "", 401)])
def test_the_token_as_the_password_of_basic_opens_the_api(
    guarded: httpx.Client, user: str, password: str, status: int
) -> None:
    assert guarded.get("/api/v1/traces", auth=(user, password)).status_code == status


def test_the_bearer_token_opens_the_api(guarded: httpx.Client) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}

    assert guarded.get("/api/v1/traces", headers=headers).status_code == 200
    assert guarded.get("/api/v1/server", headers=headers).json()["signed_in"] is True


def test_a_browser_signs_in_and_out(guarded: httpx.Client) -> None:
    assert guarded.post("/api/v1/sign-in", json={"token": "wrong"}).status_code == 401
    signed_in = guarded.post("/api/v1/sign-in", json={"token": TOKEN})

    cookie = signed_in.headers["set-cookie"]
    assert signed_in.status_code == 204
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie
    assert guarded.get("/api/v1/traces").status_code == 200
    assert guarded.post("/api/v1/sign-out").status_code == 204
    assert guarded.get("/api/v1/traces").status_code == 401


def test_a_made_up_cookie_opens_nothing(guarded: httpx.Client) -> None:
    guarded.post("/api/v1/sign-in", json={"token": TOKEN})
    [name] = guarded.cookies

    answer = httpx.get(f"{guarded.base_url}/api/v1/traces", headers={"Cookie": f"{name}={TOKEN}"})

    assert answer.status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "traces.example.org"])
def test_others_can_reach_the_server_with_a_token_alone(host: str) -> None:
    with pytest.raises(InvalidArgumentError, match="give a token"):
        ServerSettings(host=host)

    assert ServerSettings(host=host, token=TOKEN).token == TOKEN


def test_a_short_token_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="at least 16"):
        ServerSettings(token="short")


# --- bounds on requests


def test_a_body_too_large_is_refused(small: httpx.Client) -> None:
    answer = small.post("/v1/traces", content=b"x" * 100_001, headers=SAME)

    assert answer.status_code == 413


def test_a_body_without_content_length_is_limited_too(small: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 1000

    try:
        assert small.post("/v1/traces", content=endless(), headers=SAME).status_code == 413
    except (httpx.WriteError, httpx.RemoteProtocolError):
        pass  # the server has answered and closed before all was sent


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_gzip_bomb_is_not_decompressed(encoding: str, small: httpx.Client) -> None:
    bomb = b"0" * 50_000_000
    packed = gzip.compress(bomb) if encoding == "gzip" else zlib.compress(bomb)
    assert len(packed) < 100_000

    for path, media_type in (("/v1/traces", "application/json"), ("/api/v1/records", "application/x-ndjson")):
        headers = {"Content-Type": media_type, "Content-Encoding": encoding}
        assert small.post(path, content=packed, headers=headers).status_code == 413


def test_a_gzip_bomb_of_many_members_is_not_decompressed(small: httpx.Client) -> None:
    packed = gzip.compress(b"0" * 40_000) * 10

    answer = small.post("/v1/traces", content=packed, headers={**SAME, "Content-Encoding": "gzip"})

    assert answer.status_code == 413


def test_the_body_of_a_sign_in_is_small(guarded: httpx.Client) -> None:
    bomb = gzip.compress(b'{"token":[' + b"{}," * 1_000_000 + b"{}]}")
    assert len(bomb) < 4096

    for content, encoding in ((bomb, "gzip"), (b'{"token": "' + b"x" * 5000 + b'"}', "identity")):
        headers = {**SAME, "Content-Encoding": encoding}
        assert guarded.post("/api/v1/sign-in", content=content, headers=headers).status_code == 413


def test_json_of_a_signed_in_caller_is_bounded_too(client: httpx.Client) -> None:
    content = gzip.compress(b'{"trace_ids": [' + b'"",' * 2_000_000 + b'""]}')

    answer = client.post("/traces/delete", content=content, headers={**SAME, "Content-Encoding": "gzip"})

    assert answer.status_code == 413


EMPTY = gzip.compress(b"{}", mtime=0)  # the same in each process that collects tests


@pytest.mark.parametrize("content", [b"no gzip", EMPTY[:-5], EMPTY + b"tail"])
def test_damaged_gzip_is_refused(content: bytes, small: httpx.Client) -> None:
    answer = small.post("/v1/traces", content=content, headers={**SAME, "Content-Encoding": "gzip"})

    assert answer.status_code == 400


def test_an_unknown_encoding_is_refused(small: httpx.Client) -> None:
    answer = small.post("/v1/traces", content=b"x", headers={**SAME, "Content-Encoding": "br"})

    assert answer.status_code == 415


def test_a_slow_request_body_times_out(small: httpx.Client) -> None:
    with socket.create_connection((small.base_url.host, small.base_url.port or 0), timeout=30) as slow:
        slow.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 9\r\n\r\n{"
        )
        answer = slow.recv(1000)

    assert answer.startswith(b"HTTP/1.1 408")


def test_a_connection_without_complete_headers_is_closed(small: httpx.Client) -> None:
    with socket.create_connection((small.base_url.host, small.base_url.port or 0), timeout=30) as slow:
        slow.sendall(b"GET /api/v1/server HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += slow.recv(10_000)
        slow.sendall(b"GET /api/v1/server HTTP/1.1\r\nHost: loc")
        assert slow.recv(1000) == b""
    with socket.create_connection((small.base_url.host, small.base_url.port or 0), timeout=30) as silent:
        assert silent.recv(1000) == b""


def test_a_client_that_does_not_read_is_cut_off(
    store_url: str, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = threading.Event()
    connection_lost = LimitedProtocol.connection_lost

    def lost(protocol: LimitedProtocol, error: Exception | None) -> None:
        connection_lost(protocol, error)
        closed.set()

    monkeypatch.setattr(LimitedProtocol, "connection_lost", lost)
    monkeypatch.setattr(LimitedProtocol, "read_seconds", 0.1)
    write(span(trace_id="c" * 32, name="x" * 20_000_000))
    with running_server(store_url) as url, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        host, port = url.removeprefix("http://").split(":")
        connection.connect((host, int(port)))
        connection.sendall(f"GET /api/v1/traces/{'c' * 32} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

        assert closed.wait(30)
        assert 0 < sum(map(len, iter(lambda: connection.recv(1 << 20), b""))) < 20_000_000


def test_a_request_with_two_lengths_is_refused_and_its_connection_closed(server_url: str) -> None:
    host, port = server_url.removeprefix("http://").split(":")
    lengths = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    hidden = "GET /api/v1/server HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n{lengths}{hidden}".encode())
        received = b"".join(iter(lambda: connection.recv(1000), b""))

    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1


def test_idle_connections_are_closed_for_new_ones(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LimitedProtocol, "most_connections", 5)
    monkeypatch.setattr(serve, "MOST_CONNECTIONS", 10)
    with running_server(store_url) as url, ExitStack() as open_ones, httpx.Client(base_url=url) as listener:
        host, _, port = url.removeprefix("http://").rpartition(":")
        with listener.stream("GET", "/api/v1/events") as stream:
            for number in range(30):
                idle = open_ones.enter_context(socket.create_connection((host, int(port)), timeout=30))
                if number % 2:  # these ask once and stay
                    idle.sendall(b"GET /api/v1/server HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    assert idle.recv(12) == b"HTTP/1.1 200"

            assert httpx.get(f"{url}/api/v1/server").status_code == 200
            assert next(stream.iter_lines()).startswith("event")


def test_endless_headers_are_refused(small: httpx.Client) -> None:
    connection = http.client.HTTPConnection(small.base_url.host, small.base_url.port or 0, timeout=30)
    try:
        connection.request("GET", "/api/v1/traces", headers={"Cookie": "x" * 200_000})
        assert connection.getresponse().status == 400
    except (ConnectionError, http.client.HTTPException):
        pass  # refused while it was still being sent
    finally:
        connection.close()


def test_the_limit_of_a_page_is_bounded(client: httpx.Client) -> None:
    assert client.get("/traces", params={"limit": 1001}).status_code == 400
    assert client.get("/traces", params={"limit": "9" * 5000}).status_code == 400


def test_a_slow_query_times_out(store_url: str, write: Callable[..., None]) -> None:
    write(*(span(trace_id=f"{number:032x}") for number in range(3000)))
    settings = ServerSettings(port=0, query_seconds=0.000001)
    with running_server(store_url, settings) as url:
        answer = httpx.get(f"{url}/api/v1/traces", params={"filter": "span.name LIKE '%nothing%' OR name LIKE '%x%y%'"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "timeout")


def test_a_query_that_takes_much_work_times_out(store_url: str, write: Callable[..., None]) -> None:
    write(*(span(trace_id=f"{number:032x}") for number in range(3000)))
    with running_server(store_url, ServerSettings(port=0, query_work_seconds=0.0)) as url:
        answer = httpx.get(f"{url}/api/v1/traces", params={"filter": "span.name LIKE '%nothing%' OR name LIKE '%x%y%'"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "timeout")


# --- headers for browsers


def test_every_response_has_the_security_headers(server_url: str) -> None:
    for path in ("/", "/api/v1/traces", "/api/v1/nothing", "/assets/nothing.js", "/v1/traces"):
        check_security_headers(httpx.get(f"{server_url}{path}").headers)


def check_security_headers(headers: httpx.Headers) -> None:
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"


def test_a_server_error_has_the_security_headers_too(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracer.server import page

    monkeypatch.setattr(page, "STATIC", None)

    answer = httpx.get(f"{server_url}/index.js")

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    check_security_headers(answer.headers)


def test_what_a_model_wrote_is_never_sent_as_html(client: httpx.Client, write: Callable[..., None]) -> None:
    evil = "<script>alert(1)</script>"
    write(span(name=evil, json={"tracer.outputs": evil}))

    for path in ("/traces", f"/traces/{TRACE_ID}", f"/traces/{evil}", "/traces/facets", f"/traces?filter={evil}"):
        assert client.get(path).headers["content-type"] == "application/json"


def test_an_executable_attachment_is_a_download(client: httpx.Client, write: Callable[..., None]) -> None:
    digests = {}
    for number, mime in enumerate(["image/png", "image/svg+xml", "text/html", "application/pdf", "text/html\r\nx: y"]):
        content = b"<script>%d" % number
        digests[mime] = hashlib.sha256(content).hexdigest()
        encoded = base64.b64encode(content).decode()
        write({"kind": "attachment", "id": digests[mime], "mime": mime, "content": encoded})

    png, *others = (client.get(f"/attachments/{digest}") for digest in digests.values())

    assert (png.headers["content-type"], png.content) == ("image/png", b"<script>0")
    assert "content-disposition" not in png.headers
    for answer in others:
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert client.get("/attachments/..%2F..%2Fetc%2Fpasswd").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/%2e%2e/page.py",
        "/..%2fpage.py",
        "/assets/..%5c..%5cpage.py",
        "//etc/passwd",
        "/%00",
        "/page.py",
    ],
)
def test_no_file_outside_the_bundle_is_served(path: str, server_url: str) -> None:
    connection = http.client.HTTPConnection(*server_url.removeprefix("http://").split(":"), timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()

    assert b"build-system" not in content
    assert b"def page" not in content
    assert b"root:" not in content


def test_files_of_the_bundle_are_served(server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracer.server import page

    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>")
    (tmp_path / "assets" / "app-1a2b.js").write_text("1")
    (tmp_path / "secret").symlink_to("/etc/passwd")
    monkeypatch.setattr(page, "STATIC", tmp_path)

    script = httpx.get(f"{server_url}/assets/app-1a2b.js")
    assert (script.text, script.headers["cache-control"]) == ("1", "public, max-age=31536000, immutable")
    assert script.headers["content-type"].startswith("text/javascript")
    for route in ("/", "/traces/abc", "/sessions/a.b/c", "/secret"):
        answer = httpx.get(f"{server_url}{route}")
        assert "<title>page</title>" in answer.text
        assert answer.headers["cache-control"] == "no-cache"
    assert httpx.get(f"{server_url}/assets/gone.js").status_code == 404
    assert httpx.post(f"{server_url}/traces/abc").status_code == 405


def test_without_a_bundle_the_page_says_how_to_get_it(
    server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracer.server import page

    monkeypatch.setattr(page, "STATIC", tmp_path)

    assert "pip install -e ." in httpx.get(server_url).text
