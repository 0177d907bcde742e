"""A store that was copied to a server on ClickHouse and back is the same in every byte that ``tracer export`` writes.

    python tests/clickhouse/scale.py load FOLDER --spans 1000000 --sqlite
    python tests/clickhouse/round_trip.py FOLDER

The copy up is killed once in the middle, and made again. Of each step the time, the CPU and the memory are told.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.clickhouse.engine import running_engine  # noqa: E402
from tests.server_process import server_process  # noqa: E402
from tracer.store import open_store  # noqa: E402


def step(name: str, *arguments: str, output: Path | None = None, kill_at: int = 0, target: str = "") -> None:
    """Run a command of tracer to its end, or until the target has so many traces: then it is killed."""
    command = [sys.executable, "-m", "tracer", *arguments]
    started = time.monotonic()
    with subprocess.Popen(command, stdout=output.open("wb") if output else None) as process:
        if kill_at:
            with closing(open_store(target)) as store:
                while process.poll() is None and store.count_traces() < kill_at:
                    time.sleep(1)
            process.send_signal(signal.SIGKILL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    print(
        f"{name}: {time.monotonic() - started:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of CPU of its own, at most"
        f" {used.ru_maxrss / 1024:.0f} MB, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    assert process.returncode == (-signal.SIGKILL if kill_at else 0), process.returncode


def used_by(name: str, pid: int) -> None:
    """Tell what a process that runs has used until now; Linux only."""
    seconds = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    peak = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(
        f"  {name} so far: {seconds / os.sysconf('SC_CLK_TCK'):.0f} s of CPU, at most {peak.split()[1]} kB", flush=True
    )


def main(arguments: Sequence[str]) -> int:
    """Copy up, and down, and compare; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder.absolute()
    source, back = folder / "traces.db", folder / "back.db"
    before, after = folder / "before.jsonl", folder / "after.jsonl"
    with closing(open_store(f"sqlite:///{source}")) as store:
        traces = store.count_traces()
    (folder / "engine").mkdir()
    with running_engine(folder / "engine") as address, server_process(f"clickhouse://{address}/traces") as running:
        server, url = running
        step("up, until it is killed", "copy", str(source), url, kill_at=traces // 2, target=url)
        with closing(open_store(url)) as store:
            print(f"  {store.count_traces():,} of {traces:,} traces are there")
        step("up again", "copy", str(source), url)
        used_by("the server", server.pid)
        step("down", "copy", url, str(back))
        used_by("the server", server.pid)
    step("export of what was copied", "export", "--store", str(source), output=before)
    step("export of what came back", "export", "--store", str(back), output=after)
    is_same = subprocess.run(["cmp", str(before), str(after)]).returncode == 0
    print(f"{before.stat().st_size:,} bytes, {'the same' if is_same else 'not the same'}")
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
