"""Addresses, tokens and numbers that cannot be: one line says what is wrong, wherever they were given."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

import tracer
from tests.cli.conftest import Ran, span
from tracer._catalog.catalog import MOST
from tracer._catalog.folder import FolderCatalog
from tracer.cli import projects
from tracer.server import ServerSettings, running_server

HUGE = "99999999999999999999"


def said(done: Ran) -> str:
    """What a command said that could not be done; the words that click puts before it are left out."""
    assert done.code in (1, 2)
    assert "Traceback" not in done.err
    return done.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://[::1", "a host in [ ] that is no address of IPv6"),
        ("http://a..b", "a host that cannot be, 'a..b'"),
        (f"http://{'a' * 80}", "a host that cannot be, 'aaaa"),
        ("http://ü..x", "a host that cannot be, 'ü..x'"),
        ("http://a b", "a host that cannot be, 'a b'"),
        ("http://h/ü", "a path with a sign that no URL has"),
        ("http://h:abc", "a port that is no number from 1 to 65535"),
        ("http://", "no host"),
    ],
)
def test_the_url_of_a_server(
    tracer_command: Callable[..., Ran], write: Callable[..., None], url: str, fault: str
) -> None:
    write(span("agent"))
    for command in (["list"], ["projects", "list"], ["policy", "list"], ["dataset", "list"]):
        assert f"store: got a URL with {fault}" in said(tracer_command(*command, "--store", url))
    assert f"got a URL with {fault}" in said(tracer_command("copy", url, "two.db"))
    assert f"got a URL with {fault}" in said(tracer_command("push", "tokens > 1", "--to", url))


def test_the_hosts_and_urls_of_a_server_that_starts(tracer_command: Callable[..., Ran], tmp_path: Path) -> None:
    at = ["--store", f"{tmp_path}/all/", "--port", "0"]
    oidc = ["server", *at, "--oidc-client", "x", "--oidc-role", "read:shop=@a.example", "--oidc-issuer"]

    for issuer in ("https://[::1", "https://h:abc", "https://a..b"):
        assert f"oidc issuer: got '{issuer}', which has a " in said(tracer_command(*oidc, issuer))
    again = tracer_command("ui", "--port", "0", "--try-again", "--try-endpoint", "http://a..b")
    assert "it has a host that cannot be, 'a..b'" in said(again)
    assert "cannot listen on 'ü..x': there can be no such host" in said(
        tracer_command("ui", "--port", "0", "--host", "ü..x", "--token", "x" * 20)
    )


@pytest.mark.parametrize("token", ["secret€", "sec\nret"])
def test_a_token_that_no_header_can_hold_is_not_shown(
    tracer_command: Callable[..., Ran], write: Callable[..., None], token: str
) -> None:
    write(span("agent"))
    done = tracer_command("push", "tokens > 1", "--to", "http://127.0.0.1:9", "--to-token", token)

    assert said(done) == "Error: token: it has a sign that no header can hold, expected ASCII in one line."
    with pytest.raises(tracer.errors.InvalidArgumentError, match="it has a sign that no header can hold") as refused:
        tracer.configure(token=token)
    assert "sec" not in str(refused.value)


def test_numbers_of_more_than_64_bits(tracer_command: Callable[..., Ran], tmp_path: Path) -> None:
    with contextlib.closing(FolderCatalog(tmp_path / "all")) as catalog:
        administrator = catalog.start()
    assert projects._MOST == MOST - 1
    with running_server(tmp_path / "all", ServerSettings(port=0, projects=True)) as url:
        tracer.configure(token=administrator)
        for store in (url, f"{tmp_path}/all"):
            for command in (["change", "default"], ["create", "shop"]):
                done = tracer_command("projects", *command, "--requests-a-minute", HUGE, "--store", store)
                assert f"'--requests-a-minute': {HUGE} is not in the range" in said(done)
            changed = tracer_command(
                "projects", "change", "default", "--bytes-a-minute", str(MOST - 1), "--store", store
            )
            assert changed.code == 0
    tracer_command("dataset", "create", "d")
    assert f"'--limit': {HUGE} is not in the range" in said(tracer_command("dataset", "show", "d", "--limit", HUGE))
