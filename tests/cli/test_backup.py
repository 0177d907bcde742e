"""A store is copied while a program writes to it, and a restored copy answers the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import tracer
from tests.cli.conftest import Ran

WRITER = """
import tracer
for number in range(100_000):
    with tracer.start_span(f"step {number}") as span:
        span.set_inputs({"number": number})
    if number % 50 == 0:
        tracer.flush()
    if number == 200:
        print("ready", flush=True)
"""


def test_a_backup_answers_the_same_after_the_store_is_gone(tracer_command: Callable[..., Ran], tmp_path: Path) -> None:
    with tracer.start_span("agent") as span:
        span.set_inputs({"picture": "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA" + "AAAA" * 400})
    tracer.log_feedback(trace_id=span.trace_id, name="good", value=True)
    tracer.genai.create_dataset("questions").add(span.trace_id)
    before = tracer_command("export").out

    saved = tracer_command("backup", str(tmp_path / "copy"))
    assert (saved.code, "1 traces and more are in" in saved.err) == (0, True)
    restored = tracer_command("restore", str(tmp_path / "copy"), "--store", str(tmp_path / "new" / "other.db"))

    assert (restored.code, "has 1 traces" in restored.err) == (0, True), restored.err
    assert tracer_command("export", "--store", str(tmp_path / "new" / "other.db")).out == before != ""
    assert sorted(os.listdir(tmp_path / "copy")) == ["tracer.db"]


def test_a_store_that_is_being_written_is_copied_whole(
    tracer_command: Callable[..., Ran], tmp_path: Path, own_store: str
) -> None:
    environment = {**os.environ, "TRACER_STORE": own_store}
    with subprocess.Popen([sys.executable, "-c", WRITER], env=environment, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        for number in range(3):
            assert tracer_command("backup", str(tmp_path / f"copy-{number}")).code == 0
        assert writer.poll() is None
        writer.kill()
    counts = []
    for number in range(3):
        store = str(tmp_path / f"store-{number}.db")
        restored = tracer_command("restore", str(tmp_path / f"copy-{number}"), "--store", store)
        counts.append(int(restored.err.split(" has ")[1].split()[0].replace(",", "")))
        assert tracer_command("doctor", "--store", store).code == 0
    assert 200 <= counts[0] <= counts[1] <= counts[2]


def test_logged_models_travel_along(tracer_command: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "import tracer\n"
        "class Echo(tracer.pyfunc.PythonModel):\n"
        "    def predict(self, model_input): return model_input\n"
        "tracer.models.set_model(Echo())\n"
    )
    info = tracer.pyfunc.log_model(name="echo", python_model=str(tmp_path / "model.py"))
    assert tracer_command("backup", str(tmp_path / "copy")).code == 0
    store = f"sqlite:///{tmp_path / 'other.db'}"
    assert tracer_command("restore", str(tmp_path / "copy"), "--store", store).code == 0

    tracer.set_tracking_uri(store)

    assert tracer.pyfunc.load_model(info.model_uri).predict(["a"]) == ["a"]


def test_nothing_is_overwritten(tracer_command: Callable[..., Ran], tmp_path: Path, own_store: str) -> None:
    with tracer.start_span("agent"):
        pass
    tracer.flush()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    assert tracer_command("backup", str(tmp_path / "copy")).code == 0

    for ran, told in (
        (tracer_command("backup", str(tmp_path / "full")), "is not empty"),
        (tracer_command("restore", str(tmp_path / "copy")), "is there already"),
        (tracer_command("restore", str(tmp_path / "full"), "--store", str(tmp_path / "x.db")), "is no backup"),
        (tracer_command("backup", str(tmp_path / "y"), "--store", "http://127.0.0.1:9"), "is a server"),
    ):
        assert (ran.code, told in ran.err) == (2, True), ran.err
    (tmp_path / "copy" / "tracer.db").write_bytes((tmp_path / "copy" / "tracer.db").read_bytes()[:9000])
    broken = tracer_command("restore", str(tmp_path / "copy"), "--store", str(tmp_path / "z.db"))
    assert broken.code == 1
    assert not (tmp_path / "z.db").exists()
