"""Evaluations and the page of a version: the list, rows and scores, two runs compared, what a version is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from playwright.sync_api import Locator, Page, expect

import tracer
from tests.waiting import until
from tests.web.conftest import ALL_RULES, Watched, axe, shoot
from tests.web.serving import served
from tracer.models import log_model
from tracer.store import open_store

pytestmark = pytest.mark.no_store
COUNTRIES = ("France", "Peru", "Mali", "Chad", "Laos", "Cuba")
START = 1_790_000_000_000_000_000
MANY, SCORERS = 450, 12


class Ids(NamedTuple):
    """Runs and versions of the store."""

    before: str
    after: str
    large: str
    version: str


@tracer.scorer
def is_loud(outputs: str) -> bool:
    return outputs.isupper()


@tracer.scorer
def length(outputs: str) -> dict[str, Any]:
    return {"value": len(outputs), "rationale": f"It has **{len(outputs)}** letters."}


@tracer.scorer
def tone(outputs: str) -> str:
    if outputs.startswith("M"):
        raise ValueError("no tone was heard")
    return "shouted" if outputs.isupper() else "said"


@tracer.trace
def loud(country: str) -> str:
    return country.upper()


@tracer.trace
def tired(country: str) -> str:
    if country == "Peru":
        raise TimeoutError("no answer in 5 s")
    return country.lower() if country in ("Chad", "Laos") else country.upper()


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ids]:
    """A store with two small evaluations, a large one, and a version that was logged."""
    file = tmp_path_factory.mktemp("evaluations") / "tracer.db"
    tracer.configure(store=f"sqlite:///{file}")
    try:
        model = log_model(
            "shop-v2", tired, input_example="Togo", model_config={"retries": 3}, params={"temperature": "0.2"},
            tags={
                "git.commit": "9f3c2a1b7d", "git.branch": "main", "git.dirty": "true",
                "git.repository": "git@github.com:shop/agent.git", "team": "search",
            },
            registered_model_name="shop",
        )  # fmt: skip
        tracer.set_registered_model_alias("shop", "champion", 1)
        rows = [{"inputs": {"country": each}, "expectations": {"capital": each[::-1]}} for each in COUNTRIES]
        scorers = [is_loud, length, tone]
        before = tracer.genai.evaluate(rows[:5], loud, scorers, run_name="nightly one", workers=1)
        capitals = tracer.genai.create_dataset("capitals")
        capitals.merge_records(rows[1:])
        after = tracer.genai.evaluate(
            capitals, tired, scorers, run_name="nightly two", workers=1, model_id=model.model_id
        )
        tracer.flush()
    finally:
        tracer.reset()
    store = open_store(f"sqlite:///{file}")
    store.append(large_run())
    store.close()
    return file, Ids(before.run_id, after.run_id, "large", model.model_id)


def large_run() -> list[bytes]:
    """Records of an evaluation of many rows and scorers, older than the others."""
    records: list[dict[str, Any]] = [
        {
            "kind": "run", "run_id": "large", "time": START, "name": "large", "started": START, "status": "FINISHED",
            "metrics": {"rows": MANY, "error_share": 0},
        }
    ]  # fmt: skip
    for number in range(MANY):
        trace_id, start = f"{number:032x}", START + number * 1_000_000
        question = {"tracer.inputs": {"question": f"Question {number}?"}, "tracer.outputs": "Yes."}
        records += [
            {
                "kind": "span", "trace_id": trace_id, "span_id": f"{number:016x}", "name": "answer", "type": "CHAIN",
                "start": start, "end": start + 5_000_000, "status": "UNSET", "json": question,
            },
            {
                "kind": "trace", "trace_id": trace_id, "time": start, "run_id": "large",
                "metadata": {"tracer.evaluation.row": f"row{number}"},
            },
            *(
                {
                    "kind": "assessment", "id": f"{number}-{scorer}", "trace_id": trace_id, "name": f"score {scorer}",
                    "type": "feedback", "value": (number * 7 + scorer) % 100 / 100, "time": start,
                    "metadata": {"tracer.evaluation.run": "large"},
                }
                for scorer in range(SCORERS)
            ),
        ]  # fmt: skip
    return [orjson.dumps(record) for record in records]


@pytest.fixture(scope="module")
def ids(evaluated: tuple[Path, Ids]) -> Ids:
    """The runs and versions."""
    return evaluated[1]


@pytest.fixture(scope="module")
def runs_address(evaluated: tuple[Path, Ids]) -> Iterator[str]:
    """The server over that store."""
    with served(evaluated[0]) as url:
        yield url


@pytest.fixture
def page(watched: Watched, runs_address: str) -> Page:
    """A page at laptop size, on this server."""
    return watched.open(runs_address)


def inputs(page: Page) -> list[str]:
    return page.get_by_role("grid", name="Rows").locator("a").all_inner_texts()


def cell(row: Locator, column: int) -> Locator:
    return row.get_by_role("gridcell").nth(column)


def test_evaluations_are_listed_searched_and_filtered(page: Page) -> None:
    page.goto("/evaluations")
    rows = page.locator("tbody tr")

    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("nightly two")
    expect(rows.first).to_contain_text("shop-v2")
    expect(rows.first).to_contain_text("1 failed")
    expect(rows.nth(1)).to_contain_text("1.000")
    expect(rows.nth(1)).to_contain_text("4 texts")
    box = page.get_by_label("Search and filter evaluations")
    box.fill("SHOP-v2")
    expect(rows).to_have_count(1)
    box.fill("metrics.rows > 100")
    expect(rows).to_contain_text(["large"])
    box.fill("metrics.rows >")
    expect(page.get_by_role("alert")).to_be_visible()
    box.fill("nothing like it")
    expect(page.get_by_role("heading", name="No evaluation fits")).to_be_visible()


def test_the_dataset_of_a_run_is_a_link_to_its_page(page: Page, ids: Ids) -> None:
    page.goto(f"/evaluations/{ids.after}")
    expect(page.get_by_role("columnheader", name="Expected")).to_be_visible()
    page.get_by_role("link", name="capitals").click()
    expect(page.get_by_role("heading", level=1, name="capitals")).to_be_visible()
    page.goto("/evaluations")
    page.get_by_role("link", name="capitals").click()

    expect(page.get_by_role("heading", level=1, name="capitals")).to_be_visible()


def test_two_runs_are_marked_and_compared_by_keys(page: Page, ids: Ids) -> None:
    page.goto("/evaluations")
    expect(page.locator("tbody tr")).to_have_count(3)
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    page.get_by_role("link", name="Compare").click()

    expect(page).to_have_url(f"{page.url.partition('/evaluations')[0]}/evaluations/{ids.after}?base={ids.before}")
    expect(page.get_by_role("heading", level=1)).to_have_text("nightly two")


def test_rows_are_read_by_keys_with_the_reasons_of_their_scores(page: Page, ids: Ids) -> None:
    page.goto("/evaluations")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(6)
    assert inputs(page) == ["Peru", "Mali", "Chad", "Laos", "Cuba"]
    page.keyboard.press("j")
    page.keyboard.press("j")

    panel = page.get_by_role("complementary", name="Row")
    expect(panel).to_contain_text("no tone was heard")
    expect(panel.locator("strong")).to_have_text("4")
    expect(panel).to_contain_text("ilaM")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.keyboard.press("j")
    expect(panel).to_contain_text("TimeoutError: no answer in 5 s")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{page.url.partition('/traces')[0]}/traces/{page.url.rpartition('/')[2]}")
    expect(page.get_by_role("treeitem").first).to_be_visible()
    page.get_by_role("link", name="run nightly two").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("nightly two")


def test_rows_are_sorted_filtered_and_failing_ones_come_first(page: Page, ids: Ids) -> None:
    page.goto(f"/evaluations/{ids.after}")
    grid = page.get_by_role("grid", name="Rows")
    expect(grid.get_by_role("row")).to_have_count(6)

    page.get_by_role("button", name="Failing first").click()
    expect(grid.locator("a").first).to_have_text("Peru")
    page.get_by_role("button", name="Failing 4").click()
    expect(grid.get_by_role("row")).to_have_count(5)
    page.get_by_role("button", name="All 5").click()
    page.get_by_role("button", name="tone", exact=True).click()
    expect(grid.get_by_role("columnheader", name="tone")).to_have_attribute("aria-sort", "ascending")
    expect(grid.locator("a").first).to_have_text("Chad")
    page.get_by_role("button", name="tone", exact=True).click()
    expect(grid.locator("a").first).to_have_text("Cuba")
    box = page.get_by_label("Search and filter rows")
    box.fill("feedback.is_loud = false")
    box.press("Enter")
    expect(grid.get_by_role("row")).to_have_count(3)
    page.reload()

    expect(grid.get_by_role("row")).to_have_count(3)
    expect(page.get_by_label("Search and filter rows")).to_have_value("feedback.is_loud = false")
    box.fill("name = 'nobody'")
    box.press("Enter")
    page.get_by_role("button", name="Show all rows").click()
    expect(grid.get_by_role("row")).to_have_count(6)


def test_a_run_is_compared_with_another_and_what_got_worse_comes_first(page: Page, ids: Ids) -> None:
    page.goto(f"/evaluations/{ids.after}")
    page.get_by_label("Compare with").select_option(ids.before)
    grid = page.get_by_role("grid", name="Rows")

    expect(page.locator(".compared")).to_contain_text("Against nightly one")
    expect(page.locator(".compared")).to_contain_text("4 rows in both, 1 only here, 1 only there")
    expect(grid.locator("a").first).to_have_text("Peru")
    head = grid.get_by_role("columnheader", name="is_loud")
    expect(head).to_contain_text("(may be chance)")
    expect(head).to_contain_text("p 0.25")
    chad = grid.get_by_role("row", name="Chad")
    expect(cell(chad, 3)).to_have_text("yes → became no")
    page.get_by_role("button", name="In one only 2").click()
    expect(grid.locator("a")).to_have_text(["Cuba", "France"])
    page.get_by_role("button", name="Worse 3").click()
    expect(grid.get_by_role("row")).to_have_count(4)
    chad.click()
    panel = page.get_by_role("complementary", name="Row")
    expect(panel).to_contain_text("Answer of nightly one")
    page.go_back()
    page.go_back()
    expect(page.get_by_role("button", name="All 5")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("row", name="Chad").click()
    panel.get_by_role("link", name="Both traces").click()
    expect(page.get_by_role("listbox", name="Steps")).to_be_visible()


def test_a_large_run_has_few_nodes_and_loads_as_it_is_scrolled(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/evaluations/large")
    grid = page.get_by_role("grid", name="Rows")
    expect(grid.get_by_role("row").nth(5)).to_be_visible()

    assert page.evaluate("document.querySelectorAll('*').length") < 3000
    expect(grid.get_by_role("columnheader", name="Answer")).to_be_visible()
    expect(grid.get_by_role("columnheader", name="Expected")).to_have_count(0)  # of none of its rows
    assert grid.get_attribute("aria-rowcount") == str(MANY + 1)
    heads = grid.get_by_role("columnheader").filter(has_text="score").locator("button")
    assert [word.strip() for word in heads.all_inner_texts()] == [f"score {number}" for number in range(SCORERS)]
    assert len([url for url in asked if "/api/v1/evaluations/large" in url]) <= 2
    last = grid.get_by_role("link", name=f"Question {MANY - 1}?")
    assert until(lambda: page.keyboard.press("PageDown") or last.is_visible())
    assert page.evaluate("document.querySelectorAll('*').length") < 3000


def test_an_evaluation_that_is_gone_and_a_server_that_is_away_are_told(page: Page, ids: Ids) -> None:
    page.goto("/evaluations/none")
    expect(page.get_by_role("heading", name="This evaluation cannot be shown")).to_be_visible()
    page.route("**/api/v1/evaluations*", lambda route: route.abort())
    page.route("**/api/v1/evaluations/**", lambda route: route.abort())
    page.goto(f"/evaluations/{ids.after}")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    page.goto("/evaluations")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()

    expect(page.locator("tbody tr")).to_have_count(3)


def test_a_version_has_a_page_with_what_it_is_and_what_came_of_it(page: Page, ids: Ids) -> None:
    page.goto("/versions")
    page.get_by_role("link", name="shop-v2", exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_have_text("shop-v2")
    commit = page.get_by_role("link", name="9f3c2a1b7d")
    expect(commit).to_have_attribute("href", "https://github.com/shop/agent/commit/9f3c2a1b7d")
    facts = page.locator(".version-facts")
    for said in ("on main", "with changes", "shop/1", "@champion"):
        expect(facts).to_contain_text(said)
    for part, said in (
        ("Traces", "Feedback: length"),
        ("Params", "temperature"),
        ("Tags", "team"),
        ("Metrics", "length/mean"),
        ("Config", "retries"),
        ("Input example", "Togo"),
    ):
        expect(page.get_by_role("region", name=part, exact=True)).to_contain_text(said)
    page.get_by_role("region", name="Evaluations").get_by_role("link", name="nightly two").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("nightly two")
    page.get_by_role("link", name="shop-v2").click()
    page.get_by_role("link", name="5 traces").click()
    expect(page.get_by_role("row")).to_have_count(6)
    page.get_by_role("row").nth(1).click()
    page.get_by_role("link", name="version shop-v2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("shop-v2")


def test_a_version_is_deleted_after_it_was_asked_for(watched: Watched, tmp_path: Path) -> None:
    file = tmp_path / "tracer.db"
    tracer.configure(store=f"sqlite:///{file}")
    version = tracer.create_external_model("shop-v1", params={"llm": "gpt-4o"})
    with tracer.set_active_model(model_id=version.model_id):
        loud("Peru")
    tracer.reset()
    with served(file) as url:
        page = watched.open(url)
        page.goto(f"/versions/{version.model_id}")
        page.get_by_role("button", name="Delete this version").click()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Delete this version").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()

        expect(page.get_by_role("heading", name="Versions", exact=True)).to_be_visible()
        page.get_by_role("link", name="shop-v1 (deleted)", exact=True).click()
        expect(page.get_by_text("Deleted", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Delete this version")).to_have_count(0)
        expect(page.get_by_role("link", name="1 trace")).to_be_visible()


@pytest.mark.parametrize(("theme", "width", "height"), [("light", 1440, 900), ("dark", 390, 844)])
def test_evaluations_and_versions_are_accessible(
    watched: Watched, runs_address: str, ids: Ids, theme: str, width: int, height: int
) -> None:
    page = watched.open(runs_address, width=width, height=height, color_scheme=theme)
    found: list[str] = []
    for name, path, sign in (
        ("evaluations", "/evaluations", "text=nightly two"),
        ("evaluation", f"/evaluations/{ids.after}", "[role=row] >> text=Cuba"),
        ("evaluations-compared", f"/evaluations/{ids.after}?base={ids.before}", "[role=row] >> text=Chad"),
        ("large-evaluation", "/evaluations/large", "text=Question 1?"),
        ("described-version", f"/versions/{ids.version}", "text=Feedback: length"),
    ):
        page.goto(path)
        page.wait_for_selector(sign)
        if name == "evaluations-compared":
            page.keyboard.press("j")
            page.wait_for_selector("text=Answer of nightly one")
        shoot(page, f"{name}-{theme}-{width}")
        found += [f"{name}: {problem}" for problem in axe(page, ALL_RULES)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{name}: wider than the screen")

    assert not found, json.dumps(found, indent=1)
