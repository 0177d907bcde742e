"""Doors that another instrumentation has shadowed: by a wrapper of its own that holds the SDK's function."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
import wrapt

import tracer
from tests.provider import acme_sdk as sdk_source
from tests.provider import invented
from tests.stored import Stored
from tracer.provider import BUILT_IN, Call, Door, Provider
from tracer.provider.installed import find_provider_module
from tracer.provider.patch import DoorMovedError, Patch

BODY = {"model": "acme-1", "messages": [{"role": "user", "content": "Capital of Peru?"}], "temperature": 0.5}


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(Path(sdk_source.__file__).parent))
    sys.modules.pop("acme_sdk", None)
    yield importlib.import_module("acme_sdk")
    invented.autolog(disable=True)
    sys.modules.pop("acme_sdk", None)
    invented.provider._state.patches.clear()


@pytest.fixture
def stored() -> Stored:
    return Stored()


class Neighbour:
    """Puts wrappers around methods in the ways of real instrumentations, and counts the calls."""

    def __init__(self) -> None:
        self.calls = 0

    def named(self, original: Any) -> Any:
        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return original(*args, **kwargs)

        return wrapper

    def opaque(self, original: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return original(*args, **kwargs)

        return wrapper

    def proxy(self, original: Any) -> Any:
        def wrapper(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
            self.calls += 1
            return wrapped(*args, **kwargs)

        return wrapt.FunctionWrapper(original, wrapper)

    def object(self, original: Any) -> Any:
        return Wrapping(self, original)


class Wrapping:
    """A wrapper that is an object: a descriptor, as functions are."""

    def __init__(self, neighbour: Neighbour, original: Any) -> None:
        self.neighbour = neighbour
        self.original = original

    def __get__(self, client: object, kind: type) -> Any:
        return functools.partial(self, client)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.neighbour.calls += 1
        return self.original(*args, **kwargs)


class Own:
    """Where a neighbour puts its wrapper: on the SDK's class, on a subclass, or on one client."""

    def __init__(self, sdk: ModuleType, place: str) -> None:
        derived = type("Derived", (sdk.Client,), {})
        self.client: Any = sdk.Client() if place != "subclass" else derived()
        self.holder: Any = {"class": sdk.Client, "subclass": derived, "client": self.client}[place]

    def put(self, wrap: Callable[[Any], Any]) -> None:
        self.original = self.holder.send
        self.holder.send = wrap(self.original)

    def put_back(self) -> None:
        """What was there, as an attribute of its own: so do OpenInference and logfire."""
        self.holder.send = self.original


PLACES = ["class", "subclass", "client"]


@pytest.mark.parametrize("how", ["named", "opaque", "proxy", "object"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_a_call_past_a_neighbours_wrapper_is_recorded_once(
    first: str, place: str, how: str, sdk: Any, stored: Stored
) -> None:
    neighbour, own = Neighbour(), Own(sdk, place)
    steps = [lambda: own.put(getattr(neighbour, how)), invented.autolog]
    for step in steps if first == "theirs" else reversed(steps):
        step()

    assert own.client.send("/chat", BODY) == sdk.REPLY

    assert stored.text == "Lima."
    assert neighbour.calls == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_after_the_neighbour_has_put_the_original_back_a_call_is_recorded_once(
    first: str, place: str, sdk: Any, stored: Stored
) -> None:
    neighbour, own = Neighbour(), Own(sdk, place)
    steps = [lambda: own.put(neighbour.named), invented.autolog]
    for step in steps if first == "theirs" else reversed(steps):
        step()

    own.put_back()
    invented.autolog()
    own.client.send("/chat", BODY)

    assert stored.text == "Lima."
    assert neighbour.calls == 0


@pytest.mark.parametrize("place", PLACES)
def test_switched_off_below_a_neighbours_wrapper_nothing_is_recorded_or_left(
    place: str, sdk: Any, stored: Stored
) -> None:
    function = vars(sdk.Client)["send"]
    before = function.__code__, dict(vars(function))
    neighbour, own = Neighbour(), Own(sdk, place)
    invented.autolog()
    own.put(neighbour.named)

    invented.autolog(disable=True)
    own.client.send("/chat", BODY)

    assert stored.spans == []
    assert neighbour.calls == 1
    assert (function.__code__, vars(function)) == before


@pytest.fixture
def door_of(sdk: Any) -> Iterator[Callable[[str], Provider]]:
    """A provider of one method of the SDK's client, switched on."""
    made: list[Provider] = []

    def door_of(name: str) -> Provider:
        door = Door(f"acme_sdk:Client.{name}", lambda given: Call(invented.OPERATIONS["/chat"], given["body"]))
        made.append(Provider(name="acme", module="acme_sdk", doors=(door,)))
        made[0].autolog()
        return made[0]

    yield door_of
    for each in made:
        each.autolog(disable=True)


def test_a_generators_door_whose_wrapper_is_taken_off_is_recorded_once(
    sdk: Any, door_of: Callable[[str], Provider], stored: Stored
) -> None:
    neighbour, original = Neighbour(), sdk.Client.lazy
    sdk.Client.lazy = neighbour.proxy(original)
    door_of("lazy")

    read = [list(sdk.Client().lazy("/chat", BODY))]
    sdk.Client.lazy = original
    read.append(list(sdk.Client().lazy("/chat", BODY)))

    assert read == [sdk.CHUNKS, sdk.CHUNKS]
    assert (len(stored.spans), neighbour.calls) == (2, 1)


def test_a_wrapper_below_ours_gets_the_client_and_the_arguments_that_it_gets_alone(
    sdk: Any, door_of: Callable[[str], Provider], stored: Stored
) -> None:
    given: list[Any] = []

    def wrapper(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        given.append((instance, args, kwargs))
        return wrapped(*args, **kwargs)

    sdk.Client.inherited = wrapt.FunctionWrapper(sdk.Transport.inherited, wrapper)
    client = sdk.Client()
    client.inherited("/chat", body=BODY)
    door_of("inherited")
    client.inherited("/chat", body=BODY)

    assert len(stored.spans) == 1
    assert given == [(client, ("/chat",), {"body": BODY})] * 2


def test_a_bound_method_that_was_kept_before_is_recorded(sdk: Any, stored: Stored) -> None:
    kept = sdk.Client().send

    invented.autolog()
    kept("/chat", BODY)
    invented.autolog(disable=True)
    kept("/chat", BODY)

    assert stored.text == "Lima."


def test_an_asynchronous_door_behind_a_wrapper(sdk: Any, stored: Stored) -> None:
    original = sdk.AsyncClient.send

    class Derived(sdk.AsyncClient):  # type: ignore[misc, name-defined]
        async def send(self, *args: Any, **kwargs: Any) -> Any:
            return await original(self, *args, **kwargs)

    invented.autolog()

    assert asyncio.run(Derived().send("/chat", BODY)) == sdk.REPLY
    assert stored.text == "Lima."


def test_a_recorded_method_shows_as_what_it_is(sdk: Any) -> None:
    shown: list[Any] = []
    for switch in (lambda: None, invented.autolog):
        switch()
        methods = [sdk.Client.send, sdk.AsyncClient.send]
        shown.append([
            *(inspect.signature(method) for method in methods),
            *(inspect.getsource(method) for method in methods),
            *(inspect.iscoroutinefunction(method) for method in methods),
            *((method.__name__, method.__qualname__, method.__module__, method.__doc__) for method in methods),
            *map(id, methods),
        ])  # fmt: skip

    assert shown[0] == shown[1]


def test_a_subclass_that_calls_super_is_recorded_once_without_a_warning(
    sdk: Any, stored: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    class Derived(sdk.Client):  # type: ignore[misc, name-defined]
        def send(self, *args: Any, **kwargs: Any) -> Any:
            return super().send(*args, **kwargs)

    with caplog.at_level(logging.WARNING, "tracer"):
        invented.autolog()
    Derived().send("/chat", BODY)

    assert stored.text == "Lima."
    assert caplog.records == []


def test_a_method_that_leads_nowhere_is_one_warning_with_help(sdk: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Derived(sdk.Client):  # type: ignore[misc, name-defined]
        pass

    Derived.send = lambda self, path, body: sdk.REPLY

    with caplog.at_level(logging.WARNING, "tracer"):
        invented.autolog()
        invented.autolog()

    [warning] = [record.getMessage() for record in caplog.records]
    assert "does not record what passes tests.provider.test_shadows.test_a_method" in warning
    assert "Derived.send" in warning
    assert "call tracer.acme.autolog() before" in warning
    assert "call super()" in warning


def test_an_inherited_door_that_a_subclass_hides_is_a_warning(sdk: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Such a door is an attribute of ours, which others may hold the original of."""
    original = sdk.Transport.inherited

    class Derived(sdk.Client):  # type: ignore[misc, name-defined]
        inherited = Neighbour().opaque(original)

    door = Door("acme_sdk:Client.inherited", invented.read_call)
    inheriting = Provider(name="acme", module="acme_sdk", doors=(door,))
    with caplog.at_level(logging.WARNING, "tracer"):
        inheriting.autolog()
    inheriting.autolog(disable=True)

    [warning] = [record.getMessage() for record in caplog.records]
    assert "Derived.inherited" in warning


def test_two_providers_of_one_method_come_and_go_in_any_order(sdk: Any, stored: Stored) -> None:
    function = vars(sdk.Client)["send"]
    before = function.__code__, dict(vars(function))
    other = Provider(name="other", module="acme_sdk", doors=invented.provider.doors)

    invented.autolog()
    other.autolog()
    invented.autolog(disable=True)
    sdk.Client().send("/chat", BODY)
    assert stored.span.attributes["gen_ai.provider.name"] == "other"

    invented.autolog()
    other.autolog(disable=True)
    invented.autolog(disable=True)
    sdk.Client().send("/chat", BODY)
    assert len(stored.spans) == 1
    assert (function.__code__, vars(function)) == before


@pytest.mark.no_store
@pytest.mark.parametrize("name", BUILT_IN)
def test_every_door_is_the_sdks_own_function_which_whoever_holds_it_reaches(name: str) -> None:
    provider: Provider = find_provider_module(name).provider
    pytest.importorskip(provider.module, reason="tests/run.py makes an environment with it")
    entrances = [*provider.doors, *provider.taps, *provider.hooks]
    hidden = []
    for entrance in entrances:
        patch = Patch(entrance.target, lambda original, patch: original, parameters=entrance.parameters)
        try:
            patch.check()
        except DoorMovedError:
            assert getattr(entrance, "is_optional", False)
            continue
        if not reaches_all(entrance, patch):
            hidden.append(entrance.target)

    assert entrances
    assert hidden == []


def reaches_all(entrance: Any, patch: Patch) -> bool:
    """Whether the SDK's own code is exchanged, where it is to be."""
    found = patch._found
    assert found is not None
    # a function of another module is watched in the one that imports it; a door that is a context manager has no code
    # that could be exchanged for an async generator's
    module = found.holder.__name__
    is_imported = isinstance(found.holder, ModuleType) and vars(found.holder)[found.name].__module__ != module
    return is_imported or getattr(entrance, "is_context", False) or isinstance(found.function, FunctionType)


@pytest.fixture(autouse=True)
def all_off() -> Iterator[None]:
    yield
    tracer.autolog(disable=True)
