"""Makes llms.txt, and llms-full.txt beside it, from the README and the pages for language models to read.

``python3 docs/llms.py``. llms.txt has a line a page; llms-full.txt, which is not kept in the repository, all of them.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LINKS = re.compile(r"\[([^\]]+)\]\((docs/[\w-]+\.md)\)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def pages() -> list[tuple[str, str]]:
    """Title and path of each page, in the order of the README's list."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return _LINKS.findall(readme[readme.index("\n## Documentation\n") :])


def short() -> str:
    """llms.txt: what tracer is, and for each page what it is about."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    summary = readme.split("\n\n")[1].replace("**", "")
    lines = [f"- [{title}]({path}): {', '.join(_headings(path)) or title}" for title, path in pages()]
    return "\n".join(["# tracer", "", f"> {summary}", "", "## Pages", "", *lines, ""])


def full() -> str:
    """llms-full.txt: the README and every page."""
    texts = [
        (ROOT / path).read_text(encoding="utf-8").strip() for path in ("README.md", *(path for _, path in pages()))
    ]
    return "\n\n---\n\n".join(texts) + "\n"


def _headings(path: str) -> list[str]:
    """The headings of a page's parts."""
    page = _FENCED.sub("", (ROOT / path).read_text(encoding="utf-8"))
    return [_LINK.sub(r"\1", heading) for heading in _HEADING.findall(page)]


if __name__ == "__main__":
    (ROOT / "llms.txt").write_text(short(), encoding="utf-8")
    (ROOT / "llms-full.txt").write_text(full(), encoding="utf-8")
