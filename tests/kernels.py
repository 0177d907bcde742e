"""A kernel of Jupyter, for tests of what notebooks do and show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

import tracer


class Shown(NamedTuple):
    """What a cell printed, errors too, and the HTML that it showed."""

    text: str
    html: list[str]


Cell = Callable[[str], Shown]


@contextmanager
def kernel(place: Path) -> Iterator[Cell]:
    """Runs cells in a new kernel that finds tracer, with its files in a folder; skips where there is no Jupyter."""
    pytest.importorskip("ipykernel", exc_type=ImportError)
    manager = pytest.importorskip("jupyter_client.manager", exc_type=ImportError)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(place))  # Jupyter writes there, and the user's may be read-only
        started, client = manager.start_new_kernel(kernel_name="python3", cwd=str(place))

    def run(code: str) -> Shown:
        text: list[str] = []
        html: list[str] = []

        def hear(message: dict[str, dict[str, object]]) -> None:
            content = message["content"]
            text.extend(str(content[name]) for name in ("text", "ename", "evalue") if name in content)
            data = content.get("data")
            if isinstance(data, dict) and "text/html" in data:
                html.append(data["text/html"])

        client.execute_interactive(code, output_hook=hear, timeout=60)
        return Shown("".join(text).strip(), html)

    root = Path(tracer.__file__).resolve().parents[1]
    assert run(f"import sys; sys.path.insert(0, {str(root)!r})\nimport tracer") == ("", [])
    yield run
    client.stop_channels()
    started.shutdown_kernel(now=True)
