"""Makes docs/images/trace.svg, the README's picture, from a real run of the demo: ``python docs/picture.py``."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

import tracer
from tracer._engine.runtime import runtime
from tracer.cli.conversation import print_steps
from tracer.cli.reading import find_trace
from tracer.cli.screen import Screen
from tracer.cli.steps import steps_of
from tracer.cli.tree import print_headline, print_tree
from tracer.demo.agent import QUESTION, TripAgent
from tracer.demo.server import DemoServer

PICTURE = Path(__file__).parent / "images" / "trace.svg"
LINES = 36
# rich's own template loads fonts from elsewhere; a picture should load nothing
TEMPLATE = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class FirstLines(Screen):
    """A screen of which the picture shows the beginning."""

    printed = 0

    def print(self, line: str | Text = "") -> None:
        """One line, while there is room."""
        self.printed += 1
        if self.printed <= LINES:
            super().print(line if self.printed < LINES else "…")


def main() -> None:
    """Run the agent, draw its trace, write the picture."""
    console = Console(record=True, width=88, force_terminal=True, file=io.StringIO(), highlight=False)
    with tempfile.TemporaryDirectory() as folder, DemoServer(seconds_per_reply=0.15, seconds_per_chunk=0.02) as server:
        tracer.configure(store=f"{folder}/tracer.db")
        tracer.openai.autolog()
        TripAgent(model="gpt-4o-mini", base_url=server.base_url, api_key="scripted").answer(QUESTION)
        runtime().sync()
        trace = find_trace(runtime().store(), "latest")
        tracer.reset()
    screen, steps = FirstLines(console), steps_of(trace.spans)
    screen.print("$ tracer show latest --full")
    print_headline(screen, trace)
    screen.print()
    print_tree(screen, steps)
    print_steps(screen, steps)
    PICTURE.write_text(
        console.export_svg(title="tracer", theme=MONOKAI, code_format=TEMPLATE, unique_id="trace"), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
