"""What a kernel shows below its cells."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernels import Cell, kernel

pytestmark = [
    pytest.mark.no_store,
    # jupyter_client's own, while it starts and ends a kernel
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


STEP = "with tracer.start_span({!r}): pass"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    """Runs a cell in a kernel."""
    with kernel(tmp_path_factory.mktemp("notebook")) as run:
        yield run


def test_a_cell_shows_the_traces_that_it_made(cell: Cell) -> None:
    assert cell(STEP.format("before autolog")).html == []

    (same_cell,) = cell(f"tracer.autolog()\n{STEP.format('in the same cell')}").html
    (one,) = cell(STEP.format("one")).html
    (several,) = cell("\n".join(map(STEP.format, ("two", "three")))).html
    (awaited,) = cell("import asyncio\nawait asyncio.sleep(0)\n" + STEP.format("awaited")).html
    (failed,) = cell("with tracer.start_span('failed'): 1 / 0").html

    assert "in the same cell" in same_cell
    assert "before autolog" not in same_cell
    assert "one" in one
    assert "2 traces" in several
    assert several.index("three") < several.index("two")
    assert "awaited" in awaited
    assert "ZeroDivisionError" in failed
    assert cell("1 + 1").html == []


def test_a_trace_that_the_cell_shows_itself_is_shown_once(cell: Cell) -> None:
    cell("tracer.autolog()")

    shown = cell(f"{STEP.format('asked')}\ntracer.get_trace(tracer.get_last_active_trace_id())")

    assert len(shown.html) == 1
    assert "asked" in shown.html[0]


def test_many_traces_of_a_cell_are_shown_as_a_list_of_the_newest(cell: Cell) -> None:
    cell("tracer.autolog()")

    (shown,) = cell(f"for number in range(30):\n    {STEP.format('again')}").html

    assert "30 traces" in shown
    assert "20 more traces" in shown


def test_the_display_can_be_switched_off(cell: Cell) -> None:
    cell("from tracer.tracing import disable_notebook_display, enable_notebook_display\ntracer.autolog()")

    assert cell(f"disable_notebook_display()\n{STEP.format('silent')}") == ("", [])
    assert cell("tracer.search_traces()").html == []
    assert len(cell(f"enable_notebook_display()\n{STEP.format('loud')}").html) == 1
    assert cell(f"tracer.autolog(disable=True)\n{STEP.format('unpatched')}").html == []
