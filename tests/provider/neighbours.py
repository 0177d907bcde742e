"""tracer beside other instrumentations of the same SDK, in every order, with the real packages: before a release.

    python tests/provider/neighbours.py                 all of them
    python tests/provider/neighbours.py logfire         one of them

Each case is a program of its own (neighbour_program.py) with one neighbour and one SDK, in which both are switched on
and off in some order. After each step the program gets the replies that it gets without tracer, the neighbour makes the
spans that it makes alone, and tracer records each call once. Joined to the neighbour's provider, tracer reads the
neighbour's spans as if they were its own. The packages get a virtual environment of their own, kept under build/.
Exits with 1 if any case fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from tests.environment import make_environment  # noqa: E402

PACKAGES = (
    "anthropic==2.14.0",
    "google-genai==3.6.1",
    "mistralai==3.7.0",
    "openai==3.57.0",
    "ddtrace==4.16.0",
    "langfuse==5.0.4",
    "logfire==5.4.0",
    "openinference-instrumentation-anthropic==3.1.0",
    "openinference-instrumentation-google-genai==1.4.14",
    "openinference-instrumentation-mistralai==2.2.2",
    "openinference-instrumentation-openai==0.1.66",
    "sentry-sdk==2.75.0",
)
SDKS = {
    "openinference": ("openai", "anthropic", "gemini", "mistral"),
    "logfire": ("openai", "anthropic"),
    "logfire_client": ("openai", "anthropic"),
    "langfuse": ("openai",),
    "sentry": ("openai", "anthropic", "gemini"),
    "ddtrace": ("openai", "anthropic", "gemini"),
}
ALONE = "theirs, theirs removed"
ORDERS = (
    "theirs, ours, theirs removed, ours removed, ours",
    "ours, theirs, ours removed, ours, theirs removed",
)
JOINED = "theirs, ours, joined"
JOINS = ("openinference", "logfire", "logfire_client")
CALLS = 4

Result = dict[str, Any]  # of one step


def play(python: str, sdk: str, neighbour: str, order: str) -> tuple[list[Result], str]:
    """The results of the steps, and what the program wrote if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        program = [python, CHECKOUT / "tests/provider/neighbour_program.py", sdk, neighbour, order]
        done = subprocess.run(
            [*program, f"sqlite:///{folder}/tracer.db"], capture_output=True, text=True, timeout=600, check=False
        )
    lines = done.stdout.strip().splitlines()
    return (json.loads(lines[-1]), "") if done.returncode == 0 and lines else ([], done.stderr or "nothing printed")


def faults(results: list[Result], alone: list[Result]) -> list[str]:
    """What is wrong with the steps of a case."""
    found: list[str] = []
    on: set[str] = set()
    has_been_on = False
    theirs = {result["step"]: result["theirs"] for result in alone}
    for result in results:
        whose, _, removed = result["step"].partition(" ")
        if whose == "joined":
            expected = {"types": ["CHAT_MODEL"], "ours": CALLS, "prompts": 2 * CALLS}
        else:
            on = on - {whose} if removed else on | {whose}
            has_been_on = has_been_on or "theirs" in on
            said = [[{"type": "text", "content": "Lima."}]] * CALLS
            # Anthropic's SDK makes spans of its own where a provider of OpenTelemetry is set
            left = theirs.get("theirs removed", []) if has_been_on else []
            expected = {
                "theirs": theirs["theirs"] if "theirs" in on else left,
                "ours": said if "ours" in on else [],
            }
        expected["replies"] = alone[0]["replies"]
        found += [
            f"{result['step']}: {name} is {result[name]}, not {value}"
            for name, value in expected.items()
            if result[name] != value
        ]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("neighbour", nargs="?", choices=sorted(SDKS))
    only = parser.parse_args().neighbour
    pairs = [(neighbour, sdk) for neighbour, sdks in SDKS.items() for sdk in sdks if only in (None, neighbour)]
    python = make_environment("neighbours", "-e", str(CHECKOUT), *PACKAGES)
    has_failed = False
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        cases = {
            (*pair, order): pool.submit(play, python, pair[1], pair[0], order)
            for pair in pairs
            for order in (ALONE, *ORDERS, *((JOINED,) if pair[0] in JOINS else ()))
        }
        for (neighbour, sdk, order), case in cases.items():
            results, error = case.result()
            if order == ALONE:
                continue
            alone, alone_error = cases[neighbour, sdk, ALONE].result()
            error = error or alone_error
            wrong = [error] if error else faults(results, alone)
            wrong += [] if alone and alone[0]["theirs"] else ["the neighbour makes no spans alone"]
            has_failed = has_failed or bool(wrong)
            steps = ", ".join(result["step"] for result in results)
            print(f"{'FAILED' if wrong else 'passed'}  {neighbour} {sdk}: {steps or order}", flush=True)
            for line in (line for fault in wrong for line in fault.splitlines()[-8:]):
                print(f"    {line}", flush=True)
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())
