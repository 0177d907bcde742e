"""``tracer run``, and TRACER_AUTOLOG: programs that know nothing of tracer are recorded."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

import tracer
from tests.ollama.replies import chat
from tests.openai.server import Server, reply
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
ASK = """
import ollama
def ask(question="Where to?"):
    return ollama.chat(model="llama3.2", messages=[{"role": "user", "content": question}]).message.content
"""

PYTEST = ["--", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # plugins of other packages take half of a run
# in the place of ``ask``, where each of several processes loads it: an SDK takes a second
SPAN = """
from opentelemetry import trace
def ask(question="Where to?"):
    with trace.get_tracer("app").start_as_current_span(question):
        return "Lima."
"""


@pytest.fixture
def start(
    server: Server, tmp_path: Path, own_store: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., subprocess.Popen[str]]:
    """Starts a command in a folder with a module ``ask``, whose calls a scripted server answers."""
    server.will(reply(chat()))
    (tmp_path / "ask.py").write_text(ASK)

    def start(*command: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**os.environ, "OLLAMA_HOST": server.url, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def run(start: Callable[..., subprocess.Popen[str]], own_store: str) -> Callable[..., tuple[int, str, str]]:
    """Exit status, output and errors of ``tracer run`` with the test's store."""

    def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "tracer", "run", "--store", own_store, *arguments]
        with start(*command, **environment) as process:
            out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    return run


def write(folder: Path, name: str, source: str) -> None:
    (folder / name).write_text(textwrap.dedent(source))


def names() -> list[str]:
    """The names of all spans."""
    return sorted(span.name for found in tracer.search_traces() for span in found.data.spans)


def test_a_script_with_its_own_options_is_recorded(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    write(
        tmp_path,
        "app.py",
        """
        import sys
        from ask import ask
        assert __name__ == "__main__"
        print(sys.argv, ask())
        """,
    )

    code, out, err = run("app.py", "--store", "mine", "--autolog")

    assert (code, out) == (0, "['app.py', '--store', 'mine', '--autolog'] Lima.\n")
    assert names() == ["chat llama3.2"]
    [line] = err.splitlines()
    assert line.startswith("tracer: recorded 1 trace, 1 model call")
    assert "tracer list --store" in line


def test_a_module_is_recorded(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    write(tmp_path, "work.py", "import sys\nfrom ask import ask\nprint(sys.argv[1:], ask())\n")

    assert run("-m", "work", "-m", "x")[:2] == (0, "['-m', 'x'] Lima.\n")
    assert names() == ["chat llama3.2"]


def test_a_command_and_the_processes_that_it_starts_are_recorded(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    write(tmp_path, "test_ask.py", "from ask import ask\ndef test_asking():\n    assert ask() == 'Lima.'\n")
    write(
        tmp_path,
        "test_workers.py",
        """
        import multiprocessing
        from ask import ask
        def test_workers():
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                assert pool.map(ask, ["a", "b"]) == ["Lima.", "Lima."]
                pool.close()
                pool.join()
        """,
    )

    code, out, err = run(*PYTEST, ".", **ALONE)

    assert code == 0, out + err
    assert names() == ["chat llama3.2"] * 3
    assert "recorded 3 traces, 3 model calls" in err


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_workers_of_multiprocessing_are_recorded(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, method: str
) -> None:
    if method != "fork":
        write(tmp_path, "ask.py", SPAN)
    write(
        tmp_path,
        "app.py",
        f"""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        from ask import ask
        if __name__ == "__main__":
            with ProcessPoolExecutor(2, multiprocessing.get_context("{method}")) as pool:
                print(list(pool.map(ask, ["a", "b"])), ask())
        """,
    )

    code, out, err = run("app.py")

    assert (code, out) == (0, "['Lima.', 'Lima.'] Lima.\n"), err
    assert names() == (["chat llama3.2"] * 3 if method == "fork" else ["Where to?", "a", "b"])


def test_tests_that_run_side_by_side_are_recorded(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    test = (
        "from ask import ask\nimport pytest\n@pytest.mark.parametrize('n', range(4))\ndef test_asking(n): ask(str(n))\n"
    )
    write(tmp_path, "ask.py", SPAN)
    write(tmp_path, "test_ask.py", test)

    code, out, err = run(*PYTEST, "-p", "xdist", "-n", "2", ".", **ALONE)

    assert code == 0, out + err
    assert names() == ["0", "1", "2", "3"]


def test_a_notebook_is_recorded(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    pytest.importorskip("ipykernel", exc_type=ImportError)
    write(
        tmp_path,
        "notebook.py",
        """
        from jupyter_client.manager import run_kernel
        with run_kernel(kernel_name="python3") as client:
            for cell in ("from ask import ask", "print(ask())"):
                client.execute_interactive(cell, timeout=60)
        """,
    )

    code, out, err = run("notebook.py", HOME=str(tmp_path))

    assert (code, out) == (0, "Lima.\n"), err
    assert names() == ["chat llama3.2"]


def test_the_exit_status_is_the_programs_own(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    write(tmp_path, "app.py", "import sys\nsys.exit(7)\n")
    write(tmp_path, "killed.py", "import os\nos.kill(os.getpid(), 9)\n")

    assert run("app.py")[0] == 7
    code, _, err = run("killed.py")
    assert code == 128 + 9
    assert "nothing was recorded in" in err


def test_the_exit_status_is_the_programs_own_where_the_server_is_away(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    write(tmp_path, "three.py", "raise SystemExit(3)")

    status, out, err = run("--store", "http://127.0.0.1:9", "three.py")

    assert (status, out) == (3, "")
    assert "tracer: what was recorded cannot be read now: cannot reach the tracer server http://127.0.0.1:9" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_reaches_the_program(
    start: Callable[..., subprocess.Popen[str]], own_store: str, tmp_path: Path, number: signal.Signals
) -> None:
    write(
        tmp_path,
        "app.py",
        """
        import signal, sys, time
        from ask import ask
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        ask()
        try:
            print("ready", flush=True)
            for _ in range(1000):
                time.sleep(0.1)  # a signal just before a sleep does not end it
        except KeyboardInterrupt:
            sys.exit(4)
        """,
    )
    command = [sys.executable, "-m", "tracer", "run", "--store", own_store, "app.py"]

    with start(*command) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if number == signal.SIGINT:  # as a terminal does: to all processes of the group
            [child] = children(process.pid)
            os.kill(child, number)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)

    assert process.returncode == (4 if number == signal.SIGINT else 3)
    assert "recorded 1 trace" in err


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_settings_by_flags(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    write(tmp_path, "app.py", "from ask import ask\nask('a question of mine')\n")

    run("--service", "shop", "--experiment", "tries", "--no-content", "--autolog", "ollama", "app.py")

    [found] = tracer.search_traces()
    assert found.info.experiment == "tries"
    assert "question of mine" not in str(found.to_dict())


def test_what_cannot_be_run_is_told(run: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = run("no_such_program")
    assert code == 2
    assert "'no_such_program' is no Python file (.py), and no command of this name is found" in err
    assert "tracer run -m no_such_program" in err

    assert "service_name: got ''" in run("--service", "", "app.py")[2]


def test_the_variable_alone_records_a_program(
    start: Callable[..., subprocess.Popen[str]], own_store: str, tmp_path: Path
) -> None:
    write(tmp_path, "app.py", "import sys\nfrom ask import ask\nprint(ask(), 'tracer' in sys.modules)\n")

    for value, recorded in (("ollama, otel", 1), ("all", 2), ("openai", 2), ("", 2)):
        with start(sys.executable, "app.py", TRACER_AUTOLOG=value, TRACER_STORE=own_store) as process:
            out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        assert out == f"Lima. {bool(value)}\n"
        assert len(names()) == recorded


@pytest.mark.parametrize("first", ["import ollama", "import ollama._client", "from ollama import *"])
def test_a_program_that_imports_the_sdk_first_is_recorded(
    first: str, run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    write(tmp_path, "app.py", f"{first}\nfrom ask import ask\nprint(ask())\n")

    assert run("app.py")[:2] == (0, "Lima.\n")
    assert names() == ["chat llama3.2"]


def test_a_program_whose_first_import_fails_gets_the_same_error(
    start: Callable[..., subprocess.Popen[str]], own_store: str
) -> None:
    program = """
try:
    import no_such_module
except ModuleNotFoundError as error:
    print(error.name, error)
"""
    with start(sys.executable, "-c", program, TRACER_AUTOLOG="ollama", TRACER_STORE=own_store) as process:
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (0, "no_such_module No module named 'no_such_module'\n", "")


def test_the_variable_costs_a_program_nothing_that_imports_no_packages(
    start: Callable[..., subprocess.Popen[str]], own_store: str
) -> None:
    """A container's variable reaches every Python in it, such as those of pip and of a shell's scripts."""
    program = "import sys, json, urllib.request; print([name for name in sys.modules if name.startswith('tracer')])"

    with start(sys.executable, "-c", program, TRACER_AUTOLOG="all", TRACER_STORE=own_store) as process:
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (0, "['tracer_autolog']\n", "")


@pytest.mark.parametrize("module", ["tracer", "opentelemetry.trace", "orjson", "ask"])
def test_a_module_is_imported_once_also_if_recording_began_with_it(
    module: str, start: Callable[..., subprocess.Popen[str]], own_store: str
) -> None:
    program = f"""
import sys
import {module}
first = sys.modules[{module!r}]
assert 'tracer.otel' in sys.modules
import tracer, opentelemetry.trace, orjson, ask
assert sys.modules[{module!r}] is first
assert first.__spec__.name == first.__name__ == {module!r} and first.__spec__.loader is first.__loader__
"""
    with start(sys.executable, "-c", program, TRACER_AUTOLOG="all", TRACER_STORE=own_store) as process:
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (0, "", "")


def test_a_wrong_name_in_the_variable_is_logged_and_the_program_runs(
    start: Callable[..., subprocess.Popen[str]], own_store: str, tmp_path: Path
) -> None:
    write(tmp_path, "app.py", "from ask import ask\nprint(ask())\n")

    with start(sys.executable, "app.py", TRACER_AUTOLOG="olama,ollama", TRACER_STORE=own_store) as process:
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (0, "Lima.\n")
    assert "TRACER_AUTOLOG: 'olama' cannot be recorded" in err
    assert "Did you mean 'ollama'?" in err
    assert names() == ["chat llama3.2"]


SERVED = """
from ask import ask
async def app(scope, receive, send):
    if scope["type"] == "http":
        text = ask("first").encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text})
"""
FLASK = """
from ask import ask
import flask
app = flask.Flask("app")
@app.route("/")
def answer():
    return ask("first")
"""
UVICORN = ["-m", "uvicorn", "app:app", "--port", "0", "--lifespan", "off"]
RELOADING = {
    "uvicorn": (SERVED, [*UVICORN, "--reload"]),
    "flask": (FLASK, ["-m", "flask", "run", "--debug", "--port", "0"]),
}


@contextmanager
def serving(process: subprocess.Popen[str]) -> Iterator[str]:
    """The address that a server on a free port says on standard error; ended as by Ctrl-C."""
    with process:
        try:
            assert process.stderr is not None
            said = next(line for line in process.stderr if "unning on" in line)
            threading.Thread(target=process.stderr.read).start()  # whoever fills a pipe waits
            yield "http://127.0.0.1:" + re.split(r"127\.0\.0\.1:", said)[1].split()[0]
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """As by Ctrl-C."""
    server, *workers = descendants(process.pid)
    for each in (*workers, server, process.pid):
        os.kill(each, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
        return
    # uvicorn's own handler, which waits for the lock that it came in between; all others have to end by themselves
    os.kill(server, signal.SIGKILL)
    process.wait(30)
    assert until(lambda: all(map(has_ended, workers)))


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def descendants(pid: int) -> list[int]:
    return [each for child in children(pid) for each in (child, *descendants(child))]


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=30).text == "Lima."
    except httpx.TransportError:
        return False


def test_a_server_with_workers_is_recorded(
    start: Callable[..., subprocess.Popen[str]], own_store: str, tmp_path: Path
) -> None:
    write(tmp_path, "ask.py", SPAN)
    write(tmp_path, "app.py", SERVED)
    command = [sys.executable, "-m", "tracer", "run", "--store", own_store, *UVICORN, "--workers", "2"]

    with serving(start(*command)) as address:
        assert until(lambda: answers(address))

    assert "first" in names()


@pytest.mark.parametrize("name", RELOADING)
def test_a_server_that_reloads_is_recorded_before_and_after(
    start: Callable[..., subprocess.Popen[str]], own_store: str, tmp_path: Path, name: str
) -> None:
    source, arguments = RELOADING[name]
    write(tmp_path, "ask.py", SPAN)
    write(tmp_path, "app.py", source)
    command = [sys.executable, "-m", "tracer", "run", "--store", own_store, *arguments]

    with serving(start(*command)) as address:
        assert until(lambda: answers(address))
        write(tmp_path, "app.py", source.replace("first", "second"))
        assert until(lambda: answers(address) and "second" in names())

    assert set(names()) == {"first", "second"}


def test_a_cassette_is_made_of_the_calls_of_all_processes(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, server: Server
) -> None:
    write(
        tmp_path,
        "app.py",
        """
        import os, signal, subprocess, sys
        import tracer
        from ask import ask

        @tracer.trace
        def pay(order):
            return f"paid {order}"

        if len(sys.argv) == 1:
            print(ask("first"), pay(7))
            subprocess.run([sys.executable, "app.py", "child"])
            print(ask("third"))
        else:
            ask("second")
            os.kill(os.getpid(), signal.SIGKILL)
        """,
    )

    code, out, err = run("--record", "cassettes/app.jsonl", "--step", "pay", "app.py")

    cassette = tmp_path / "cassettes" / "app.jsonl"
    assert (code, "cassettes/app.jsonl has 4 calls" in err) == (0, True), err
    lines = cassette.read_text().splitlines()
    said = [json.loads(line)["request"] for line in lines]
    assert [each["json"]["messages"][0]["content"] for each in said if "messages" in each["json"]] == [
        "first", "second", "third",
    ]  # fmt: skip
    assert [each["url"] for each in said if each["method"] == "STEP"] == ["pay"]
    asked = len(server.asked)
    script = "import tracer; from ask import ask\nwith tracer.replay('cassettes/app.jsonl'): print(ask('third'))"
    replayed = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True,
        env={**os.environ, "OLLAMA_HOST": server.url},
    )  # fmt: skip
    assert (replayed.stdout, len(server.asked)) == (out.splitlines()[-1] + "\n", asked)
    # the same again changes nothing
    assert run("--record", "cassettes/app.jsonl", "--step", "pay", "app.py")[0] == 0
    assert cassette.read_text().splitlines() == lines
