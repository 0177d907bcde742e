"""An installed package's provider whose calls are read where their spans are stored, also by another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.provider.test_page import FILES, ROOT
from tracer.provider import Operation, Provider, Reply, Request
from tracer.provider.installed import recorded_names

pytestmark = pytest.mark.no_store

READ_LATER = '    read_later={"acme.chat": OPERATIONS["/chat"]},\n'
# which process reads what passes, and in what thread
NOTES = """
import os, threading
from pathlib import Path
def note(read, what):
    def noting(body):
        main = threading.current_thread() is threading.main_thread()
        with open(Path(__file__).parent / "notes", "a") as notes:
            notes.write(f"{what} {'in' if main else 'beside'} {os.environ['PROGRAM']}\\n")
        return read(body)
    return noting
read_request, read_reply = note(read_request, "request"), note(read_reply, "reply")
"""
RECORD = """
import os, signal, sys
import acme_sdk, tracer
tracer.acme.autolog()
acme_sdk.Client().chat([{"role": "user", "content": "Capital of Peru?"}])
if "kill" in sys.argv:
    os.kill(os.getpid(), signal.SIGKILL)
"""
LOOK = """
import tracer
[trace] = tracer.search_traces()
[span] = tracer.get_trace(trace.info.trace_id).data.spans
print(sorted((span.token_usage or {}).items()), span.outputs["text"], span.attributes.get("gen_ai.response.model"))
"""
FOUND = "[('input_tokens', 3), ('output_tokens', 2), ('total_tokens', 5)] Lima. acme-1"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages: the SDK, and a package with its provider, as docs/new-provider.md has them."""
    folder = tmp_path / "site"
    about = folder / "tracer_acme-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tracer-acme\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[tracer.providers]\nacme = tracer_acme\n")
    (folder / "acme_sdk.py").write_text(FILES["acme_sdk.py"], encoding="utf-8")
    source = FILES["tracer_acme.py"].replace('    supported="1.x",\n', f'    supported="1.x",\n{READ_LATER}')
    assert READ_LATER in source
    (folder / "tracer_acme.py").write_text(source.replace("\n\nOPERATIONS", f"{NOTES}\n\nOPERATIONS"), encoding="utf-8")
    return folder


def run(program: str, name: str, site: Path, store: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
        "TRACER_STORE": store,
        "PROGRAM": name,
    }
    command = [sys.executable, *(["-c", program] if program else ["-m", "tracer"]), *arguments]
    return subprocess.run(
        command, cwd=site.parent, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def notes(site: Path) -> set[str]:
    return set((site / "notes").read_text().splitlines())


def test_an_installed_providers_calls_are_read_where_their_spans_are_stored(site: Path, own_store: str) -> None:
    recorded = run(RECORD, "recorder", site, own_store)
    looked = run(LOOK, "reader", site, own_store)

    assert (recorded.returncode, recorded.stderr) == (0, "")
    assert looked.stdout.strip() == FOUND, looked.stderr
    assert notes(site) == {"request beside recorder", "reply beside recorder"}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills in another way")
def test_calls_of_a_killed_process_are_read_by_the_process_that_finds_them(site: Path, own_store: str) -> None:
    recorded = run(RECORD, "recorder", site, own_store, "kill")
    read_by_recorder = notes(site) if (site / "notes").exists() else set()
    looked = run(LOOK, "reader", site, own_store)

    assert recorded.returncode == -signal.SIGKILL
    assert looked.stdout.strip() == FOUND, looked.stderr
    assert read_by_recorder <= {"request beside recorder", "reply beside recorder"}
    assert {line.split()[0] for line in notes(site)} == {"request", "reply"}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills in another way")
def test_the_command_line_reads_calls_of_a_killed_process(site: Path, own_store: str) -> None:
    run(RECORD, "recorder", site, own_store, "kill")
    listed = run("", "command", site, own_store, "list")

    assert listed.returncode == 0, listed.stderr
    assert "chat acme-1" in listed.stdout
    assert " 5 " in listed.stdout


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills in another way")
def test_a_process_without_the_package_keeps_the_calls_as_they_are(site: Path, own_store: str) -> None:
    run(RECORD, "recorder", site, own_store, "kill")
    (site / "tracer_acme-1.0.dist-info" / "entry_points.txt").unlink()
    looked = run(LOOK, "reader", site, own_store)

    if looked.stdout.strip() != FOUND:  # which it is where the recorder came to store its span
        assert looked.stdout.strip() == "[] Lima. None"
        assert "does not know how to read a call of kind 'acme.chat', and keeps it" in looked.stderr


def test_a_provider_without_its_entry_point_is_read_in_the_call(site: Path, own_store: str) -> None:
    (site / "tracer_acme-1.0.dist-info" / "entry_points.txt").unlink()
    recorded = run(RECORD.replace("tracer.acme", "__import__('tracer_acme')"), "recorder", site, own_store)
    looked = run(LOOK, "reader", site, own_store)

    assert (recorded.returncode, recorded.stderr) == (0, "")
    assert looked.stdout.strip() == FOUND, looked.stderr
    assert notes(site) == {"request in recorder", "reply in recorder"}


def test_only_operations_that_are_found_by_their_name_are_read_later() -> None:
    from tracer.openai import provider as openai

    own = Operation("chat", lambda _: Request(), lambda _: Reply())
    chat = openai.read_later["openai.chat"]
    provider = Provider(name="shop", module="shop", read_later={"openai.chat": own, "shop.chat": own})
    reusing = Provider(name="shop", module="shop", read_later={"openai.chat": chat})

    assert recorded_names(provider) == {}
    assert recorded_names(reusing) == {id(chat): "openai.chat"}


@pytest.mark.parametrize("name", ["chat", "acme.", ".chat", 'acme."chat', "acme.chat now", "acmé.chat"])
def test_a_name_that_no_journal_can_hold_is_refused(name: str) -> None:
    operation = Operation("chat", lambda _: Request(), lambda _: Reply())

    with pytest.raises(ValueError, match=r"recorded under a name such as 'acme\.chat'"):
        Provider(name="acme", module="acme_sdk", read_later={name: operation})
