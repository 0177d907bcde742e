"""What every test gets: a store of its own, a clean environment, and faults of tracer's that raise."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import hypothesis
import pytest

from tests.engines import ENGINE, SERVER, databases_of_one_test, url_of
from tests.forked import Forking
from tests.openai.server import Server

if TYPE_CHECKING:
    from tests.stored import Stored

# a busy machine is no fault of the code under test
_PHASES = [phase for phase in hypothesis.Phase if ENGINE == "sqlite" or phase.name != "shrink"]  # takes for ever
hypothesis.settings.register_profile("tracer", deadline=None, phases=_PHASES)
hypothesis.settings.load_profile("tracer")

# A shell's background job ignores Ctrl-C, nohup's the end of the terminal, and a new program inherits ignored signals.
# It does not inherit handlers: one that does nothing keeps the signal ignored here, and gives programs the default.
for _name in ("SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM"):
    if hasattr(signal, _name) and signal.getsignal(getattr(signal, _name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, _name), lambda number, frame: None)

# a closed standard input: IPython asks it for its encoding through pytest's, which needs one
if sys.__stdin__ is None:
    sys.__stdin__ = open(os.devnull)  # type: ignore[misc]  # noqa: SIM115


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules that are loaded make no garbage, and are looked through for it a hundred times."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin when the page is built, if it is being built; what is there now is never looked through for garbage."""
    if session.config.option.collectonly:
        return
    awaited = os.environ.pop("TESTS_BEGIN_AFTER", None)
    while awaited is not None and not os.path.exists(awaited):
        time.sleep(0.1)
    gc.collect()
    gc.freeze()


# anything of the developer's shell that would change what the tests see
_FOREIGN_PREFIXES = (
    "TRACER_",
    "OPENAI_",
    "AZURE_OPENAI_",
    "OLLAMA_",
    "ANTHROPIC_",
    "GEMINI_",
    "GOOGLE_",
    "MISTRAL_",
    "AWS_",
    "CO_API_",
    "CLAUDE",
    "GROQ_",
    "HF_",
    "HUGGING",
    "TOGETHER_",
    "OTEL_",
)
_FOREIGN_NAMES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "PAGER")


@pytest.fixture(scope="session")
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one certificate to trust: to read all of a machine takes each client 30 ms, and no test needs any."""
    end = "-----END CERTIFICATE-----\n"
    path = tmp_path_factory.mktemp("certificates") / "one.pem"
    path.write_text(certifi.contents().partition(end)[0] + end, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, one_certificate: Path) -> None:
    """No setting of the developer's shell reaches a test or the processes that it starts."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in list(os.environ):
        if name.startswith(_FOREIGN_PREFIXES) or name in _FOREIGN_NAMES:
            monkeypatch.delenv(name)
    # local servers are reached directly, whatever proxy the machine has
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(one_certificate))
    # programs write and read UTF-8, whatever locale the tests were started in
    monkeypatch.setenv("PYTHONUTF8", "1")
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)


@pytest.fixture(scope="session", autouse=True)
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """In runs against ClickHouse, its engine (tests/clickhouse/engine.py)."""
    if ENGINE == "sqlite":
        yield
        return
    from tests.clickhouse.engine import running_engine

    with running_engine(tmp_path_factory.mktemp("engine")) as server:
        os.environ[SERVER] = server
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests of what only SQLite has are left out in runs against another engine."""
    marker = item.get_closest_marker("sqlite_only")
    if marker is not None and ENGINE != "sqlite":
        pytest.skip(marker.args[0])


@pytest.fixture
def store_url(engine: None, tmp_path: Path) -> Iterator[str]:
    """The URL of a store that no other test knows; nothing exists there yet."""
    with databases_of_one_test():
        yield url_of(tmp_path / "tracer.db")


@pytest.fixture(autouse=True)
def own_store(clean_environment: None, store_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Each test has a store of its own, and a fault that tracer would swallow fails the test.

    A test about swallowing marks itself with ``@pytest.mark.swallow_faults``; a test that never calls tracer
    in this process, with ``@pytest.mark.no_store``.
    """
    if request.node.get_closest_marker("no_store"):
        yield store_url
        return
    import tracer
    from tracer import _fault

    _fault.forget_logged()
    _fault.set_strict(request.node.get_closest_marker("swallow_faults") is None)
    tracer.configure(store=store_url)
    yield store_url
    _fault.set_strict(False)
    tracer.reset()


@pytest.fixture(params=["file", "server"])
def kept_in(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of the store that this process uses: a file of its own, or a server."""
    import tracer

    if request.param == "file":
        yield tracer.get_tracking_uri()
        return
    from tracer.server import running_server

    with running_server(f"sqlite:///{tmp_path / 'server.db'}") as url:
        tracer.configure(store=url)
        yield url
        tracer.reset()


@pytest.fixture
def everyones_path() -> Iterator[Path]:
    """A folder that all users may look into; those of pytest are for its own user, whatever a test makes of them."""
    root = os.environ.get("PYTEST_DEBUG_TEMPROOT") or tempfile.gettempdir()
    with tempfile.TemporaryDirectory(dir=root, ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


# ---- for the tests of providers: a local server that the real SDKs talk to, and what was stored ----


@pytest.fixture(scope="session")
def running_server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(running_server: Server) -> Server:
    """A server that answers as the test scripts it, with nothing asked yet."""
    running_server.asked.clear()
    running_server.answers.clear()
    return running_server


@pytest.fixture(scope="session")
def forking() -> Iterator[Forking]:
    """Runs programs that use the SDK of OpenAI, and pytest; the SDK of Ollama makes a client as it is loaded."""
    process = Forking(
        # the SDK loads these late
        "openai.resources.chat.completions.completions", "openai.resources.responses.responses",
        "openai.lib.streaming.chat", "httpcore2",
        "httpx", "opentelemetry.sdk.trace", "orjson", "pytest",
    )  # fmt: skip
    yield process
    process.close()


@pytest.fixture
def stored() -> Stored:
    """The spans that the test's store holds."""
    from tests.stored import Stored

    return Stored()
