"""``tracer keys``, ``tracer projects`` and ``tracer server`` on a folder: on the server's machine, and over the API."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

import tracer
from tests.cli.conftest import Ran
from tests.cli.json_shapes import check_shape
from tracer._catalog.folder import FolderCatalog
from tracer.server import ServerSettings, running_server

Tracer = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "all"


@pytest.fixture(params=["folder", "api"])
def place(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """What ``--store`` names: the folder, or the URL of its server, with an administrator's key as the token."""
    with contextlib.closing(FolderCatalog(folder)) as catalog:
        key = catalog.start()
    if request.param == "folder":
        yield str(folder)
        return
    assert key is not None
    tracer.configure(token=key)  # as TRACER_TOKEN does in a new process
    with running_server(folder, ServerSettings(port=0, projects=True)) as url:
        yield url
        tracer.reset()


def test_projects_and_keys_are_made_listed_changed_and_deleted(tracer_command: Tracer, place: str) -> None:
    def call(*arguments: str) -> Ran:
        ran = tracer_command(*arguments, "--store", place)
        assert ran.code == 0, ran.err
        return ran

    call("projects", "create", "shop", "--requests-a-minute", "600")
    call("projects", "change", "shop", "--bytes-a-minute", "5000000", "--requests-a-minute", "0")
    made = call("keys", "create", "checkout", "--project", "shop", "--role", "write", "--role", "read")
    [secret] = made.lines
    [key] = [json.loads(line) for line in call("keys", "list", "--project", "shop", "--json").lines]

    assert secret.startswith("tracer-")
    assert key["id"] in made.err
    assert (key["name"], key["project"], key["roles"]) == ("checkout", "shop", ["write", "read"])
    assert secret not in call("keys", "list").out
    assert [line.split()[0] for line in call("keys", "list").lines] == ["key", *(
        found["id"] for found in map(json.loads, call("keys", "list", "--json").lines)
    )]  # fmt: skip
    assert [line.split()[-2:] for line in call("projects", "list").lines[1:]] == [["-", "-"], ["-", "5,000,000"]]

    call("keys", "revoke", key["id"])
    assert "revoked" in call("keys", "list", "--project", "shop").lines[1]
    call("projects", "delete", "shop", "--yes")
    assert [json.loads(line)["name"] for line in call("projects", "list", "--json").lines] == ["default"]
    log = call("projects", "log").lines
    assert "deleted the project  shop" in log[0]
    assert "revoked the key" in log[1]
    assert secret not in str(log)
    assert json.loads(call("projects", "log", "--limit", "1", "--json").out)["did"] == "deleted the project"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("keys", "create", "a", "--role", "king"), "king"),
        (("keys", "create", "a", "--role", "read", "--project", "none"), "no project 'none'"),
        (("keys", "revoke", "k-none"), "no key"),
        (("projects", "create", "Shop"), "small letters"),
        (("projects", "create", "default"), "already"),
        (("projects", "change", "default"), "nothing to change"),
        (("projects", "change", "none", "--bytes-a-minute", "1"), "no project 'none'"),
        (("projects", "delete", "default", "--yes"), "nobody would be administrator"),
    ],
)
def test_what_is_wrong_is_told(arguments: tuple[str, ...], message: str, tracer_command: Tracer, place: str) -> None:
    ran = tracer_command(*arguments, "--store", place)

    assert ran.code != 0
    assert message in ran.err


def test_what_is_printed_as_json_keeps_its_shape(tracer_command: Tracer, place: str) -> None:
    def printed(command: str, *arguments: str) -> str:
        ran = tracer_command(*command.split(), *arguments, "--json", "--store", place)
        assert ran.code == 0, ran.err
        check_shape(command, ran.out)
        return ran.out

    printed("projects create", "shop", "--requests-a-minute", "600")
    printed("projects change", "shop", "--bytes-a-minute", "5000000")
    key = json.loads(printed("keys create", "checkout", "--project", "shop", "--role", "write"))
    printed("keys revoke", key["id"])
    printed("keys list", "--project", "shop")
    printed("projects delete", "shop", "--yes")
    printed("projects list")
    printed("projects log")


def test_doctor_finds_nothing_wrong_with_a_key_that_only_sends(
    tracer_command: Tracer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracer.provider.installed.names", lambda: ["ollama"])  # to load all SDKs takes long
    with contextlib.closing(FolderCatalog(folder)) as catalog:
        catalog.start()
        _, key = catalog.create_key("bot", "default", ["write"], by="a test")
    tracer.configure(token=key)
    with running_server(folder, ServerSettings(port=0, projects=True)) as url:
        ran = tracer_command("doctor", "--store", url)
        tracer.reset()

    assert "takes what is sent" in ran.out


def test_a_folder_without_projects_is_named(tracer_command: Tracer, tmp_path: Path) -> None:
    ran = tracer_command("keys", "list", "--store", str(tmp_path / "none"))

    assert ran.code == 1
    assert "has no projects" in ran.err
    assert not (tmp_path / "none").exists()


def test_a_file_is_no_server_of_projects(tracer_command: Tracer, tmp_path: Path) -> None:
    (tmp_path / "one.db").touch()

    ran = tracer_command("keys", "list", "--store", str(tmp_path / "one.db"))

    assert ran.code == 1
    assert ran.err.startswith(f"Error: {tmp_path}/one.db is a file, one store; name the folder of a server of projects")


def test_nothing_is_deleted_where_nobody_answers(
    tracer_command: Tracer, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer_command("projects", "create", "shop", "--store", place)
    for answer, code in (("", 2), ("y\n", 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert tracer_command("projects", "delete", "shop", "--store", place).code == code
    tracer_command("dataset", "create", "d")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    ran = tracer_command("dataset", "delete", "d")

    assert (ran.code, ran.err.splitlines()[-1]) == (2, "Error: nobody said that it may be deleted: say so with --yes.")


def test_a_folder_with_other_files_is_left_alone(tracer_command: Tracer, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()

    ran = tracer_command("server", "--port", "0", "--store", str(tmp_path))

    assert ran.code == 1
    assert "has other files" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_token_for_a_folder_of_projects_is_refused(tracer_command: Tracer, folder: Path) -> None:
    ran = tracer_command("server", "--token", "a-token-of-enough-letters", "--store", f"{folder}/")

    assert ran.code == 2
    assert "keys" in ran.err
    assert not folder.exists()


def test_the_first_start_prints_the_first_administrators_key_and_the_next_none(folder: Path) -> None:
    told = [first_lines(folder), first_lines(folder)]

    [key] = keys_of(told[0])
    assert keys_of(told[1]) == []
    with contextlib.closing(FolderCatalog(folder)) as catalog:
        caller = catalog.caller(key)
        assert caller is not None
        assert (caller.roles, caller.project.name) == (("admin",), "default")
        assert catalog.keys()[0].last_used is not None


def keys_of(lines: list[str]) -> list[str]:
    """The keys that were printed, each on a line of its own; a path may have such a word in it, too."""
    return [line.strip() for line in lines if line.strip().startswith("tracer-")]


def first_lines(folder: Path) -> list[str]:
    """What ``tracer server`` prints until it is asked once, with the key that it has printed, and ended."""
    command = [sys.executable, "-m", "tracer", "server", "--port", "0", "--host", "0.0.0.0", "--store", f"{folder}/"]
    environment = {**os.environ, "TRACER_TOKEN": "another-server's-token"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stderr is not None
        lines = []
        while not lines or "ctrl-c" not in lines[-1]:
            lines.append(server.stderr.readline())
            assert lines[-1], lines
        [page] = [line.strip() for line in lines if "http://" in line]
        keys = keys_of(lines)
        statuses = [
            httpx.get(f"{page}api/v1/traces", headers={"Authorization": f"Bearer {key}"}).status_code
            for key in (*keys, "another-server's-token")
        ]
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    assert statuses == [*([200] * len(keys)), 401]
    return lines
