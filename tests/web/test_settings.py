"""Projects and keys in the page of a server of projects: made, shown once, revoked, by administrators alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import ALL_RULES, Watched, axe, shoot
from tracer._catalog.folder import FolderCatalog
from tracer.server import ServerSettings, running_server

pytestmark = pytest.mark.no_store


class Place(NamedTuple):
    """A server of projects, and the key of its administrator."""

    url: str
    administrator: str
    catalog: FolderCatalog


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with contextlib.closing(FolderCatalog(tmp_path / "all")) as catalog:
        key = catalog.start()
        assert key is not None
        with running_server(tmp_path / "all", ServerSettings(port=0, projects=True)) as url:
            yield Place(url, key, catalog)


def opened(watched: Watched, place: Place, key: str, **options: object) -> Page:
    """The settings, signed in with a key."""
    page = watched.open(place.url, **options)  # type: ignore[arg-type]
    page.goto("/settings")
    page.get_by_label("Token").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    return page


def may_read(place: Place, key: str) -> bool:
    answer = httpx.get(f"{place.url}/api/v1/traces", headers={"Authorization": f"Bearer {key}"})
    return answer.status_code == 200


def test_an_administrator_makes_a_project_and_a_key_and_revokes_it(watched: Watched, place: Place) -> None:
    page = opened(watched, place, place.administrator)
    page.get_by_role("button", name="New project").click()
    page.keyboard.type("shop")
    page.keyboard.press("Enter")
    expect(page.get_by_role("cell", name="shop", exact=True)).to_be_visible()

    page.get_by_role("button", name="New key").click()
    page.keyboard.type("ann")
    page.get_by_role("combobox").select_option("shop")
    page.get_by_label("read see everything").check()
    page.keyboard.press("Enter")
    shown = page.locator(".shown-once .mono")
    secret = shown.inner_text().strip()
    assert may_read(place, secret)
    shoot(page, "settings-light-laptop")
    page.get_by_role("button", name="Done").click()
    expect(shown).to_have_count(0)
    assert secret not in page.content()

    page.get_by_role("button", name="Revoke ann").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("row", name="ann k-")).to_contain_text("revoked")
    expect(page.get_by_text("revoked the key")).to_be_visible()
    assert not may_read(place, secret)

    page.get_by_role("button", name="Delete shop").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Delete shop")).to_have_count(0)
    assert [project.name for project in place.catalog.projects()] == ["default"]


def test_what_is_wrong_is_told_where_it_was_asked(watched: Watched, place: Place) -> None:
    page = opened(watched, place, place.administrator)
    page.get_by_role("button", name="New project").click()
    page.keyboard.type("Shop")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("small letters")

    page.get_by_role("button", name="Revoke first administrator").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("dialog")).to_contain_text("nobody would be administrator")


def test_others_than_administrators_see_no_settings(watched: Watched, place: Place) -> None:
    _, key = place.catalog.create_key("bob", "default", ["read"], by="a test")
    page = opened(watched, place, key)

    expect(page.get_by_text("for administrators")).to_be_visible()
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)


def test_a_key_that_only_sends_is_told_so_at_the_sign_in(watched: Watched, place: Place) -> None:
    _, key = place.catalog.create_key("bot", "default", ["write"], by="a test")
    page = watched.open(place.url)
    page.goto("/traces")
    page.get_by_label("Token").fill(key)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_contain_text("role read")


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_the_settings_are_accessible(watched: Watched, place: Place, theme: str, width: int) -> None:
    place.catalog.create_project("a-shop-with-a-long-name", by="a test", bytes_a_minute=50_000_000)
    for name in ("ann", "the program that takes orders, on both machines"):
        place.catalog.create_key(name, "a-shop-with-a-long-name", ["write", "read"], by="a test")
    page = opened(watched, place, place.administrator, width=width, height=900, color_scheme=theme)
    page.get_by_role("button", name="New key").click()
    page.get_by_role("button", name="New project").click()
    page.wait_for_selector("text=made the key")
    shoot(page, f"settings-{theme}-{width}")

    assert axe(page, ALL_RULES) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
