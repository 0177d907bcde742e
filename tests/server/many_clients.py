"""Hundreds of clients that send at once to one server: nothing is lost, and its memory stays flat.

    python tests/server/many_clients.py --clients 200 --seconds 120     over SQLite
    python tests/server/many_clients.py --clickhouse                    over ClickHouse's engine

Each client has a connection of its own and sends batches of spans, one after the other, each until it is acknowledged.
In the end the store must have what was acknowledged, each span once. ``test_many_clients.py`` runs it small.
"""

from __future__ import annotations

import argparse
import http.client
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.clickhouse.engine import running_engine  # noqa: E402
from tests.server_process import server_process  # noqa: E402
from tests.store.records import MS, START, span  # noqa: E402
from tracer.store import open_store  # noqa: E402

SPANS = 10  # of a trace, and of a batch
_TEXT = "the parcel was sent on Monday and has not arrived "
_MIB = 1 << 20


class Sent(NamedTuple):
    """What became of a run."""

    traces: int  # acknowledged
    refused: int  # answers that asked to send again
    seconds: float
    waits: list[float]  # of each acknowledged batch, in seconds
    memory: list[int]  # bytes that the server has resident, second by second


def batch(client: int, number: int) -> bytes:
    """A trace in a body: an agent with calls to a model."""
    trace_id = f"{client + 1:016x}{number + 1:016x}"
    start = START + number * 1000 * MS
    return b"\n".join(
        span(
            trace_id, f"{each + 1:016x}", f"{1:016x}" if each else None, start=start + each * MS,
            end=start + each * MS + 5 * MS, type="CHAT_MODEL" if each else "AGENT",
            json={"tracer.inputs": {"question": f"{client} {number} {each} {_TEXT * 8}"}},
            **({"model": "m", "usage": (2, 1)} if each else {}),
        )
        for each in range(SPANS)
    )  # fmt: skip


class Client:
    """Sends until it is told to end."""

    def __init__(self, number: int, url: str, ended: threading.Event) -> None:
        self._number = number
        self._host = urlsplit(url).netloc
        self._ended = ended
        self.waits: list[float] = []
        self.refused = 0
        self.fault: BaseException | None = None

    def run(self) -> None:
        """Send batch after batch."""
        try:
            with closing(http.client.HTTPConnection(self._host, timeout=60)) as connection:
                while not self._ended.is_set():
                    self._send(connection, batch(self._number, len(self.waits)))
        except BaseException as error:
            self.fault = error

    def _send(self, connection: http.client.HTTPConnection, body: bytes) -> None:
        began = time.monotonic()
        while True:
            headers = {"Content-Type": "application/x-ndjson"}
            connection.request("POST", f"/api/v1/records?owner=client-{self._number}", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 204:
                self.waits.append(time.monotonic() - began)
                return
            if answer.status not in (429, 503):
                raise AssertionError(f"status {answer.status}")
            self.refused += 1
            time.sleep(float(answer.headers["Retry-After"]))


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def run(store_url: str, clients: int, seconds: float, least: int = 0) -> Sent:
    """Send for some seconds, and until each client has sent ``least`` batches. Raises AssertionError."""
    ended = threading.Event()
    with server_process(store_url) as (server, url):
        all_of_them = [Client(number, url, ended) for number in range(clients)]
        threads = [threading.Thread(target=client.run) for client in all_of_them]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        memory = []
        while time.monotonic() < began + seconds or any(
            len(client.waits) < least and client.fault is None for client in all_of_them
        ):
            memory.append(resident(server.pid))
            time.sleep(min(1.0, seconds / 4))
        ended.set()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        server.terminate()
        server.wait(60)
    faults = [client.fault for client in all_of_them if client.fault is not None]
    assert not faults, faults[:3]
    traces = sum(len(client.waits) for client in all_of_them)
    with closing(open_store(store_url)) as store:
        assert store.count_traces() == traces
        assert sum(row.calls for row in store.statistics(group_by="type")) == traces * SPANS
        (model,) = store.statistics()
        assert (model.calls, model.input_tokens) == (traces * (SPANS - 1), 2 * traces * (SPANS - 1))
    waits = [wait for client in all_of_them for wait in client.waits]
    return Sent(traces, sum(client.refused for client in all_of_them), took, waits, memory)


def main(arguments: Sequence[str]) -> int:
    """Run it with the sizes that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clickhouse", action="store_true", help="with the environment of tests/clickhouse/run.py")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        store_url = f"sqlite:///{folder}/traces.db"
        if given.clickhouse:
            store_url = f"clickhouse://{stack.enter_context(running_engine(Path(folder)))}/traces"
        sent = run(store_url, given.clients, given.seconds)
    quarter = len(sent.memory) // 4
    quarters = [statistics.median(sent.memory[at : at + quarter]) / _MIB for at in range(0, 4 * quarter, quarter)]
    waits = sorted(sent.waits)
    print(f"{sent.traces} traces, {sent.traces * SPANS / sent.seconds:.0f} spans a second, {sent.refused} refused")
    print(f"a batch in {statistics.median(waits):.2f} s, 99 % within {waits[len(waits) * 99 // 100]:.2f} s")
    print("memory by quarters", " ".join(f"{each:.0f}" for each in quarters), f"max {max(sent.memory) / _MIB:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
