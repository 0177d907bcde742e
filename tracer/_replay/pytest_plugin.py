"""The plugin of pytest: cassettes of tests, and traces of tests.

Loaded in every run of pytest where tracer is installed, so that it imports what it needs at its first use.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tracer._replay.replaying import Replay
    from tracer._replay.spans_of_test import TraceOfTest

_MODES = ("none", "once", "new", "all")
_MARK = "tracer_replay"
_replay: pytest.StashKey[Replay] = pytest.StashKey()
_leaving: pytest.StashKey[ExitStack] = pytest.StashKey()
_trace: pytest.StashKey[TraceOfTest] = pytest.StashKey()
_refused: pytest.StashKey[list[str]] = pytest.StashKey()
_store: pytest.StashKey[Path] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("tracer").addoption(
        "--tracer-record",
        choices=_MODES,
        default=None,
        help="Cassettes of tests marked with tracer_replay: none replays only (default where CI is set), once records "
        "those that are missing (default elsewhere), new adds requests that are missing, all records anew.",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{_MARK}(path=None, *, match, ignore, pace, steps, allow_redacted): answer the test's HTTP requests from a "
        "cassette; without a path from cassettes/<module>/<test>.jsonl beside the test's file.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    mark = item.get_closest_marker(_MARK)
    if mark is None:
        return
    from tracer._replay.network import only_loopback
    from tracer._replay.replaying import replay
    from tracer.errors import CassetteError

    path = _path_of(item, mark)
    mode = item.config.getoption("--tracer-record") or ("none" if os.environ.get("CI") else "once")
    record: Any = {"new": "new", "all": "all"}.get(mode, "all" if mode == "once" and not path.exists() else None)
    if record is None and not path.exists():
        raise CassetteError(f"there is no cassette {path}. Record it: pytest --tracer-record=once '{item.nodeid}'")
    stack = item.stash[_leaving] = ExitStack()
    item.stash[_replay] = stack.enter_context(replay(path, record=record, **mark.kwargs))
    if record is None:
        item.stash[_refused] = stack.enter_context(only_loopback())


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    replay = item.stash.get(_replay, None)
    if replay is None:
        return (yield)
    try:
        result = yield
    except BaseException:
        replay.forget_failures()
        raise
    replay.check()
    return result


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    stack = item.stash.get(_leaving, None)
    if stack is not None:
        del item.stash[_leaving]
        stack.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and report.failed:
        trace, refused = item.stash.get(_trace, None), item.stash.get(_refused, None)
        if refused:
            report.sections.append(("network refused in a replay", "\n".join(dict.fromkeys(refused))))
        if trace is not None:
            report.sections.append(("tracer", f"{trace.tree()}\n\ntracer ui --store {_store_url()}"))
    return report


@pytest.fixture
def trace(request: pytest.FixtureRequest) -> Iterator[TraceOfTest]:
    """The test's traces: its steps, calls, tokens, cost and errors, recorded in a store apart from the program's."""
    from tracer import otel
    from tracer._api.configuration import configure, flush
    from tracer._engine.runtime import runtime
    from tracer._replay.spans_of_test import TraceOfTest
    from tracer.provider import autolog_until

    settings = runtime().settings
    configure(store=_store_of(request.config))
    put_back, was_bridged = autolog_until(), otel.is_on()
    otel.autolog()
    made = request.node.stash[_trace] = TraceOfTest(time.time_ns() // 1_000_000)
    yield made
    flush()
    put_back()  # tests without this fixture do not record into the program's own store
    if not was_bridged:
        otel.autolog(disable=True)
    configure(store=settings.store)


def _store_of(config: pytest.Config) -> Path:
    """The store of this process for this run."""
    found: Path | None = config.stash.get(_store, None)
    if found is None:
        folder = Path(config.rootpath, ".pytest_cache", "d", "tracer", os.environ.get("PYTEST_XDIST_WORKER", "main"))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        found = config.stash[_store] = folder / "traces.db"
    return found


def _store_url() -> str:
    from tracer._api.configuration import get_tracking_uri
    from tracer._journal.locations import without_password

    return without_password(get_tracking_uri())


def _path_of(item: pytest.Item, mark: pytest.Mark) -> Path:
    if mark.args:
        return Path(item.path.parent, mark.args[0])
    names = [part.name for part in item.listchain() if isinstance(part, (pytest.Class, pytest.Item))]
    whole = ".".join(names)
    name = re.sub(r"[^\w.\[\]=-]+", "_", whole)[:150]
    if name != whole:  # another test may be left with the same name
        name += f"-{zlib.crc32(whole.encode()):08x}"
    return item.path.parent / "cassettes" / item.path.stem / f"{name}.jsonl"
