"""A real browser, the real server, and traces that tracer recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.waiting import PATIENCE, until
from tests.web.chromium import find_chromium
from tests.web.serving import TraceIds, record_stories, served
from tests.web.shop import Shop, open_shop

expect.set_options(timeout=PATIENCE * 1000)
ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
ARE_KEPT = bool(os.environ.get("TESTS_SCREENSHOTS"))
# a page that asks another host reaches none, and fails its test (Watched)
HERE_ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""


@pytest.fixture(scope="package", autouse=True)
def built() -> None:
    """The bundle is built from these sources and axe-core is installed, as both already are after `tests/run.py`."""
    for command in ("build", "install"):
        subprocess.run([sys.executable, str(ROOT / "web" / "bundle.py"), command], check=True)


@pytest.fixture(scope="package")
def recorded_stories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TraceIds]:
    """A store with every kind of trace, recorded once for all tests that only look."""
    store = tmp_path_factory.mktemp("stories") / "tracer.db"
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("TRACER_")}
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    try:
        return store, record_stories(f"sqlite:///{store}")
    finally:
        os.environ.update(kept)


@pytest.fixture(scope="package")
def trace_ids(recorded_stories: tuple[Path, TraceIds]) -> TraceIds:
    """The ids of these traces."""
    return recorded_stories[1]


@pytest.fixture(scope="package")
def address(recorded_stories: tuple[Path, TraceIds]) -> Iterator[str]:
    """The server over that store."""
    with served(recorded_stories[0]) as url:
        yield url


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Shop]]:
    """A server over a week of a shop, and ids of some of its traces."""
    store = tmp_path_factory.mktemp("week") / "shop" / "traces.db"
    ids = open_shop(store)
    with served(store) as url:
        yield url, ids


# closed before other folders' tests begin, which run event loops of their own
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium of the system."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium on this machine; `python tests/web/chromium.py` installs it")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu", HERE_ALONE])


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """Opens pages, and fails the test for what no page may do."""
    watching = Watched(browser)
    yield watching
    watching.close()


@pytest.fixture
def page(watched: Watched, address: str) -> Page:
    """A page at laptop size, on the server with the stories."""
    return watched.open(address)


class Watched:
    """Pages that may ask no other host, break no policy, open no dialog and raise no error."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._pages: list[Page] = []
        self.complaints: list[str] = []

    def open(self, base_url: str, *others: str, width: int = 1440, height: int = 900, **options: Any) -> Page:
        """A new page in a profile of its own; it may go to others, whose pages may ask for what they like."""
        context = self._browser.new_context(
            base_url=base_url, viewport={"width": width, "height": height}, locale="en-GB", timezone_id="UTC", **options
        )
        context.set_default_timeout(PATIENCE * 1000)
        context.add_init_script(WATCH)
        foreign = {urlsplit(url).netloc for url in others}
        context.on("request", lambda request: self._request(request, urlsplit(base_url).netloc, foreign))
        page = context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self._dialog(dialog))
        self._contexts.append(context)
        self._pages.append(page)
        return page

    def close(self) -> None:
        """Close all pages; raises AssertionError for what they did wrong."""
        for page in self._pages:
            self.complaints += page.evaluate("window.violations ?? []")
        for context in self._contexts:
            context.close()
        assert self.complaints == []

    # a route would see it too, but switches the browser's cache off: each page would load and compile all scripts anew
    def _request(self, request: Request, own: str, foreign: set[str]) -> None:
        there = urlsplit(request.url)
        if there.scheme not in ("http", "https", "ws") or there.netloc in {own, *foreign}:
            return
        if request.is_navigation_request() or urlsplit(request.frame.url).netloc not in foreign:
            self.complaints.append(f"asked another host: {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        # the browser reports every refused request; the tests that ask wrong things look at the answer themselves
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def shoot(page: Page, name: str) -> None:
    """Keep a screenshot for the review of a change, where TESTS_SCREENSHOTS is set."""
    if ARE_KEPT:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png")


ALL_RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CONTRAST = {"type": "rule", "values": ["color-contrast"]}


def axe(page: Page, rules: dict[str, Any] = ALL_RULES) -> list[str]:
    """What axe-core finds wrong on a page, but for trifles: rule, and where."""
    source = (ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(source)
    # no rule of these reads the style sheets, which axe would fetch and parse for itself
    options = {"runOnly": rules, "resultTypes": ["violations"], "preload": {"assets": ["media"]}}
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {json.dumps([node['html'][:160] for node in violation['nodes'][:4]])}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical", "moderate")
    ]


def copied_text(page: Page, telling: str) -> str:
    """The text on the clipboard, once what was copied last is there: until then it is that of an earlier copy."""
    read = "navigator.clipboard.readText()"
    assert until(lambda: telling in page.evaluate(read)), f"{telling!r} is not in {page.evaluate(read)!r}"
    return str(page.evaluate(read))
