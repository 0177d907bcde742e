"""Supported versions are the same in the code, in the docs, in the extras, and in what is tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.provider.versions import SDKS, Sdk, chosen, has_newest, numbers
from tracer.provider.installed import BUILT_IN, find_provider_module

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

pytestmark = pytest.mark.no_store


def supported(name: str) -> str:
    return str(find_provider_module(name).provider.supported)


def test_every_provider_is_tested_with_the_ends_of_its_versions() -> None:
    assert sorted(SDKS) == sorted(BUILT_IN)
    assert all((ROOT / "tests" / name).is_dir() for name in SDKS)
    assert chosen(None, [], newest=False) == [(name, version) for name, sdk in SDKS.items() for version in sdk.versions]


def test_ci_tries_the_newest_versions_that_the_suite_does_not_have() -> None:
    newer = Sdk("pytest", ("8.2", "9999.1"))

    assert has_newest(Sdk("pytest", ("8.2",)))
    assert not has_newest(newer)
    assert not has_newest(Sdk("a-distribution-that-is-not-installed", ("1.0",)))
    assert numbers("3.54.0") > numbers("3.6.1")


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_supported_versions_are_those_that_are_tested(name: str) -> None:
    oldest, newest = SDKS[name].versions[0], SDKS[name].versions[-1]
    first, last = supported(name).split(" to ")

    assert first == oldest
    assert newest.startswith(last.removesuffix("x"))


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_table_of_the_docs_says_the_same(name: str) -> None:
    rows = re.findall(r"^\| `tracer\.(\w+)` \| `([\w-]+)` \| ([^|]+?) \|", PAGE, re.MULTILINE)

    assert (name, SDKS[name].distribution, supported(name)) in rows
    assert len(rows) == len(BUILT_IN)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_extra_asks_for_the_oldest(name: str) -> None:
    assert re.findall(rf'"{SDKS[name].distribution}>=([\w.]+)"', PROJECT) == [SDKS[name].versions[0]]
