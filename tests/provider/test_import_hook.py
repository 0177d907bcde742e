"""What waits for a module's import: it runs once, when the module is whole, and the import stays what it was."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracer import _fault
from tracer.provider.import_hook import when_imported

pytestmark = pytest.mark.no_store


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_an_action_runs_once_when_the_module_is_whole(folder: Path) -> None:
    (folder / "awaited_whole.py").write_text("last = 'line'\n")
    seen: list[str] = []
    when_imported("awaited_whole", lambda: seen.append(sys.modules["awaited_whole"].last))
    assert seen == []

    module = importlib.import_module("awaited_whole")
    importlib.reload(module)

    assert seen == ["line"]


def test_an_action_runs_at_once_where_the_module_is_there(folder: Path) -> None:
    seen: list[str] = []

    when_imported("sys", lambda: seen.append("there"))

    assert seen == ["there"]


def test_an_import_that_goes_on_in_another_thread_is_waited_for(folder: Path) -> None:
    (folder / "awaited_gate.py").write_text("import threading\nentered, go = threading.Event(), threading.Event()\n")
    (folder / "awaited_slow.py").write_text(
        "import awaited_gate\nawaited_gate.entered.set()\nawaited_gate.go.wait(60)\nlast = 'line'\n"
    )
    gate = importlib.import_module("awaited_gate")
    importing = threading.Thread(target=importlib.import_module, args=("awaited_slow",))
    importing.start()
    assert gate.entered.wait(60)
    threading.Timer(0.1, gate.go.set).start()
    seen: list[str] = []

    when_imported("awaited_slow", lambda: seen.append(sys.modules["awaited_slow"].last))

    importing.join()
    assert seen == ["line"]


def test_every_action_runs_also_after_one_that_failed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fault, "_strict", False)
    (folder / "awaited_twice.py").write_text("")
    seen: list[str] = []
    when_imported("awaited_twice", lambda: seen.append(str(1 / 0)))
    when_imported("awaited_twice", lambda: seen.append("second"))

    importlib.import_module("awaited_twice")

    assert seen == ["second"]


def test_a_module_inside_a_package_is_awaited_too(folder: Path) -> None:
    (folder / "awaited_package").mkdir()
    (folder / "awaited_package" / "__init__.py").write_text("")
    (folder / "awaited_package" / "inner.py").write_text("")
    seen: list[str] = []
    when_imported("awaited_package.inner", lambda: seen.append("inner"))

    importlib.import_module("awaited_package")
    assert seen == []
    importlib.import_module("awaited_package.inner")

    assert seen == ["inner"]


def test_an_import_that_fails_fails_as_it_would_and_is_awaited_further(folder: Path) -> None:
    (folder / "awaited_broken.py").write_text("raise ValueError('not today')\n")
    seen: list[str] = []
    when_imported("awaited_broken", lambda: seen.append("whole"))

    with pytest.raises(ValueError, match="not today"):
        importlib.import_module("awaited_broken")
    assert seen == []
    (folder / "awaited_broken.py").write_text("whole = True  # now\n")
    importlib.invalidate_caches()
    importlib.import_module("awaited_broken")

    assert seen == ["whole"]
