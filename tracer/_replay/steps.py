"""The program's own functions that are answered from a cassette, so that their effects outside do not happen again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from types import FunctionType
from typing import Any

from tracer._engine.arguments import ArgumentNames
from tracer._engine.step import Step as TracedStep
from tracer._engine.step import known_steps, watchers
from tracer._fault import guard
from tracer._json import JsonMapping, JsonObject, encode, loads
from tracer._replay.cassette import STEP, Recorded
from tracer._replay.session import Session
from tracer._replay.step_errors import failure_of, raised_again
from tracer.errors import CassetteError, InvalidArgumentError
from tracer.provider.patch import replace_code


def replaced(steps: Iterable[Any], session: Session) -> list[Callable[[], bool]]:
    """Let these functions be answered or recorded; the returned functions restore them. Raises InvalidArgumentError."""
    found = [pair for step in steps for pair in _functions(step)]
    for name, function in found:
        if not isinstance(function, FunctionType) or inspect.isgeneratorfunction(function):
            raise InvalidArgumentError(
                f"steps: {name!r} is {function!r}; only functions and coroutine functions can be answered"
            )
        if inspect.isasyncgenfunction(function):
            raise InvalidArgumentError(f"steps: {name!r} is an async generator, which cannot be answered")
    session.steps = frozenset(name for name, _ in found)
    return [replace_code(function, partial(_answering, session, name)) for name, function in found]


def replaced_when_known(names: Iterable[str], session: Session) -> list[Callable[[], bool]]:
    """Let traced functions of these names be answered, also those that the program defines later."""
    session.steps = frozenset(names)
    restores: list[Callable[[], bool]] = []

    def take(step: TracedStep) -> None:
        function = step.function
        if step.name not in session.steps or not isinstance(function, FunctionType):
            return
        if not inspect.isgeneratorfunction(function) and not inspect.isasyncgenfunction(function):
            restores.append(replace_code(function, partial(_answering, session, step.name)))

    def forget() -> bool:
        watchers.remove(take)
        return True

    for step in known_steps():
        take(step)
    watchers.append(take)
    restores.append(forget)
    return restores


def _functions(step: Any) -> list[tuple[str, Any]]:
    known = known_steps()
    if isinstance(step, str):
        named = {id(one.function): (step, one.function) for one in known if one.name == step}
        if not named:
            names = ", ".join(sorted({one.name for one in known})) or "none"
            raise InvalidArgumentError(
                f"steps: no function with @tracer.trace is called {step!r}; there are: {names}. Functions that are "
                "not traced can be given themselves, as steps=[get_weather]."
            )
        return list(named.values())
    function = inspect.unwrap(step) if callable(step) else step
    name = next((one.name for one in known if one.function is function), getattr(function, "__name__", repr(step)))
    return [(name, function)]


def _answering(session: Session, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """The function that runs in the original's place."""
    names = ArgumentNames(original)

    def asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> JsonObject:
        return {"method": STEP, "url": name, "json": loads(encode(names.bind(args, kwargs)))}

    def answer(*args: Any, **kwargs: Any) -> Any:
        request = asked(args, kwargs)
        call = session.answer(request)
        if call is not None:
            return _result(call)
        if session.record is None:
            return original(*args, **kwargs)
        recording = session.begin(request)
        try:
            result = original(*args, **kwargs)
        except Exception as error:
            recording.returned(failure_of(error))
            raise
        recording.returned(_response(result))
        return result

    async def answer_async(*args: Any, **kwargs: Any) -> Any:
        request = asked(args, kwargs)
        call = session.answer(request)
        if call is not None:
            return _result(call)
        if session.record is None:
            return await original(*args, **kwargs)
        recording = session.begin(request)
        try:
            result = await original(*args, **kwargs)
        except Exception as error:
            recording.returned(failure_of(error))
            raise
        recording.returned(_response(result))
        return result

    return answer_async if inspect.iscoroutinefunction(original) else answer


def _response(result: object) -> JsonObject:
    with guard("recording a step's result"):
        plain = loads(encode(result))
        if plain == result and _kinds(plain) == _kinds(result):
            return {"json": plain}
    return {"type": f"{type(result).__module__}.{type(result).__qualname__}"}


def _kinds(value: object) -> object:
    """The types that a value is made of: a tuple and a list are equal in JSON only."""
    if isinstance(value, dict):
        return type(value), {key: _kinds(item) for key, item in value.items()}
    return (type(value), [_kinds(item) for item in value]) if isinstance(value, (list, tuple)) else type(value)


def _result(call: Recorded) -> object:
    response: JsonMapping = call.response
    if "error" not in response:
        return response["json"]
    raise raised_again(response["error"])


def check(calls: Iterable[Recorded], session: Session) -> None:
    """Raise CassetteError if the result of a step is not in the cassette."""
    for call in calls:
        if call.request["method"] == STEP and call.request["url"] in session.steps and "type" in call.response:
            raise CassetteError(
                f"{session.name}, {call.place}: {call.request['url']} gave a {call.response['type']}, which JSON "
                "cannot hold. Let it return plain values, or leave it out of steps=."
            )
