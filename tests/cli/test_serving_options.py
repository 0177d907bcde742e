"""Options of MLflow's command for serving, and a port that is taken."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.cli.conftest import Ran


@pytest.mark.parametrize("command", ["ui", "server"])
def test_a_port_that_is_taken_is_named_once(tracer_command: Callable[..., Ran], command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tracer_command(command, "--port", str(port))

    error = f"cannot listen on 127.0.0.1 port {port}: Address already in use; --port names another"
    assert done.err.strip() == f"Error: {error}"
