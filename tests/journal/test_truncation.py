"""Journals that another program cuts or changes while a program records: it goes on, and what is lost is counted."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.programs import EXPORTER_DOWN
from tracer._journal.recovery import dropped

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="mapped files cannot be cut there")

PLACE = """
from pathlib import Path
folder = Path(sys.argv[1].removeprefix("sqlite:///") + ".journal")
def files():
    return sorted(folder.glob("*.journal"))
"""


@pytest.mark.parametrize("size", [0, 100, 512, 700, 1500, 4096, 5000])
def test_a_program_goes_on_when_its_journal_is_cut_and_loses_nothing_that_was_delivered(
    size: int, start: Any, stored: Any
) -> None:
    code, out, err = start(
        PLACE
        + f"""
for i in range(20):
    step("before", text="x" * 100)
assert tracer.flush(20)
os.truncate(files()[-1], {size})
for i in range(200):
    step("after", text="x" * 100)
assert tracer.flush(20)
say(len(tracer.search_traces(max_results=1000)))
os.truncate(files()[-1], {size})
step("last")
        """
    ).finish()

    assert (code, out) == (0, "220\n"), err
    assert len(err.splitlines()) <= 1
    assert stored.names() == {"after": 200, "before": 20, "last": 1}
    assert stored.twice() == 0


@pytest.mark.parametrize("size", [700, 1500, 5000])
def test_what_was_delivered_before_the_cut_does_not_count_as_lost(size: int, start: Any, stored: Any) -> None:
    code, _, err = start(
        PLACE
        + f"""
for i in range(100):
    step("before", text="x" * 100)
assert tracer.flush(20)
os.truncate(files()[-1], {size})
        """
    ).finish()

    assert code == 0, err
    assert "lost" not in err
    assert stored.names() == {"before": 100}


def test_a_program_survives_being_cut_all_the_time(start: Any, stored: Any) -> None:
    program = start(
        PLACE
        + """
step("first")
assert tracer.flush(20)
say("ready")
count = 0
while not os.path.exists("enough"):
    step("cut", text="x" * 300)
    count += 1
assert tracer.flush(20)
for i in range(100):
    step("after")
say(count)
        """
    )
    assert program.hear() == "ready"
    folder = stored.path.with_name("tracer.db.journal")
    for number in range(2000):
        for path in folder.glob("*.journal"):
            try:
                os.truncate(path, (number * 997) % 20_000)
            except FileNotFoundError:
                continue
    (stored.path.parent / "enough").touch()
    code, out, err = program.finish()

    assert code == 0, err
    names = stored.names()
    assert (names["first"], names["after"]) == (1, 100)
    assert names.get("cut", 0) == int(out) or dropped(folder) > 0


def test_records_that_were_cut_off_before_they_were_delivered_are_counted(start: Any, stored: Any) -> None:
    code, _, err = start(
        PLACE
        + EXPORTER_DOWN
        + """
for i in range(100):
    step("waits for the exporter", text="x" * 100)
tracer.flush(0.5)
os.truncate(files()[-1], 3000)
step("after")
tracer.flush(0.5)
        """
    ).finish()

    assert code == 0
    assert "tracer lost " in err
    assert dropped(stored.path.with_name("tracer.db.journal")) >= 1
    assert stored.names() == {"after": 1, "waits for the exporter": 100}


def test_damage_to_a_living_journal_costs_the_damaged_records_alone(start: Any, stored: Any) -> None:
    code, _, err = start(
        PLACE
        + """
runtime = tracer._engine.runtime._runtime
step("first")
assert tracer.flush(20)
drainer = runtime.lifecycle.pipeline()._store_drainer
with drainer._sink_lock:
    for i in range(10):
        step(f"span {i}", text="x" * 100)
    path = files()[-1]
    content = bytearray(path.read_bytes())
    at = content.find(b'"end":', content.find(b'"span 4"'))
    content[at] ^= 0xFF
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content[at : at + 1])
assert tracer.flush(20)
        """
    ).finish()

    assert code == 0, err
    assert "another program changed" in err
    assert {f"span {i}" for i in range(10)} - set(stored.names()) <= {"span 4", "span 5"}
    assert dropped(stored.path.with_name("tracer.db.journal")) == 1


def test_a_disk_that_reserves_no_space_and_is_full_does_not_kill_the_program(small_disk: Path, start: Any) -> None:
    code, out, err = start(
        """
        os.posix_fallocate = lambda descriptor, start, size: os.truncate(descriptor, size)  # as on compressed disks
        place = os.path.dirname(sys.argv[1])
        step("before")
        assert tracer.flush(20)
        with open(place + "/filler", "wb", 0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError:
                pass
        for i in range(1000):
            step("while full", text="x" * 500)
        os.unlink(place + "/filler")
        assert tracer.flush(20)
        step("after")
        say(len(tracer.search_traces(max_results=5000)))
        """,
        str(small_disk / "tracer.db"),
    ).finish()

    assert (code, out) == (0, "1002\n"), err


def test_sigbus_of_the_programs_own_ends_it_as_before(start: Any) -> None:
    code, _, err = start("""
        import faulthandler, mmap
        faulthandler.enable()
        step("recorded")
        assert tracer.flush(20)
        with open("own", "w+b") as file:
            file.truncate(1 << 16)
            own = mmap.mmap(file.fileno(), 1 << 16)
            file.truncate(0)
        own[0] = 1
    """).finish()

    assert code == -signal.SIGBUS
    assert "Bus error" in err


@pytest.mark.parametrize("preparation", ["", "import faulthandler; faulthandler.enable()"])
def test_a_sigbus_that_is_sent_ends_the_program_as_before(preparation: str, start: Any) -> None:
    code, out, _ = start(
        f"{preparation}\n"
        """
step("recorded")
assert tracer.flush(20)
os.kill(os.getpid(), __import__("signal").SIGBUS)
say("still there")
    """
    ).finish()

    assert (code, out) == (-signal.SIGBUS, "")


def test_a_sigbus_that_is_sent_reaches_the_programs_own_handler(start: Any) -> None:
    code, out, err = start("""
        import signal
        signal.signal(signal.SIGBUS, lambda *_: say("handled"))
        step("recorded")
        assert tracer.flush(20)
        signal.raise_signal(signal.SIGBUS)
        signal.raise_signal(signal.SIGBUS)
    """).finish()

    assert (code, out) == (0, "handled\nhandled\n"), err
