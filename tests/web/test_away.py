"""A server that goes away, comes back, is updated, or comes back with another store."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

import tracer
from tests.web.conftest import Watched
from tests.web.serving import served

pytestmark = pytest.mark.no_store


class Restarted:
    """A server that is stopped, and started again at the same port."""

    def __init__(self, store: Path) -> None:
        self._running: AbstractContextManager[str] = served(store)
        self.url = self._running.__enter__()

    def stop(self) -> None:
        self._running.__exit__(None, None, None)

    def start(self, store: Path) -> None:
        self._running = served(store, "--port", str(urlsplit(self.url).port))
        self._running.__enter__()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A small store with a session and a version."""
    file = tmp_path / "first" / "tracer.db"
    file.parent.mkdir()
    recorded(file, "first trace")
    return file


def recorded(file: Path, name: str) -> None:
    tracer.configure(store=f"sqlite:///{file}")
    with tracer.start_span(name):
        tracer.update_current_trace(session_id="chat-1", model_id="app-v1")
    tracer.reset()


def test_a_page_that_is_opened_while_the_server_is_away_comes_once_it_is_back(watched: Watched, store: Path) -> None:
    server = Restarted(store)
    page = watched.open(server.url)
    page.goto("/traces")
    expect(page.get_by_role("gridcell").first).to_be_visible()
    server.stop()
    page.get_by_role("link", name="Sessions").click()

    expect(page.get_by_role("alert")).to_contain_text("The server does not answer. It is asked again every few seconds")
    page.get_by_role("link", name="Traces", exact=True).click()
    page.get_by_role("link", name="Sessions").click()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    server.start(store)
    expect(page.get_by_role("link", name="chat-1")).to_be_visible()
    page.get_by_role("link", name="Versions").click()
    expect(page.get_by_role("heading", level=1, name="Versions")).to_be_visible()
    server.stop()


@pytest.mark.parametrize("name", ["Sessions", "Prompts", "Review"])
def test_what_was_asked_in_vain_is_asked_again(page: Page, name: str) -> None:
    page.goto("/traces")
    expect(page.get_by_role("gridcell").first).to_be_visible()
    page.route("**/api/v1/**", lambda route: route.abort())
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    page.unroute_all()

    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_page_of_an_older_build_is_loaded_anew_once(page: Page) -> None:
    missing = [1]

    def answer(route: Route) -> None:
        if missing:
            missing.pop()
            route.fulfill(status=404, body="")
        else:
            route.continue_()

    page.route("**/assets/SessionsPage-*", answer)
    page.goto("/traces")
    page.evaluate("window.isOld = true")
    page.get_by_role("link", name="Sessions").click()

    expect(page.get_by_role("link", name="chat-1")).to_be_visible()
    assert page.evaluate("window.isOld") is None


def test_a_page_whose_file_is_missing_says_so_and_leaves_the_others(page: Page) -> None:
    page.route("**/assets/SessionsPage-*", lambda route: route.fulfill(status=404, body=""))
    page.goto("/traces")
    page.get_by_role("link", name="Sessions").click()

    expect(page.get_by_role("alert")).to_contain_text("has no file for this page (sessions)")
    page.get_by_role("link", name="Versions").click()
    expect(page.get_by_role("heading", level=1, name="Versions")).to_be_visible()
    page.get_by_role("link", name="Sessions").click()
    expect(page.get_by_role("alert")).to_contain_text("has no file for this page (sessions)")


@pytest.mark.parametrize(
    ("is_replaced", "is_heard"),
    [(False, True), (True, True), (True, False)],
    ids=["another-store", "a-new-file-of-the-same-name", "a-new-file-before-anything-was-heard"],
)
def test_a_server_that_is_back_with_another_store_shows_that_one(
    watched: Watched, store: Path, tmp_path: Path, is_replaced: bool, is_heard: bool
) -> None:
    for _ in range(3):  # the change number of the other store is smaller
        recorded(store, "first trace")
    other = tmp_path / "second" / "tracer.db"
    other.parent.mkdir()
    recorded(other, "second trace")
    server = Restarted(store)
    page = watched.open(server.url)
    if not is_heard:
        page.route("**/api/v1/events", lambda route: route.abort())
        page.goto("/traces")
    else:
        with page.expect_response("**/api/v1/events"):
            page.goto("/traces")
    expect(page.get_by_role("link", name="first trace").first).to_be_visible()
    server.stop()
    page.unroute_all()
    if is_replaced:
        shutil.rmtree(store.parent)
        shutil.move(other.parent, store.parent)
        other = store
    server.start(other)

    expect(page.get_by_role("link", name="second trace")).to_be_visible()
    expect(page.get_by_role("link", name="first trace")).to_have_count(0)
    expect(page.locator("header.top")).to_contain_text("/".join(other.parts[-2:]))
    server.stop()
