"""Alerts in the page: which rules hold, what was told, what went wrong, and a trial of a channel."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.server.conftest import span
from tests.server.test_alerts import Hook
from tests.web.conftest import ALL_RULES, Watched, axe, shoot
from tracer._catalog.folder import FolderCatalog
from tracer.server import ServerSettings, running_server
from tracer.server.alerts import watching
from tracer.store import open_store

pytestmark = pytest.mark.no_store

RULES = """
[[rule]]
name = "Many errors"
filter = "status = 'ERROR'"
when = "errors > 5 %"
window = "10m"
{project}

[[rule]]
name = "Spending"
when = "cost > 20 USD"
window = "today"
{project}

[channels.team]
slack = {url}
"""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    monkeypatch.setattr(watching, "_EVERY_SECONDS", 0.05)
    made = Hook()
    yield made
    made.close()


def rules(folder: Path, hook: Hook, project: str = "") -> str:
    file = folder / "alerts.toml"
    file.write_text(RULES.format(project=project, url=json.dumps(hook.url)))
    return str(file)


@pytest.fixture
def failing(tmp_path: Path, hook: Hook) -> Iterator[str]:
    """A server of a store with a trace that failed just now, which is told."""
    store_url = f"sqlite:///{tmp_path}/traces.db"
    with contextlib.closing(open_store(store_url)) as store:
        now = time.time_ns()
        line = json.dumps(span(start=now - 10**9, end=now, status="ERROR")).encode()
        store.append([line], owner="1-test")
    with running_server(store_url, ServerSettings(port=0, alerts=rules(tmp_path, hook))) as url:
        yield url


def opened(watched: Watched, url: str, **options: object) -> Page:
    page = watched.open(url, **options)  # type: ignore[arg-type]
    page.goto("/traces")
    page.get_by_role("link", name="Alerts", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Alerts")).to_be_visible()
    return page


def test_it_is_seen_which_rules_hold_and_a_channel_is_tried(watched: Watched, failing: str, hook: Hook) -> None:
    page = opened(watched, failing)

    row = page.get_by_role("row", name="Many errors")
    expect(row).to_contain_text("holds, began")
    expect(row).to_contain_text("100 %")
    expect(page.get_by_role("row", name="Spending")).to_contain_text("does not hold")
    page.get_by_role("button", name="Send a trial to team").press("Enter")
    expect(page.get_by_text("took the trial")).to_be_visible()
    assert hook.got[-1] == {"text": "A trial: alerts of tracer arrive here"}

    hook.status = 500
    page.get_by_role("button", name="Send a trial to team").click()
    expect(page.get_by_text("did not take it: status 500")).to_be_visible()
    expect(page.get_by_role("row", name="team slack")).to_contain_text("status 500, ")
    row.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/traces\?filter=status"))


def test_who_only_reads_sees_the_rules_of_the_project_and_tries_nothing(
    watched: Watched, tmp_path: Path, hook: Hook
) -> None:
    with contextlib.closing(FolderCatalog(tmp_path / "all")) as catalog:
        catalog.start()
        catalog.create_project("shop", by="a test")
        seen, unseen = (catalog.create_key("ann", each, ["read"], by="a test")[1] for each in ("shop", "default"))
        settings = ServerSettings(port=0, projects=True, alerts=rules(tmp_path, hook, 'project = "shop"'))
        with running_server(tmp_path / "all", settings) as url:
            for key, sign in ((seen, "Many errors"), (unseen, "No rule is about this project")):
                page = watched.open(url)
                page.goto("/alerts")
                page.get_by_label("Token").fill(key)
                page.get_by_role("button", name="Sign in").click()
                expect(page.get_by_text(sign)).to_be_visible()
                expect(page.get_by_role("button", name="Send a trial")).to_have_count(0)


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_the_alerts_are_accessible(watched: Watched, failing: str, hook: Hook, theme: str, width: int) -> None:
    page = opened(watched, failing, width=width, height=900, color_scheme=theme)
    expect(page.get_by_role("row", name="Many errors")).to_contain_text("holds, began")
    hook.status = 500
    page.get_by_role("button", name="Send a trial to team").click()
    expect(page.get_by_text("did not take it")).to_be_visible()
    shoot(page, f"alerts-{theme}-{width}")

    assert axe(page, ALL_RULES) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_a_server_that_is_away_is_told(watched: Watched, failing: str) -> None:
    page = watched.open(failing)
    problem = {"status": 503, "json": {"error": {"code": "store_unavailable", "message": "the disk is full"}}}
    page.route("**/api/v1/alerts", lambda route: route.fulfill(**problem))
    page.goto("/alerts")

    expect(page.get_by_role("alert")).to_contain_text("the disk is full")
