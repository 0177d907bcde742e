"""The password in the URL of a store is in nothing that a command prints."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("clickhouse_connect", reason="tests/clickhouse/run.py makes an environment with it")
STORE = "clickhouse://ann:hunter2@127.0.0.1:1/traces"  # nothing answers there
COMMANDS = [
    ("list",), ("show", "latest"), ("stats",), ("doctor",), ("doctor", "--json"),
    ("keys", "list"), ("projects", "list"), ("backup", "there.db"), ("migrate",),
    ("delete", "status = 'ERROR'", "--yes"), ("policy", "list"), ("dataset", "list"), ("prompts",),
    ("export",), ("copy", STORE, "there.db"), ("push", "status = 'OK'", "--to", "http://127.0.0.1:1"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_prints_the_password_of_a_store(
    command: tuple[str, ...], tracer_command: Callable[..., object], tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))

    ran = tracer_command(*command, "--store", STORE) if command[0] != "copy" else tracer_command(*command)

    assert "hunter2" not in str(ran)
    assert "127.0.0.1:1" in str(ran)
