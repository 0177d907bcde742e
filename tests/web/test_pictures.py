"""The pictures of docs/ui.md: every page has some, small ones, made by a command."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.web.pictures import FOLDER, LOOKS, PICTURES, take
from tests.web.serving import served
from tests.web.shop import open_shop

pytestmark = pytest.mark.no_store

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 2_000_000  # of all pictures together: everybody who clones the repository has them
WITHOUT = ("/settings", "/alerts")  # the shop's server has one store, no keys, and no rules of alerts

SEEN = 100  # of 255: a difference of a colour
A_FEW = 300  # of some million colours: edges of letters, which are drawn at fractions of a pixel, now here, now there
DIFFERENCES = """async ([seen, ...pictures]) => {
    const [one, other] = await Promise.all(pictures.map(async (picture) => {
        const image = new Image();
        image.src = `data:image/webp;base64,${picture}`;
        await image.decode();
        const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
        context.drawImage(image, 0, 0);
        return context.getImageData(0, 0, image.width, image.height).data;
    }));
    return one.reduce((count, value, index) => count + (Math.abs(value - other[index]) > seen), 0);
}"""


def routes() -> list[str]:
    """The patterns of the page's addresses, but for the one that leads on to the list."""
    source = (ROOT / "web" / "src" / "App.tsx").read_text(encoding="utf-8")
    return [path for path in re.findall(r'<Route path="([^"]+)"', source) if path not in ("/", *WITHOUT)]


def test_every_page_has_pictures_of_every_look() -> None:
    shown = [urlsplit(picture.address).path for picture in PICTURES.values()]
    unseen = [
        route for route in routes() if not any(re.fullmatch(re.sub(r":\w+", "[^/]+", route), path) for path in shown)
    ]
    kept = sorted(path.name for path in FOLDER.glob("*"))

    assert unseen == []
    assert kept == sorted(f"{name}-{look}.webp" for name in PICTURES for look in LOOKS)
    assert sum(path.stat().st_size for path in FOLDER.glob("*")) < MOST_BYTES


def test_the_pictures_are_shown_on_the_page_about_them() -> None:
    page = (ROOT / "docs" / "ui.md").read_text(encoding="utf-8")

    assert [path.name for path in sorted(FOLDER.glob("*")) if f"images/ui/{path.name}" not in page] == []


def test_the_command_makes_the_same_picture_each_time(browser: Browser, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.web.pictures", "versions", "--look", "dark", "--folder", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    (made,) = [path.read_bytes() for path in tmp_path.glob("versions-dark.webp")]

    store = tmp_path / "shop" / "traces.db"  # not the one that other tests write to
    shop = open_shop(store)
    with served(store) as url:
        again = take(browser, url, PICTURES["versions"], "dark", shop)

    assert made[8:12] == b"WEBP"
    assert differences(browser, made, again) < A_FEW
    assert differences(browser, made, (FOLDER / "prompts-dark.webp").read_bytes()) > 10 * A_FEW


def differences(browser: Browser, one: bytes, other: bytes) -> int:
    """The number of colours of pixels in which two pictures differ visibly."""
    page = browser.new_page()
    pictures = [base64.b64encode(each).decode() for each in (one, other)]
    found: int = page.evaluate(DIFFERENCES, [SEEN, *pictures])
    page.close()
    return found
