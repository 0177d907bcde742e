"""The distribution's name, and advice that cannot fetch somebody else's package."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from tracer._distribution import NAME, install_advice, installed_version, upgrade_advice

if sys.version_info >= (3, 11):
    import tomllib

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.no_store


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no tomllib")
def test_the_name_in_the_code_is_the_name_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["name"] == NAME


def test_the_version_is_that_of_the_installed_distribution() -> None:
    assert installed_version() == metadata.version(NAME)


def test_install_advice_names_a_clone_or_the_packages_of_the_extra() -> None:
    assert install_advice("models") == (
        "pip install '.[models]' in a clone of tracer, or pip install 'cloudpickle>=3.0' 'pydantic>=2.7' 'pyyaml>=6.0'"
    )


def test_install_advice_never_names_the_distribution_itself() -> None:
    assert NAME not in install_advice("all", "dev") + upgrade_advice()


def test_install_advice_in_a_bare_checkout_names_the_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracer._distribution.NAME", "not-installed-anywhere")

    assert install_advice("server", "models") == "pip install '.[server,models]' in a clone of tracer"
    assert installed_version() is None
