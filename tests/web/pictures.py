"""Makes the pictures of docs/ui.md, of a week of a shop: ``python -m tests.web.pictures``, with Chromium."""

from __future__ import annotations

import argparse
import base64
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.web.chromium import find_chromium
from tests.web.serving import served
from tests.web.shop import END, Shop, open_shop

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images" / "ui"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 760}, "color_scheme": "light", "has_touch": True, "is_mobile": True},
}
QUALITY = 0.6
OPTIONS = ("--try-again", "--try-endpoint", "https://models.shop.example/v1")  # of the server
TO_WEBP = """async ([png, quality]) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext("2d").drawImage(image, 0, 0);
    const webp = await canvas.convertToBlob({type: "image/webp", quality});
    return btoa(String.fromCharCode(...new Uint8Array(await webp.arrayBuffer())));
}"""


class Picture(NamedTuple):
    """A page in the pictures: its address, with ids of the shop in braces, and what shows that it is there."""

    address: str
    sign: str
    click: str | None = None  # before the picture is taken


# twice: what the first one let happen is drawn by then
IDLE = "new Promise((done) => requestIdleCallback(() => requestIdleCallback(done)))"
# a select that was drawn before its font was there keeps the width that it had then
MEASURED_ANEW = """async () => {
    await document.fonts.ready;
    for (const select of document.querySelectorAll("select")) {
        select.style.display = "none";
        select.offsetWidth;
        select.style.display = "";
    }
}"""
# every page has a line here; after a change of it `python -m tests.web.pictures NAME` makes its pictures anew
PICTURES = {
    "traces": Picture("/traces", "[role=gridcell], .trace-card"),
    "trace": Picture("/traces/{lamp}", "[role=treeitem]"),
    "failure": Picture("/traces/{refused}", "[role=treeitem]"),
    "sessions": Picture("/sessions", "text=chat-195"),
    "session": Picture("/sessions/chat-195", ".turns .markdown"),
    "versions": Picture("/versions", "text=Feedback: helpful"),
    "version": Picture("/versions/{version}", "main h1"),
    "evaluations": Picture("/evaluations", "text=support-v3 on refunds"),
    "evaluation": Picture("/evaluations/{run}?base={run_before}", "[role=gridcell]"),
    "prompts": Picture("/prompts", "text=sort mail"),
    "prompt": Picture("/prompts/support?version=3&against=2", ".words del"),
    "datasets": Picture("/datasets", "text=refunds"),
    "dataset": Picture("/datasets/{dataset}", "text=order 1200 back"),
    "queues": Picture("/review", "text=doubtful answers"),
    "review": Picture("/review/{queue}", "text=Is the answer right?"),
    "try": Picture("/try?trace={refused}&step={asked}", "text=Variant 1"),
    "audit": Picture("/audit", "main h1"),
    "dashboard": Picture("/dashboard", "canvas >> nth=4"),
    "compare": Picture("/compare?a={refused}&b={refunded}", "[role=option]", "[role=option] >> nth=1"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the pictures that are asked for, by default all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="pages to take pictures of; all by default")
    parser.add_argument("--look", action="append", choices=LOOKS, help="may be repeated; all by default")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "shop" / "traces.db"
        shop = open_shop(store)
        with served(store, *OPTIONS) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
            )
            for name in given.names or PICTURES:
                for look in given.look or LOOKS:
                    taken = take(browser, url, PICTURES[name], look, shop)
                    (given.folder / f"{name}-{look}.webp").write_bytes(taken)


def take(browser: Browser, url: str, picture: Picture, look: str, shop: Shop) -> bytes:
    """One picture as WebP, with the clock at the end of the shop's week."""
    context = browser.new_context(
        base_url=url, locale="en-GB", timezone_id="UTC", reduced_motion="reduce", **LOOKS[look]
    )
    context.add_init_script("localStorage.setItem('tracer.feedback.author', JSON.stringify('ann'))")
    page = context.new_page()
    waiting: set[Request] = set()
    page.on("request", lambda request: None if request.url.endswith("/events") else waiting.add(request))
    page.on("requestfinished", lambda request: waiting.discard(request))
    page.on("requestfailed", lambda request: waiting.discard(request))
    page.clock.set_fixed_time(END / 1e9)
    page.goto(picture.address.format(**vars(shop)))
    page.wait_for_selector(picture.sign)
    if picture.click:
        page.click(picture.click)
    settle(page, waiting)
    png = base64.b64encode(page.screenshot(caret="hide", animations="disabled")).decode()
    blank = context.new_page()
    webp = blank.evaluate(TO_WEBP, [png, QUALITY])
    context.close()
    return base64.b64decode(webp)


def settle(page: Page, waiting: set[Request]) -> None:
    """Wait until fonts and answers are there, the page has nothing to do, and nothing moves any more."""
    page.evaluate(MEASURED_ANEW)
    before = b""
    while (now := page.screenshot()) != before or waiting:
        before = now
        page.wait_for_timeout(500)
        page.evaluate(IDLE)


if __name__ == "__main__":
    main()
