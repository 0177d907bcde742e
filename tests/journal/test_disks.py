"""Disks that are full, read-only or taken away: the program goes on, and what memory still holds arrives later."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tracer
from tests.programs import EXPORTER_DOWN
from tracer._journal.dead_segment import DeadSegment
from tracer._journal.recovery import dropped

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no resource limits, no mounts")

FULL = """
def fill():
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
def free():
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_a_disk_full_from_the_start_changes_nothing_for_the_program(start: Any, stored: Any) -> None:
    code, out, err = start(
        FULL
        + """
fill()
for i in range(300):
    step("lost")
say("the program's own output")
sys.exit(7)
    """
    ).finish()

    assert (code, out) == (7, "the program's own output\n")
    trouble, loss = err.splitlines()
    assert trouble.startswith("tracer cannot write its journal in ")
    assert loss == "tracer lost 601 records: neither disk nor store took them"  # starts, ends, and whose they are
    assert stored.names() == {}
    assert dropped(stored.path.with_name("tracer.db.journal")) == 601


def test_losses_of_a_disk_that_filled_up_are_counted_though_records_wait_for_the_next_run(
    start: Any, stored: Any
) -> None:
    code, _, err = start(
        FULL
        + EXPORTER_DOWN
        + """
step("before")
fill()
for i in range(1000):
    step("while full", text="x" * 500)
    """
    ).finish()

    assert code == 0
    lost = int(re.search(r"tracer lost (\d+) records", err)[1])  # type: ignore[index]
    assert 1000 < lost < 2000  # the first of them found room in the file that was there
    assert dropped(stored.path.with_name("tracer.db.journal")) == lost


@pytest.mark.parametrize("from_the_start", [True, False])
def test_records_arrive_when_a_full_disk_has_room_again(from_the_start: bool, start: Any, stored: Any) -> None:
    code, _, err = start(
        FULL
        + f"""
if not {from_the_start}:
    step("before")
    assert tracer.flush(20)
fill()
for i in range(2000):
    step("while full")
assert not tracer.flush(0.5)
free()
assert tracer.flush(20)
say(len(tracer.search_traces(max_results=3000)))
for i in range(10):
    step("after")
os._exit(0)
    """
    ).finish()

    said = err.splitlines()  # of the store, and of the journal where its file had no room for all
    assert code == 0
    assert 1 <= len(said) == len(set(said)) <= 2
    assert stored.names() == {"after": 10, **({} if from_the_start else {"before": 1}), "while full": 2000}
    assert (stored.twice(), stored.left()) == (0, [])


def test_what_waits_in_memory_is_on_disk_soon_after_there_is_room_however_long_the_sink_is_given(
    start: Any, tmp_path: Path
) -> None:
    code, _, err = start(
        FULL
        + """
import logging
class Failed(logging.Handler):
    def emit(self, record):
        if "tries again" in record.getMessage():
            failed.set()
failed = threading.Event()
logging.getLogger("tracer").addHandler(Failed())
tracer._journal.drainer._FIRST_RETRY_SECONDS = tracer._journal.drainer._LONGEST_RETRY_SECONDS = 60.0
fill()
for i in range(3000):
    step("while full")
assert failed.wait()
free()
journal = tracer._engine.runtime._runtime.lifecycle.pipeline().journal
while journal.is_in_memory:
    step("while there is room")
    time.sleep(0.01)
for i in range(10):
    step("after")
os.kill(os.getpid(), signal.SIGKILL)
        """,
        "http://127.0.0.1:9",
    ).finish()

    assert code == -signal.SIGKILL, err
    lines = [line for path in (tmp_path / "state").glob("**/*.journal/*.journal") for line in _lines(path)]
    # a start and an end of each
    assert [sum(f'"{name}"'.encode() in line for line in lines) for name in ("while full", "after")] == [6000, 20]


def _lines(journal: Path) -> list[bytes]:
    segment = DeadSegment(journal)
    assert segment.damaged_bytes == 0
    return [line for batch, _ in segment.batches(0, 1 << 20) for line in batch]


def test_a_file_system_that_fills_up_and_gets_room_again(small_disk: Path, start: Any) -> None:
    code, said, err = start(
        """
        place = os.path.dirname(sys.argv[1])
        step("before")
        assert tracer.flush(20)
        with open(place + "/filler", "wb", 0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError:
                pass
        payload = {"text": "x" * 1000}
        for i in range(2_000):
            with tracer.start_span("while full") as span:
                span.set_inputs(payload)
        tracer.flush(0.5)
        os.unlink(place + "/filler")
        names = {}
        for i in range(50):
            step("after")
        assert tracer.flush(20)
        traces = tracer.search_traces(max_results=5_000, include_spans=False)
        for trace in traces:
            names[trace.info.name] = names.get(trace.info.name, 0) + 1
        say(sorted(names.items()))
        """,
        str(small_disk / "tracer.db"),
    ).finish()

    assert (code, said) == (0, "[('after', 50), ('before', 1), ('while full', 2000)]\n")
    messages = err.splitlines()  # the store and the journal fill up on their own, with one message each
    assert 1 <= len({line.partition(":")[0] for line in messages}) == len(messages) <= 2


def test_a_read_only_file_system(small_disk: Path, start: Any) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, out, err = start("step('lost'); say('mine'); sys.exit(5)", str(small_disk / "tracer.db")).finish()

    assert (code, out) == (5, "mine\n")
    trouble, loss = err.splitlines()
    assert "Read-only file system" in trouble
    assert loss.startswith("tracer lost 3 records")


def test_a_folder_that_the_user_may_not_write_to(start: Any, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root, to become somebody else")
    code, out, err = start("""
        import tracer.store.sqlite
        tracer._engine.runtime._runtime.otel.resource()  # everything is imported while it may be read
        os.setuid(65534)
        step('lost')
        say('mine')
        sys.exit(5)
    """).finish()

    assert (code, out) == (5, "mine\n")
    assert "Permission denied" in err
    assert err.splitlines()[1].startswith("tracer lost 3 records")


@pytest.mark.parametrize("name", ["folder/tracer.db", "file/tracer.db"])
def test_a_place_where_there_can_be_no_folder(name: str, start: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "tracer.db.journal").write_text("not a folder")
    code, out, err = start("step('kept if it can be'); say('mine')", str(tmp_path / name)).finish()

    assert (code, out) == (0, "mine\n")
    assert err.startswith("tracer cannot write its journal in ")
    tracer.configure(store=str(tmp_path / "folder" / "tracer.db"))
    if name.startswith("folder"):  # the store takes what the journal cannot
        assert len(err.splitlines()) == 1
        assert [trace.info.name for trace in tracer.search_traces()] == ["kept if it can be"]


def test_a_journal_folder_that_is_deleted_while_the_program_runs(start: Any, stored: Any) -> None:
    program = start("""
        import shutil
        step("before")
        shutil.rmtree(sys.argv[1].removeprefix("sqlite:///") + ".journal")
        for i in range(100):
            step("after")
        assert tracer.flush(20)
        for i in range(1000):
            step("later")
        os.kill(os.getpid(), signal.SIGKILL)
    """)

    assert program.finish()[2] == ""
    assert stored.names() == {"after": 100, "before": 1, "later": 1000}


@pytest.mark.parametrize("endings", [("",), ("", "-wal", "-shm")])
def test_a_store_that_is_deleted_while_programs_run(endings: tuple[str, ...], start: Any, stored: Any) -> None:
    with tracer.start_span("here"):
        pass
    program = start("""
        step("before")
        assert tracer.flush(20)
        say("recorded")
        hear()
        for i in range(100):
            step("after")
        assert tracer.flush(20)
        say("recorded")
        hear()
        step("last")
    """)
    assert program.hear() == "recorded"
    assert stored.names() == {"before": 1, "here": 1}

    for ending in endings:
        Path(f"{stored.path}{ending}").unlink()
    with tracer.start_span("here, after"):
        pass
    assert stored.names() == {"here, after": 1}
    program.say()
    assert program.hear() == "recorded"
    assert stored.names() == {"after": 100, "here, after": 1}
    program.say()
    assert program.finish()[::2] == (0, "")
    assert stored.names() == {"after": 100, "here, after": 1, "last": 1}
    assert stored.query("PRAGMA integrity_check") == [("ok",)]


def test_a_whole_folder_that_is_deleted_while_the_program_runs(start: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gone/tracer.db"
    (tmp_path / "gone").mkdir()
    program = start(
        """
        import shutil
        step("before")
        assert tracer.flush(20)
        shutil.rmtree(os.path.dirname(sys.argv[1].removeprefix("sqlite:///")))
        for i in range(10):
            step("after")
        """,
        url,
    )

    assert program.finish()[::2] == (0, "")
    tracer.configure(store=url)
    assert [trace.info.name for trace in tracer.search_traces()] == ["after"] * 10


def test_a_path_with_blanks_and_letters_of_all_kinds(start: Any, tmp_path: Path) -> None:
    place = tmp_path / "my träces 痕跡 100%25 #1?"
    place.mkdir()
    start("step('kept'); os.kill(os.getpid(), signal.SIGKILL)", str(place / "tracer.db")).finish()

    tracer.configure(store=place / "tracer.db")
    assert [trace.info.name for trace in tracer.search_traces()] == ["kept"]
    assert (place / "tracer.db").is_file()


def test_a_relative_store_stays_where_it_was_when_the_program_changes_its_folder(run: Any, tmp_path: Path) -> None:
    run(
        """
        os.mkdir("a"), os.mkdir("b")
        tracer.configure(store="sqlite:///named.db")
        os.chdir("a")
        step("one")
        os.chdir("../b")
        step("two")
        tracer.configure(service_name="other")
        step("three")
        """
    )

    assert sorted(path.name for path in tmp_path.rglob("*.db")) == ["named.db"]
    tracer.configure(store=tmp_path / "named.db")
    assert {trace.info.name for trace in tracer.search_traces()} == {"one", "two", "three"}


def test_a_store_that_is_locked_holds_neither_the_program_nor_its_end_up(start: Any, stored: Any) -> None:
    assert stored.names() == {}
    other = sqlite3.connect(stored.path)
    other.execute("BEGIN EXCLUSIVE")
    program = start("""
        tracer._engine.lifecycle._EXIT_SECONDS = 1.0
        for i in range(100):
            step("while locked")
        sys.exit(3)
    """)
    assert program.finish()[::2] == (3, "")

    other.rollback()
    other.close()
    assert stored.names() == {"while locked": 100}


def test_a_store_of_a_newer_version_is_not_touched_and_records_wait(start: Any, stored: Any) -> None:
    assert stored.names() == {}
    tracer.reset()
    connection = sqlite3.connect(stored.path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    before = stored.path.read_bytes(), stored.path.stat().st_mtime_ns

    ends = [start("step('waits'); say('mine'); sys.exit(2)").finish() for _ in range(2)]
    assert [end[:2] for end in ends] == [(2, "mine\n")] * 2
    assert [len(end[2].splitlines()) for end in ends] == [1, 1]
    assert "newer version of tracer" in ends[0][2]
    assert (stored.path.read_bytes(), stored.path.stat().st_mtime_ns) == before
    assert sorted(path.name for path in stored.path.parent.glob("tracer.db-*")) == []

    connection = sqlite3.connect(stored.path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    tracer.configure(store=stored.path)
    assert stored.names() == {"waits": 2}
