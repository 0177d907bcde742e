"""What waits for a module's import: it runs once, when the module is whole, and the import stays what it was."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from tracer import _fault
from tracer._awaited import when_imported

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


def test_every_action_runs_also_after_one_that_failed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fault, "_strict", False)
    (folder / "awaited_twice.py").write_text("")
    seen: list[str] = []
    when_imported("awaited_twice", lambda: seen.append(str(1 / 0)))
    when_imported("awaited_twice", lambda: seen.append("second"))

    importlib.import_module("awaited_twice")

    assert seen == ["second"]


def test_the_module_keeps_its_own_loader_while_it_runs_and_after(folder: Path) -> None:
    (folder / "awaited_loader.py").write_text("kinds = type(__loader__).__name__, type(__spec__.loader).__name__\n")
    when_imported("awaited_loader", lambda: None)

    module = importlib.import_module("awaited_loader")

    assert module.kinds == ("SourceFileLoader", "SourceFileLoader")
    assert type(module.__loader__) is SourceFileLoader
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__


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


def test_a_module_that_is_nowhere_is_nowhere(folder: Path) -> None:
    when_imported("awaited_nowhere", lambda: None)

    assert importlib.util.find_spec("awaited_nowhere") is None
    with pytest.raises(ModuleNotFoundError, match="awaited_nowhere"):
        importlib.import_module("awaited_nowhere")


def test_looking_for_a_module_runs_nothing_and_tells_where_it_is(folder: Path) -> None:
    (folder / "awaited_looked.py").write_text("text = 1\n")
    seen: list[str] = []
    when_imported("awaited_looked", lambda: seen.append("whole"))

    spec = importlib.util.find_spec("awaited_looked")

    assert spec is not None
    assert spec.origin == str(folder / "awaited_looked.py")
    assert spec.loader.get_source("awaited_looked") == "text = 1\n"  # type: ignore[union-attr]
    assert seen == []


def test_an_import_hook_of_somebody_else_that_looks_for_the_module_is_heard_too(folder: Path) -> None:
    (folder / "awaited_shared.py").write_text("")
    seen: list[str] = []
    asked: list[str] = []

    class Others:
        """As wrapt's: asks the import system a second time."""

        def find_spec(
            self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
        ) -> ModuleSpec | None:
            if name != "awaited_shared" or len(asked) > 1:
                return None
            asked.append(name)
            return importlib.util.find_spec(name)

    when_imported("awaited_shared", lambda: seen.append("whole"))
    others = Others()
    for place in (0, len(sys.meta_path)):
        sys.meta_path.insert(place, others)
        try:
            importlib.import_module("awaited_shared")
        finally:
            sys.meta_path.remove(others)
        del sys.modules["awaited_shared"]

    assert seen == ["whole"]
    assert asked[:1] == ["awaited_shared"]
