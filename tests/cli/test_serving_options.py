"""Options of MLflow's command for serving, and a port that is taken."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.cli.conftest import Ran


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("-m", "models:/x"), "the model's URI stands without an option here: tracer models serve models:/x"),
        (("models:/x", "--env-manager", "conda"), "a model is served in the Python that runs this command; leave"),
    ],
)
def test_an_option_of_mlflow_says_what_to_write(
    tracer_command: Callable[..., Ran], arguments: tuple[str, ...], error: str
) -> None:
    done = tracer_command("models", "serve", *arguments)

    assert done.code == 2
    assert error in done.err


def test_a_port_may_be_given_as_there(tracer_command: Callable[..., Ran]) -> None:
    done = tracer_command("models", "serve", "-p", "5002", "--env-manager", "local", "models:/x")

    assert "tracer.models.log_model" in done.err


@pytest.mark.parametrize("command", ["ui", "server"])
def test_a_port_that_is_taken_is_named_once(tracer_command: Callable[..., Ran], command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tracer_command(command, "--port", str(port))

    error = f"cannot listen on 127.0.0.1 port {port}: Address already in use; --port names another"
    assert done.err.strip() == f"Error: {error}"
