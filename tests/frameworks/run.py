"""Frameworks and instrumentations with the real packages, recorded by one line: before a release.

    python tests/frameworks/run.py                      all of them
    python tests/frameworks/run.py pydantic_ai          one of them
    python tests/frameworks/run.py --oldest             with the oldest versions that are supported

Each has a virtual environment of its own, kept under build/, and a file in tests/frameworks/programs/ with one function
a kind of program. A kind is a process of its own (program.py), once with and once without tracer's provider for the
SDK below, against a scripted server that knows what it counted. Prints a table of frameworks and aspects: ✔ right,
✗ wrong, - not part of any of its programs. Exits with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from tests.environment import make_environment  # noqa: E402

KINDS = ("plain", "tools", "streamed", "async", "error", "nested")
ASPECTS = (
    "one tree", "once", "tokens", "cost", "messages", "tools", "tool steps", "model", "kinds", "error", "previews",
)  # fmt: skip
_SECONDS = 180


class Framework(NamedTuple):
    """The packages of a framework, pinned to its newest and oldest version."""

    newest: tuple[str, ...]
    oldest: tuple[str, ...]


FRAMEWORKS = {
    "litellm": Framework(("litellm==1.110.2", "openai==3.57.0"), ("litellm==1.80.0", "openai<3")),
    "openinference_openai": Framework(
        ("openinference-instrumentation-openai==0.1.66", "openai==3.57.0"),
        ("openinference-instrumentation-openai==0.1.40", "openai==1.109.1"),
    ),
    "pydantic_ai": Framework(
        ("pydantic-ai-slim[openai]==2.68.0", "openai==3.57.0"), ("pydantic-ai-slim[openai]==1.0.0",)
    ),
}
Cells = dict[str, list[str]]  # what is wrong, by aspect; no entry for what no program shows


def play(python: str, framework: str, kind: str, *, with_provider: bool) -> tuple[Cells, str]:
    """What is wrong with one program, and what it wrote if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        whose = "ours" if with_provider else "theirs"
        program = [python, str(CHECKOUT / "tests/frameworks/program.py"), framework, kind, whose]
        done = subprocess.run(
            [*program, f"sqlite:///{folder}/tracer.db"],
            capture_output=True, text=True, timeout=_SECONDS, check=False, cwd=folder,
        )  # fmt: skip
    lines = done.stdout.strip().splitlines()
    return (json.loads(lines[-1]), "") if done.returncode == 0 and lines else ({}, done.stderr or "nothing printed")


def look_at(name: str, framework: Framework, *, oldest: bool) -> tuple[list[str], dict[str, str]]:
    """What is wrong with a framework, and its row of the table."""
    packages = framework.oldest if oldest else framework.newest
    python = make_environment(f"frameworks/{name}{'-oldest' if oldest else ''}", "-e", str(CHECKOUT), *packages)
    wrong: list[str] = []
    row = dict.fromkeys(ASPECTS, "-")
    for kind in KINDS:
        for with_provider in (True, False):
            cells, failure = play(python, name, kind, with_provider=with_provider)
            title = f"{name}, {kind}, {'with' if with_provider else 'without'} the SDK's provider"
            wrong += [f"{title}: {failure.strip().splitlines()[-1]}"] if failure else []
            for aspect, faults in cells.items():
                wrong += [f"{title}: {aspect}: {fault}" for fault in faults]
                row[aspect] = "✗" if faults or row[aspect] == "✗" else "✔"
    return wrong, row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FRAMEWORKS))
    parser.add_argument("--oldest", action="store_true")
    given = parser.parse_args()
    unknown = set(given.names) - set(FRAMEWORKS)
    if unknown:
        parser.error(f"no framework {', '.join(sorted(unknown))}; there are {', '.join(FRAMEWORKS)}")
    wrong: list[str] = []
    rows: list[str] = []
    for name in given.names or FRAMEWORKS:
        found, row = look_at(name, FRAMEWORKS[name], oldest=given.oldest)
        wrong += found
        rows.append(f"| {name} | {' | '.join(row.values())} |")
        print(rows[-1], flush=True)
    print("\n".join(["", f"| | {' | '.join(ASPECTS)} |", f"|{'---|' * (len(ASPECTS) + 1)}", *rows, "", *wrong]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
