"""How much is found, and how little is damaged: the cases of ``python -m benchmarks.secrets``."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.secrets import is_kept, is_redacted, look_alikes, outcomes, secrets_in_context

pytestmark = pytest.mark.no_store
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("seed", [1, 7])
def test_nine_of_ten_secrets_are_redacted_and_most_in_every_kind_of_place(seed: int) -> None:
    found = outcomes(secrets_in_context(seed), is_redacted)

    assert sum(each.cases for each in found.values()) >= 400
    assert sum(each.right for each in found.values()) >= 0.9 * sum(each.cases for each in found.values())
    kinds = {group: each.wrong for group, each in found.items() if each.right < 0.75 * each.cases}
    assert kinds.keys() <= {"a password in a sentence"}


@pytest.mark.parametrize("seed", [1, 7])
def test_what_only_looks_like_a_secret_is_kept_but_for_one_in_sixty(seed: int) -> None:
    found = outcomes(look_alikes(seed), is_kept)

    count = sum(each.cases for each in found.values())
    wrong = [case for each in found.values() for case in each.wrong]
    assert count >= 150
    assert len(wrong) <= count / 60, wrong


def test_the_page_shows_every_kind_of_place() -> None:
    page = (ROOT / "docs" / "privacy.md").read_text()

    for group in {case.group for case in (*secrets_in_context(), *look_alikes())}:
        assert f"| {group} |" in page
