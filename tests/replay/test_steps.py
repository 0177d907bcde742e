"""The program's own functions are answered from the cassette."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import tracer
from tracer.errors import CassetteError, InvalidArgumentError, ReplayMismatchError

ran: list[str] = []


@tracer.trace(span_type="TOOL")
def get_weather(city: str, *, unit: str = "C") -> dict[str, Any]:
    ran.append(city)
    if city == "Atlantis":
        raise ValueError("no such city")
    return {"city": city, "degrees": 20.5, "unit": unit}


@tracer.trace(span_type="TOOL", name="refund")
async def pay_back(order: int) -> str:
    ran.append(f"order {order}")
    return f"paid {order}"


def plain(count: int) -> list[int]:
    ran.append("plain")
    return list(range(count))


@tracer.trace
def as_tuple() -> tuple[int, int]:
    return 1, 2


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


def test_a_step_is_answered_and_does_not_run(cassette: Path) -> None:
    def program() -> Any:
        return get_weather("Lima"), get_weather("Quito", unit="F"), asyncio.run(pay_back(7)), plain(2)

    with tracer.record(cassette, steps=["get_weather", "refund", plain]):
        first = program()
    assert ran == ["Lima", "Quito", "order 7", "plain"]
    ran.clear()

    with tracer.replay(cassette, steps=["get_weather", "refund", plain]):
        assert program() == first
    assert ran == []
    assert program() == first
    assert len(ran) == 4


def test_a_step_that_is_answered_is_a_span_as_before(cassette: Path, stored: Any) -> None:
    with tracer.record(cassette, steps=["get_weather"]):
        get_weather("Lima")
    with tracer.replay(cassette, steps=[get_weather]):
        get_weather("Lima")

    assert [(span.inputs, span.outputs) for span in stored.spans] == [
        ({"city": "Lima", "unit": "C"}, {"city": "Lima", "degrees": 20.5, "unit": "C"})
    ] * 2


def test_other_arguments_are_a_mismatch_that_names_them(cassette: Path) -> None:
    with tracer.record(cassette, steps=["get_weather"]):
        get_weather("Lima")

    with (
        pytest.raises(ReplayMismatchError, match='city, word 1: "Lima" was recorded, now it is "Quito"'),
        tracer.replay(cassette, steps=["get_weather"]),
    ):
        get_weather("Quito")
    assert ran == ["Lima"]


def test_an_error_of_a_step_is_raised_again(cassette: Path) -> None:
    with pytest.raises(ValueError, match="no such city"), tracer.record(cassette, steps=["get_weather"]):
        get_weather("Atlantis")

    with pytest.raises(ValueError, match="no such city"), tracer.replay(cassette, steps=["get_weather"]):
        get_weather("Atlantis")
    assert ran == ["Atlantis"]


def test_a_step_that_is_not_named_runs(cassette: Path) -> None:
    with tracer.record(cassette, steps=["get_weather"]):
        get_weather("Lima")

    with tracer.replay(cassette):
        get_weather("Lima")

    assert ran == ["Lima", "Lima"]


def test_a_result_that_json_cannot_hold_is_refused_before_anything_runs(cassette: Path) -> None:
    with tracer.record(cassette, steps=["as_tuple"]):
        assert as_tuple() == (1, 2)

    with pytest.raises(CassetteError, match=r"line 1: as_tuple gave a builtins\.tuple, which JSON cannot hold"):
        tracer.replay(cassette, steps=["as_tuple"]).__enter__()
    assert as_tuple() == (1, 2)


def test_a_name_that_no_traced_function_has_is_refused_with_those_there_are(cassette: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"called 'get_wether'; there are: .*get_weather"):
        tracer.record(cassette, steps=["get_wether"]).__enter__()


class RefusedError(Exception):
    def __init__(self, order: int, why: str) -> None:
        super().__init__(f"order {order}: {why}")


@pytest.mark.parametrize(
    "error",
    [KeyError("Lima"), KeyError(7), RefusedError(7, "too late"), json.JSONDecodeError("no value", "x", 0), OSError()],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("source", ["cassette", "trace"])
def test_an_error_is_of_the_type_that_was_raised_with_its_text(source: str, error: Exception, cassette: Path) -> None:
    @tracer.trace(span_type="TOOL")
    def look_up() -> None:
        raise error

    with tracer.record(cassette, steps=[look_up]), pytest.raises(type(error)):
        look_up()
    tracer.flush()
    trace_id = tracer.get_last_active_trace_id()
    assert trace_id is not None

    with (
        pytest.raises(type(error)) as raised,
        tracer.replay(cassette if source == "cassette" else trace_id, steps=[look_up]),
    ):
        look_up()
    assert raised.value is not error
    assert (type(raised.value), str(raised.value)) == (type(error), str(error))


def test_an_error_of_a_type_that_is_not_loaded_is_a_runtime_error_that_names_it(cassette: Path) -> None:
    @tracer.trace(span_type="TOOL")
    def look_up() -> None:
        raise RefusedError(7, "too late")

    with tracer.record(cassette, steps=[look_up]), pytest.raises(RefusedError):
        look_up()
    cassette.write_text(cassette.read_text().replace("RefusedError", "LostError"))

    with pytest.raises(RuntimeError, match=r"LostError: order 7: too late"), tracer.replay(cassette, steps=[look_up]):
        look_up()
