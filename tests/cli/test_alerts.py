"""`tracer alerts`."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.cli.conftest import Ran, span
from tests.cli.json_shapes import check_shape
from tracer._catalog.folder import FolderCatalog

RULE = '[[rule]]\nname = "{name}"\nwhen = "{when}"\nwindow = "1h"\n'


def test_a_file_of_rules_is_checked_and_its_channels_are_tried(
    tracer_command: Callable[..., Ran], write: Callable[..., None], tmp_path: Path
) -> None:
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    now = time.time_ns()
    write(span("agent", start=now - 10**9, end=now, status="ERROR"))
    file = tmp_path / "alerts.toml"
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        rules = RULE.format(name="many", when="errors > 5 %") + RULE.format(name="money", when="cost > 1 USD")
        hook = f'[channels.hook]\nslack = "http://127.0.0.1:{server.server_port}/secret"\n'
        file.write_text(f'{rules}{hook}[channels.away]\nslack = "http://127.0.0.1:1/secret"\n')
        checked = tracer_command("alerts", str(file))
        told = tracer_command("alerts", str(file), "--tell")
        thread.join()
    as_json = tracer_command("alerts", str(file), "--tell", "--json")

    many = "many: errors > 5 % (1h): errors 100 % of 1 traces, holds"
    money = "money: cost > 1 USD (1h): cost 0 USD of 1 traces, does not hold"
    assert (checked.code, checked.lines) == (0, [many, money])
    assert (told.code, told.lines) == (1, [many, money, "channel hook: told"])
    assert told.err == "channel away: no connection (ConnectError)\n"
    check_shape("alerts", as_json.out)
    assert [rule["holds"] for rule in json.loads(as_json.out)["rules"]] == [True, False]
    assert as_json.code == 1
    assert got == [b'{"text":"A trial: alerts of tracer arrive here"}']


def test_rules_of_projects_are_checked_in_their_folder(tracer_command: Callable[..., Ran], tmp_path: Path) -> None:
    with contextlib.closing(FolderCatalog(tmp_path / "all")) as catalog:
        catalog.start()
        catalog.create_project("shop", by="a test")
    file = tmp_path / "alerts.toml"
    hook = '[channels.hook]\nslack = "http://127.0.0.1:1/secret"\n'
    file.write_text(RULE.format(name="none", when="traces < 1") + f'project = "shop"\n{hook}')

    ran = tracer_command("alerts", str(file), "--store", f"{tmp_path}/all/")
    elsewhere = tracer_command("alerts", str(file))
    by_url = tracer_command("alerts", str(file), "--store", "http://127.0.0.1:9")
    file.write_text(RULE.format(name="gone", when="traces < 1") + f'project = "oops"\n{hook}')
    gone = tracer_command("alerts", str(file), "--store", f"{tmp_path}/all/")

    assert ran.lines == ["none of shop: traces < 1 (1h): traces 0 of 0 traces, holds"]
    assert by_url.code == 2
    assert "a key opens one project: check rules of projects with the folder" in by_url.err
    assert (gone.code, gone.err) == (1, "Error: rule 'gone': there is no project 'oops'\n")
    assert (elsewhere.code, "project is given, and this is one store" in elsewhere.err) == (2, True)


def test_a_file_that_cannot_work_is_an_error_of_one_line(tracer_command: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "alerts.toml").write_text(RULE.format(name="a", when="errors > 5 %"))

    for command in (("alerts", str(tmp_path / "alerts.toml")), ("server", "--alerts", str(tmp_path / "alerts.toml"))):
        done = tracer_command(*command, *(["--port", "0"] if command[0] == "server" else []))

        assert done.code == 2
        assert done.err.count("\n") == 1
        assert "the file has no table for any channel" in done.err
