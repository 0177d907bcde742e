"""What is current where a generator or a coroutine is closed by somebody else."""

from __future__ import annotations

from contextvars import ContextVar, copy_context

import pytest

from tracer._engine.context import restore

pytestmark = pytest.mark.no_store


@pytest.mark.parametrize(("there", "afterwards"), [("ours", None), ("another's", "another's"), (None, None)])
def test_the_end_in_another_context_takes_away_what_is_ours_alone(there: str | None, afterwards: str | None) -> None:
    variable: ContextVar[str | None] = ContextVar("variable", default=None)
    token = copy_context().run(variable.set, "ours")
    variable.set(there)

    restore(variable, token, "ours")

    assert variable.get() == afterwards
