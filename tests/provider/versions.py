"""The tests of each provider, run with other versions of its SDK than the suite's environment has: before a release.

    python tests/provider/versions.py                        every version that is listed here
    python tests/provider/versions.py openai                 every version that is listed for one provider
    python tests/provider/versions.py openai 2.0.0 2.54.0    these versions
    python tests/provider/versions.py --newest               the newest ones, where this environment has older ones

Each version gets a virtual environment of its own, kept under build/. Exits with 1 if any tests failed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from tests.environment import make_environment  # noqa: E402
from tests.run import APART  # noqa: E402


@dataclass(frozen=True)
class Sdk:
    """What a provider is tested with; its tests are in tests/<provider>."""

    distribution: str
    versions: tuple[str, ...]  # the ends of every line of releases that is supported, oldest first
    needs: tuple[str, ...] = ()  # what the tests need besides
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # packages that go with a version


SDKS = {
    "anthropic": Sdk("anthropic", ("0.50.0", "0.125.0", "1.0.0", "1.17.0", "2.12.0")),
    "bedrock": Sdk("boto3", ("1.35.0", "1.40.61", "1.44.8")),
    "claude_agent_sdk": Sdk("claude-agent-sdk", ("0.1.33", "0.2.82", "0.2.189"), needs=("mcp<2",)),
    "cohere": Sdk("cohere", ("5.16.0", "5.21.1", "6.1.0", "7.3.1")),
    "gemini": Sdk("google-genai", ("1.16.1", "1.75.0", "2.0.1", "2.34.0", "3.4.0")),
    "groq": Sdk("groq", ("0.13.0", "0.37.1", "1.0.0", "1.7.0")),
    "huggingface": Sdk(
        "huggingface_hub", ("0.28.1", "0.36.2", "1.33.0", "2.4.0"), needs=("aiohttp", "numpy", "pillow")
    ),
    "litellm": Sdk("litellm", ("1.80.0", "1.108.7"), needs=("openai<3", "uvicorn>=0.30")),
    "mcp": Sdk("mcp", ("1.22.0", "1.30.0", "2.0.0", "2.3.0"), needs=("uvicorn>=0.30",)),
    "langchain": Sdk(
        "langchain-core",
        ("0.3.45", "1.8.3"),
        needs=("langgraph", "langchain-openai", "langchain-anthropic", "openinference-instrumentation-langchain"),
        # older ones warn of newer versions of pydantic
        beside={"0.3.45": ("langgraph==0.2.76", "langchain-openai==0.3.9", "pydantic<2.11", "openai>=1.55.3")},
    ),
    "mistral": Sdk("mistralai", ("2.0.0", "2.10.1", "3.0.0", "3.7.0")),
    "ollama": Sdk("ollama", ("0.4.0", "0.4.9", "0.5.0", "0.5.4", "0.6.0", "0.6.3")),
    "openai": Sdk(
        "openai",
        ("1.55.3", "1.66.0", "1.109.1", "2.0.0", "2.54.0", "3.0.0", "3.54.0"),
        needs=("numpy", "websockets>=15.0.1"),  # old versions decode embeddings with numpy
    ),
    "openai_agents": Sdk("openai-agents", ("0.2.8", "0.3.3", "0.23.1", "0.24.0")),
    "together": Sdk("together", ("2.0.0", "2.42.0", "3.1.1")),
}
TEST_PACKAGES = ("pytest>=9.0", "hypothesis>=6.100", "certifi")


@dataclass(frozen=True)
class Outcome:
    """How the tests of a provider ended with one version of its SDK."""

    version: str
    passed: bool
    lines: list[str]

    def show(self, provider: str) -> None:
        told = [line for line in self.lines[:-1] if re.match(r"FAILED|ERROR|SKIPPED", line)]
        print(*(f"    {line}" for line in told), sep="\n", end="\n" if told else "")
        print(f"{provider} {self.version:10} {'passed' if self.passed else 'FAILED'}  {self.lines[-1]}", flush=True)


def try_version(provider: str, version: str, pytest_arguments: list[str]) -> Outcome:
    sdk = SDKS[provider]
    packages = ["-e", str(CHECKOUT), f"{sdk.distribution}=={version}", *TEST_PACKAGES, *sdk.needs]
    packages += sdk.beside.get(version, ())
    try:
        python = make_environment(f"sdks/{provider}-{version}", *packages)
    except subprocess.CalledProcessError as error:
        return Outcome(version, False, [f"cannot be installed: {error}"])
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *pytest_arguments, f"tests/{provider}"]
    tested = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    lines = tested.stdout.strip().splitlines() or [tested.stderr.strip()]
    return Outcome(version, tested.returncode == 0, lines)


def chosen(provider: str | None, versions: list[str], *, newest: bool) -> list[tuple[str, str]]:
    """The providers and versions to test."""
    if newest:
        return [(name, sdk.versions[-1]) for name, sdk in SDKS.items() if name not in APART and not has_newest(sdk)]
    if provider is not None:
        return [(provider, version) for version in versions or SDKS[provider].versions]
    return [(name, version) for name, sdk in SDKS.items() for version in sdk.versions]


def has_newest(sdk: Sdk) -> bool:
    """Whether this environment has the newest version that is listed, or a newer one: the suite tests it."""
    try:
        installed = metadata.version(sdk.distribution)
    except metadata.PackageNotFoundError:
        return False
    return numbers(installed) >= numbers(sdk.versions[-1])


def numbers(version: str) -> list[int]:
    """A release in a form that sorts."""
    return [int(number) for number in re.findall(r"\d+", version)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("provider", nargs="?", choices=sorted(SDKS))
    parser.add_argument("versions", nargs="*")
    parser.add_argument("--newest", action="store_true", help="only what this environment has an older version of")
    parser.add_argument("-k", help="only the tests that pytest's -k selects")
    given = parser.parse_args()
    to_try = chosen(given.provider, given.versions, newest=given.newest)
    pytest_arguments = ["-k", given.k] if given.k else []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = [pool.submit(try_version, *each, pytest_arguments) for each in to_try]
        for (provider, _), outcome in zip(to_try, outcomes):
            outcome.result().show(provider)
    return 0 if all(outcome.result().passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
