"""The pages of registered prompts: the list, versions, differences, aliases, new versions, and links to traces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import tracer
from tests.web.conftest import Watched, axe, shoot
from tests.web.serving import served

pytestmark = pytest.mark.no_store

FIRST = "Answer briefly: {{question}}"
SECOND = [
    {"role": "system", "content": "You are a patient assistant of a tram company. Answer in {{language}}."},
    {"role": "user", "content": "{{question}}"},
]
THIRD = [
    {"role": "system", "content": "You are a terse assistant of a tram company. Answer in {{language}}."},
    {"role": "user", "content": "{{question}}"},
]


def fill(store: Path) -> str:
    """Two prompts with versions and aliases, and a trace that used one; the trace's id."""
    tracer.configure(store=store)
    tracer.register_prompt("answer", FIRST, commit_message="the first one")
    tracer.register_prompt("answer", SECOND, commit_message="as a chat, with a language")
    tracer.register_prompt("answer", THIRD, commit_message="shorter answers", tags={"team": "support"})
    tracer.register_prompt("summary_of%", "Sum up {{text}}")
    tracer.set_prompt_alias("answer", "production", 2)

    @tracer.trace
    def ask(question: str) -> str:
        tracer.load_prompt("answer@production").format(question=question, language="French")
        return "Oui."

    ask("Is there a tram at night?")
    trace_id = tracer.get_last_active_trace_id()
    tracer.reset()
    assert trace_id is not None
    return trace_id


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server for tests that only look, and the id of the trace."""
    store = tmp_path_factory.mktemp("prompts") / "tracer.db"
    trace_id = fill(store)
    with served(store) as url:
        yield url, trace_id


@pytest.fixture
def own(watched: Watched, tmp_path: Path) -> Iterator[Page]:
    """A page on a store that a test may change."""
    fill(tmp_path / "tracer.db")
    with served(tmp_path / "tracer.db") as url:
        yield watched.open(url)


def test_the_list_tells_versions_aliases_and_traces(watched: Watched, looked_at: tuple[str, str]) -> None:
    page = watched.open(looked_at[0])
    page.goto("/prompts")
    row = page.get_by_role("row").filter(has_text="shorter answers")

    expect(page.get_by_role("row")).to_have_count(3)
    expect(row.get_by_role("cell").nth(1)).to_have_text("3")
    expect(row).to_contain_text("production 2")
    expect(row).to_contain_text("team: support")
    row.get_by_role("link", name="1 trace that used answer").click()
    expect(page.get_by_role("status").filter(has_text="trace")).to_have_text("1 trace")


def test_prompts_are_found_and_opened_by_keyboard(watched: Watched, looked_at: tuple[str, str]) -> None:
    page = watched.open(looked_at[0])
    page.goto("/prompts")
    expect(page.get_by_role("link", name="summary_of%")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("PRODUC")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="answer", exact=True).press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("answer")
    expect(page.get_by_role("article", name="Version 3")).to_contain_text("You are a terse assistant")
    expect(page.locator(".variable").first).to_have_text("{{language}}")
    shoot(page, "prompt")


def test_two_versions_differ_word_by_word(watched: Watched, looked_at: tuple[str, str]) -> None:
    page = watched.open(looked_at[0])
    page.goto("/prompts/answer?version=3")
    page.get_by_label("Compare with").select_option("2")

    expect(page.locator(".words del")).to_have_text(["patient"])
    expect(page.locator(".words ins")).to_have_text(["terse"])
    assert "against=2" in page.url
    shoot(page, "prompt-difference")
    page.get_by_label("Compare with").select_option("1")
    expect(page.locator(".words del").first).to_have_text("briefly:")


def test_a_trace_leads_to_the_version_that_it_used_and_back(watched: Watched, looked_at: tuple[str, str]) -> None:
    page = watched.open(looked_at[0])
    page.goto(f"/traces/{looked_at[1]}")
    page.get_by_role("link", name="prompt answer/2").click()
    expect(page.get_by_role("article", name="Version 2")).to_be_visible()
    page.get_by_role("link", name="1 trace used it").click()

    expect(page.get_by_role("status").filter(has_text="trace")).to_have_text("1 trace")


def test_an_alias_is_moved_and_taken_away(own: Page) -> None:
    own.goto("/prompts/answer?version=3")
    box = own.get_by_label("New alias")
    box.fill("production")
    own.get_by_role("button", name="Move from version 2").click()
    expect(own.get_by_role("button", name="Take the alias production away")).to_be_visible()
    box.fill("latest")
    box.press("Enter")
    expect(own.get_by_role("alert")).to_contain_text("always is the newest version")
    own.get_by_role("button", name="Take the alias production away").click()

    expect(own.get_by_role("button", name="Take the alias production away")).to_have_count(0)


def test_a_new_version_is_written_in_the_page(own: Page) -> None:
    own.goto("/prompts/answer?version=3")
    own.get_by_role("button", name="New version").click()
    expect(own.get_by_role("button", name="Save version")).to_be_disabled()
    own.get_by_label("Text of message 1").fill("You are a {{mood}} assistant.")
    own.get_by_label("What has changed").fill("moods")
    shoot(own, "prompt-new-version")
    own.get_by_label("What has changed").press("Enter")

    version = own.get_by_role("article", name="Version 4")
    expect(version).to_contain_text("You are a {{mood}} assistant.")
    expect(version).to_contain_text("moods")
    expect(own.get_by_role("navigation", name="Versions").get_by_role("link")).to_have_count(4)


def test_a_new_prompt_is_written_in_the_page_and_a_secret_refused(own: Page) -> None:
    own.goto("/prompts")
    own.get_by_role("button", name="New prompt").click()
    own.keyboard.type("greeting")
    own.get_by_label("Template").last.fill("Use sk-proj-" + "abcdefghijklmnopqrstuvwxyz0123456789ABCD")
    own.get_by_role("button", name="Save prompt").click()
    expect(own.get_by_role("alert")).to_contain_text("looks like a secret")
    own.get_by_label("Template").last.fill("Greet {{name}}")
    own.get_by_role("button", name="Save prompt").click()

    expect(own.get_by_role("article", name="Version 1")).to_contain_text("Greet {{name}}")


def test_empty_unknown_large_and_away(watched: Watched, tmp_path: Path) -> None:
    store = tmp_path / "tracer.db"
    with served(store) as url:
        page = watched.open(url)
        page.goto("/prompts")
        expect(page.get_by_role("heading", name="No prompts yet")).to_be_visible()
        page.goto("/prompts/none")
        expect(page.get_by_role("heading", name="There is no such prompt")).to_be_visible()

        tracer.configure(store=store)
        for number in range(130):
            tracer.register_prompt("many", f"{number} " + "word " * (20_000 if number == 129 else 1))
        tracer.reset()
        page.goto("/prompts/many")
        expect(page.get_by_role("navigation", name="Versions").get_by_role("link")).to_have_count(50)
        page.get_by_role("button", name="Show 80 older").click()
        expect(page.get_by_role("navigation", name="Versions").get_by_role("link")).to_have_count(130)
    page.get_by_label("New alias").fill("gone")
    page.get_by_label("New alias").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    page.get_by_role("link", name="All prompts").click()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")


@pytest.mark.parametrize(
    ("theme", "width"), [("light", 1440), ("dark", 1440), ("dark", 390)], ids=["light", "dark", "phone"]
)
def test_the_pages_are_accessible(watched: Watched, looked_at: tuple[str, str], theme: str, width: int) -> None:
    page = watched.open(looked_at[0], width=width, height=900, color_scheme=theme)
    found: list[str] = []
    for name, path, sign in (
        ("prompts", "/prompts", "text=summary_of%"),
        ("new-prompt", "/prompts?new=1", "text=Save prompt"),
        ("prompt", "/prompts/answer", "text=terse"),
        ("difference", "/prompts/answer?version=3&against=2", ".words del"),
        ("new-version", "/prompts/answer?new=1", "text=Save version"),
    ):
        page.goto(path)
        page.wait_for_selector(sign)
        shoot(page, f"prompts-{name}-{theme}-{width}")
        found += [f"{name}: {problem}" for problem in axe(page)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{name}: wider than the screen")
    assert not found, "\n".join(found)
