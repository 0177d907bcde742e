"""Signing in to the page at an OpenID Connect provider, a real one on loopback."""

from __future__ import annotations

import contextlib
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.web.conftest import ALL_RULES, Watched, axe
from tracer._catalog.folder import FolderCatalog
from tracer.server import ServerSettings, running_server
from tracer.server.oidc.rules import Oidc

pytest.importorskip("authlib", reason="the extra oidc has it")
provider_mock = pytest.importorskip("oidc_provider_mock", reason="the extra dev has it")

pytestmark = [pytest.mark.no_store, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def test_a_person_signs_in_with_the_button_and_out_again(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the provider speaks HTTP
    with (
        contextlib.closing(FolderCatalog(tmp_path / "all")) as catalog,
        provider_mock.run_server_in_thread() as provider,
    ):
        catalog.start()
        issuer = f"http://localhost:{provider.server_port}"
        people = Oidc(issuer, "tracer", "a secret", ("read:default=ann@shop.example",))
        for email in ("ann@shop.example", "bob@shop.example"):
            known = {"email": email, "email_verified": True}
            httpx.put(f"{issuer}/users/{email}", json=known).raise_for_status()
        with running_server(tmp_path / "all", ServerSettings(port=0, projects=True, oidc=people)) as url:
            page = watched.open(url, issuer)
            button = page.get_by_role("link", name=f"Sign in with localhost:{provider.server_port}")

            page.goto("/sessions")
            expect(button).to_be_visible()
            assert axe(page, ALL_RULES) == []
            button.click()
            page.get_by_placeholder("sub").fill("bob@shop.example")
            page.get_by_role("button", name="Authorize").click()
            expect(page.get_by_role("alert")).to_contain_text("Nothing on this server is open to your account")
            assert "#" not in page.url

            page.goto("/sessions")
            button.focus()
            page.keyboard.press("Enter")
            page.get_by_placeholder("sub").fill("ann@shop.example")
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", level=1, name="Sessions")).to_be_visible()
            assert page.url == f"{url}/sessions"

            page.get_by_role("button", name="Sign out").click()
            expect(button).to_be_visible()
            assert [key.name for key in catalog.keys(None)] == ["first administrator"]
