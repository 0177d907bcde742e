"""Many processes and threads on one store, forks, and files that are no store or cannot be written."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.store.records import START, found, new_store, said, span, start
from tracer.errors import InvalidArgumentError, NewerStoreError, StoreError
from tracer.store import TraceQuery, open_store
from tracer.store.filter import parse_filter
from tracer.store.sqlite import connection as store_connection

pytestmark = pytest.mark.no_store

ROOT = Path(__file__).resolve().parents[2]
_PROCESSES = 8
_TRACES = 100
_FORK = multiprocessing.get_context("fork")
_SPAWN = multiprocessing.get_context("spawn")


def append_traces(folder: str, process: int, begin: Any) -> None:
    begin.wait(60)
    store = new_store(Path(folder))
    for number in range(0, _TRACES, 5):
        lines = []
        for trace in range(number, number + 5):
            trace_id = f"p{process}-{trace}"
            lines += [
                start(trace_id, "r"),
                said(trace_id, tags={"process": str(process)}),
                span(trace_id, "c", "r", model="gpt-4o-mini", usage=(3, 2)),
                span(trace_id, "r"),
            ]
        # every process also writes to one trace that all share
        lines.append(span("shared", f"{process}-{number}", "root", usage=(1, 1)))
        store.append(lines, owner=str(process))
        store.append(lines[:4], owner=str(process))
    store.close()


def run_all(context: Any, target: Any, folder: Path) -> None:
    begin = context.Barrier(_PROCESSES)
    processes = [context.Process(target=target, args=(str(folder), number, begin)) for number in range(_PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * _PROCESSES


def test_eight_processes_append_at_once_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    run_all(_SPAWN, append_traces, tmp_path)

    store = new_store(tmp_path)
    rows = store.find_traces(TraceQuery(parse_filter("trace_id != 'shared'"), limit=10_000)).traces
    assert sorted(row.trace_id for row in rows) == sorted(
        f"p{p}-{t}" for p in range(_PROCESSES) for t in range(_TRACES)
    )
    assert {
        (row.state, row.span_count, row.usage["total_tokens"], row.tags["process"]) for row in rows if row.usage
    } == {("OK", 2, 5, str(p)) for p in range(_PROCESSES)}
    shared = store.trace("shared")
    assert shared is not None
    assert (shared.row.span_count, shared.row.usage) == (
        _PROCESSES * _TRACES // 5,
        {"input_tokens": 160, "output_tokens": 160, "total_tokens": 320},
    )
    [calls] = store.statistics()
    assert (calls.calls, calls.input_tokens) == (_PROCESSES * _TRACES, 3 * _PROCESSES * _TRACES)
    database = sqlite3.connect(tmp_path / "traces.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    store.close()


def create_search_append(folder: str, process: int, begin: Any) -> None:
    begin.wait(60)
    for number in range(6):
        store = new_store(Path(folder), f"{number}.db")
        store.append([span(f"t{process}", "r", json={"tracer.inputs": "refund"})])
        assert f"t{process}" in found(store, "text = 'refund'")
        store.close()


def test_many_processes_create_and_search_the_same_new_stores(tmp_path: Path) -> None:
    run_all(_SPAWN, create_search_append, tmp_path)

    for number in range(6):
        store = new_store(tmp_path, f"{number}.db")
        assert sorted(found(store, "text = 'refund'")) == [f"t{number}" for number in range(_PROCESSES)]
        store.close()


def test_a_store_that_is_written_while_it_is_looked_at_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store(tmp_path)
    store.append([span("t", "r")])
    store.close()
    whole = (tmp_path / "traces.db").read_bytes()
    (tmp_path / "traces.db").write_bytes(whole[:100] + bytes(len(whole) - 100))
    looks: list[float] = []

    def written_meanwhile(seconds: float) -> None:
        looks.append(seconds)
        (tmp_path / "traces.db").write_bytes(whole)

    monkeypatch.setattr("tracer.store.sqlite.connection.time.sleep", written_meanwhile)

    again = new_store(tmp_path)

    assert len(looks) == 1
    assert again.count_traces() == 1
    again.close()


def test_threads_share_a_store(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for trace in range(30):
                store.append([span(f"{number}-{trace}", "r")])
                assert f"{number}-{trace}" in found(store, f"trace_id LIKE '{number}-%'")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert store.count_traces() == 180
    store.close()


def test_connections_of_ended_threads_are_closed(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for _ in range(20):
        thread = threading.Thread(target=store.count_traces)
        thread.start()
        thread.join()

    assert len(store._connections._opened) <= 2  # type: ignore[attr-defined]
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_gets_its_own_connection(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.append([span("parent", "r")])
    children = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                store.append([span(f"child{number}", "r")])
                status = 0 if f"child{number}" in found(store) and "parent" in found(store) else 2
            finally:
                os._exit(status)
        children.append(pid)
        store.append([span(f"parent{number}", "r")])

    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
    assert sorted(found(store)) == sorted(["parent"] + [f"{kind}{n}" for kind in ("child", "parent") for n in range(4)])
    store.close()


def test_a_forked_child_may_end_the_interpreter_normally(tmp_path: Path) -> None:
    script = f"""
import os, sys, threading
sys.path.insert(0, {os.getcwd()!r})
from tests.store.records import new_store, span, found
from pathlib import Path
store = new_store(Path({str(tmp_path)!r}))
ready, go = threading.Event(), threading.Event()
def other():
    store.append([span("thread", "r")]); ready.set(); go.wait(30)
thread = threading.Thread(target=other); thread.start(); ready.wait(30)
store.append([span("before", "r")])
pid = os.fork()
if pid == 0:
    store.append([span("child", "r")])
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
go.set(); thread.join()
store.append([span("after", "r")])
assert sorted(found(store)) == ["after", "before", "child", "thread"], found(store)
"""
    # Python warns of every fork with threads from 3.12 on
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_store_that_is_opened_once_more_keeps_its_locks(tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    program = f"""
import sys, time
from tests.store.records import span
from tracer.store import open_store
store = open_store("sqlite:///{path}")
store.append([span("before", "r")])
open_store("sqlite:///{path}").close()
print("opened", flush=True)
sys.stdin.readline()
store.append([span("after", "r")])
print("written", flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stdout.readline() == "opened\n"
        # another process that is the last to leave, as far as it can see, would delete the log
        other = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM traces'); c.close()"
        subprocess.run([sys.executable, "-c", other, str(path)], check=True)
        running.stdin.write("\n")
        running.stdin.flush()
        assert running.stdout.readline() == "written\n"
        running.kill()

    store = open_store(f"sqlite:///{path}")
    assert sorted(found(store)) == ["after", "before"]
    store.close()


def test_a_store_of_a_newer_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.append([span("t", "r")])
    store.close()
    path = tmp_path / "traces.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 999")
    database.close()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    with pytest.raises(NewerStoreError, match=r"newer version of tracer .*999.*in a clone of tracer"):
        new_store(tmp_path)

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_store_that_a_newer_version_migrates_meanwhile_is_not_written_any_more(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.append([span("t", "r")])
    database = sqlite3.connect(tmp_path / "traces.db")
    database.execute("PRAGMA user_version = 999")
    database.close()

    with pytest.raises(NewerStoreError, match="migrated the store while this process had it open"):
        store.append([span("u", "r")])
    with pytest.raises(NewerStoreError):
        store.delete_traces(trace_ids=["t"])

    assert found(store) == ["t"]
    store.close()


def test_a_newer_version_that_is_still_in_the_wal_is_refused_as_well(tmp_path: Path) -> None:
    new_store(tmp_path).close()
    path = tmp_path / "traces.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 999")  # stays in the log while this connection is open
    before = path.read_bytes(), (tmp_path / "traces.db-wal").read_bytes()

    with pytest.raises(NewerStoreError):
        new_store(tmp_path)

    assert (path.read_bytes(), (tmp_path / "traces.db-wal").read_bytes()) == before
    database.close()


@pytest.mark.parametrize("content", [b"hello, I am a text file\n" * 50, b"x", b"SQLite format 3\x00garbage"])
def test_a_file_that_is_no_database_is_refused_and_not_touched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "traces.db"
    path.write_bytes(content)

    with pytest.raises(StoreError, match=r"traces\.db"):
        new_store(tmp_path)

    assert path.read_bytes() == content


@pytest.mark.parametrize("version", [0, 1, 999])
def test_a_database_of_something_else_is_refused_and_not_touched(tmp_path: Path, version: int) -> None:
    database = sqlite3.connect(tmp_path / "traces.db")
    database.execute("CREATE TABLE mine(x)")
    database.execute(f"PRAGMA user_version = {version}")
    database.close()
    before = (tmp_path / "traces.db").read_bytes()

    with pytest.raises(StoreError, match="an SQLite database of something else"):
        new_store(tmp_path)

    assert (tmp_path / "traces.db").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["traces.db"]


def test_a_migration_brings_an_older_store_up_to_date_and_keeps_its_traces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store(tmp_path)
    store.append([span("t", "r")])
    store.close()
    steps = (
        *store_connection.MIGRATIONS,
        ("ALTER TABLE traces ADD COLUMN mood TEXT", "UPDATE traces SET mood = 'fine'"),
    )
    monkeypatch.setattr(store_connection, "MIGRATIONS", steps)
    monkeypatch.setattr(store_connection, "VERSION", 1 + len(steps))

    store = new_store(tmp_path)

    assert found(store) == ["t"]
    database = sqlite3.connect(tmp_path / "traces.db")
    assert database.execute("SELECT mood FROM traces").fetchall() == [("fine",)]
    assert database.execute("PRAGMA user_version").fetchone() == (1 + len(steps),)
    database.close()
    store.close()


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_store(tmp_path).close()
    steps = (*store_connection.MIGRATIONS, ("ALTER TABLE traces ADD COLUMN mood TEXT", "SELECT nonsense"))
    with monkeypatch.context() as patched:
        patched.setattr(store_connection, "MIGRATIONS", steps)
        patched.setattr(store_connection, "VERSION", 1 + len(steps))
        with pytest.raises(StoreError, match="cannot open the store"):
            new_store(tmp_path)

    store = new_store(tmp_path)
    store.append([span("t", "r")])
    assert found(store) == ["t"]
    store.close()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        new_store(tmp_path.parent, tmp_path.name)


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "traces.db").touch()
    store = new_store(tmp_path)

    store.append([span("t", "r")])

    assert found(store) == ["t"]
    store.close()


@pytest.mark.parametrize(
    "url", ["postgres://x", "sqlite://", "sqlite:///", "sqlite:///:memory:", "traces.db", "", None, 7]
)
def test_a_url_of_another_kind_is_refused(url: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="expected"):
        open_store(url)


def test_a_relative_store_does_not_move_with_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///here.db")
    monkeypatch.chdir("/")

    store.append([span("t", "r")])

    assert (tmp_path / "here.db").exists()
    store.close()


def run_without_privileges(script: str) -> subprocess.CompletedProcess[str]:
    """Root may write anywhere, so the script runs as nobody."""
    prologue = f"import os, sys\nsys.path.insert(0, {os.getcwd()!r})\n"
    drop = "os.setgid(65534) if os.getuid() == 0 else None\nos.setuid(65534) if os.getuid() == 0 else None\n"
    imports = (
        "from tests.store.records import new_store, span, found\nfrom pathlib import Path\nimport tracer.store.sqlite\n"
        "import tempfile\nfrom tracer.store.sqlite.backup import copy_database\n"
    )
    return subprocess.run(
        [sys.executable, "-c", prologue + imports + drop + script], capture_output=True, text=True, timeout=60
    )


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="no users here")
@pytest.mark.parametrize("close_first", [True, False])
def test_a_read_only_store_can_be_read_and_says_why_not_written(everyones_path: Path, close_first: bool) -> None:
    store = new_store(everyones_path)
    store.append([span("t", "r", json={"tracer.inputs": "refund"})])
    if close_first:
        store.close()
    for path in everyones_path.iterdir():  # SQLite's own files too, whatever the umask is
        path.chmod(0o644)
    (everyones_path / "traces.db").chmod(0o444)
    everyones_path.chmod(0o555)

    done = run_without_privileges(f"""
store = new_store(Path({str(everyones_path)!r}))
print(found(store), found(store, "text CONTAINS 'fund'"), store.trace("t").row.state)
try:
    store.append([span("u", "r")])
except Exception as error:
    print(type(error).__name__, "read-only" in str(error))
with tempfile.TemporaryDirectory() as folder:
    copy_database(Path({str(everyones_path / "traces.db")!r}), Path(folder, "traces.db"))
    print(found(new_store(Path(folder))))
""")

    everyones_path.chmod(0o755)
    store.close()
    assert (done.stdout, done.stderr) == ("['t'] ['t'] OK\nStoreError True\n['t']\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_FSIZE")
def test_a_full_disk_is_a_store_error_and_writing_goes_on_once_there_is_room(tmp_path: Path) -> None:
    script = f"""
import os, resource, signal, sys
sys.path.insert(0, {os.getcwd()!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from tests.store.records import new_store, span, found
from pathlib import Path
store = new_store(Path({str(tmp_path)!r}))
store.append([span("before", "r")])
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
try:
    for number in range(100):
        store.append([span(f"t{{number}}", "r", json={{"tracer.inputs": os.urandom(20_000).hex()}})])
    print("no error")
except Exception as error:
    print(type(error).__name__, "cannot write to the store" in str(error), number)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.append([span("after", "r")])
print(len(found(store)) == number + 2)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first.startswith("StoreError True")
    assert second == "True"


def test_a_lock_that_is_held_for_a_while_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_connection, "_BUSY_TIMEOUT_MS", 1)  # so that our own retry is what waits
    store = new_store(tmp_path)
    holder = sqlite3.connect(tmp_path / "traces.db", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.5, lambda: holder.execute("ROLLBACK"))
    release.start()

    store.append([span("t", "r", start=START)])

    assert found(store) == ["t"]
    release.join()
    holder.close()
    store.close()
