"""File systems that know no locks: records go to a folder of this machine, and to the store once there are locks."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import tracer
from benchmarks.faults.lockless import NoCompiler, without_locks
from tracer._journal.locations import journal_folders

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the file system is played by a preloaded library")


@pytest.fixture
def lockless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Variables of a program that finds no locks below the folder ``remote``."""
    (tmp_path / "remote").mkdir()
    for name in ("state", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    try:
        return without_locks(tmp_path / "remote", tmp_path)
    except NoCompiler as error:
        pytest.skip(str(error))


RECORD_AND_DIE = "[step(f'span {i}') for i in range(300)]; os.kill(os.getpid(), signal.SIGKILL)"


def names(store: Path) -> set[str]:
    tracer.configure(store=store)
    return {trace.info.name or "" for trace in tracer.search_traces(max_results=1000)}


def test_a_killed_program_loses_nothing_where_files_cannot_be_locked(
    lockless: dict[str, str], start: Any, tmp_path: Path
) -> None:
    store = tmp_path / "remote" / "tracer.db"
    code, _, err = start(RECORD_AND_DIE, str(store), **lockless).finish()

    assert code == -signal.SIGKILL
    assert str(tmp_path / "state") in err
    assert "knows no locks" in err
    assert names(store) == {f"span {number}" for number in range(300)}
    assert not [path for folder in journal_folders(f"sqlite:///{store}") for path in folder.glob("*.journal")]


def test_records_go_to_the_temporary_folder_where_the_home_knows_no_locks_either(
    lockless: dict[str, str], start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "remote" / "home"))
    store = tmp_path / "remote" / "tracer.db"
    code, _, err = start(RECORD_AND_DIE, str(store), **lockless).finish()

    assert code == -signal.SIGKILL
    assert str(tmp_path / "temporary") in err
    assert names(store) == {f"span {number}" for number in range(300)}


def test_the_store_says_that_it_needs_locks_at_once(lockless: dict[str, str], start: Any, tmp_path: Path) -> None:
    code, out, err = start(
        """
        step("kept")
        try:
            tracer.search_traces()
        except tracer.errors.StoreError as error:
            say(error)
        """,
        str(tmp_path / "remote" / "tracer.db"),
        **lockless,
    ).finish()

    assert code == 0
    assert "SQLite needs locks" in out
    assert len(err.splitlines()) <= 2
    assert names(tmp_path / "remote" / "tracer.db") == {"kept"}


def test_a_journal_that_another_user_put_into_the_temporary_folder_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    url = f"sqlite:///{tmp_path}/tracer.db"
    shared = tmp_path / f"tracer-{os.getuid()}"
    shared.mkdir(mode=0o700)
    assert [folder.parent for folder in journal_folders(url)][2:] == [shared]

    shared.chmod(0o777)
    assert len(journal_folders(url)) == 2
