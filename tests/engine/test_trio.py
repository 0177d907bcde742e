"""Tasks of trio that are cancelled are no errors."""

from __future__ import annotations

from typing import Any

import pytest

import tracer
from tests.engine.test_wanted_ends import ending

trio: Any = pytest.importorskip("trio", reason="tests/run.py makes an environment with it")


def test_a_cancelled_trio_task_is_no_error() -> None:
    @tracer.trace
    async def work() -> None:
        await trio.sleep_forever()

    async def main() -> None:
        with trio.move_on_after(0):
            await work()

    trio.run(main)

    assert ending() == ("UNSET", "cancelled")


def test_a_step_whose_trio_tasks_are_all_cancelled_is_no_error() -> None:
    @tracer.trace
    async def work() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(trio.sleep_forever)

    async def main() -> None:
        with trio.move_on_after(0):
            await work()

    trio.run(main)

    assert ending() == ("UNSET", "cancelled")
