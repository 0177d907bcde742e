"""The places where requests pass that a replay answers or records; nothing of it is there outside of such a block."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeAlias

from tracer._replay.session import Session
from tracer.errors import CassetteError, ReplayMismatchError
from tracer.provider.import_hook import is_imported, when_imported
from tracer.provider.patch import DoorMovedError, Function, Patch

Current: TypeAlias = "Callable[[], Session | None]"


class _Place(NamedTuple):
    """A function, by its module and its name, what takes its place, and what that is to find."""

    module: str
    function: str
    replacement: str
    parameters: tuple[str, ...] = ()
    is_in_all_versions: bool = True


_AT_ONCE = tuple(
    _Place(module, f"{client}._transport_for_url", "transport:transport_replacement", ("url",))
    for module in ("httpx", "httpx2")
    for client in ("Client", "AsyncClient")
)
_WHEN_IMPORTED = (
    _Place("aiohttp.client", "ClientSession._request", "connections:request_replacement"),
    _Place("aiohttp.connector", "BaseConnector.connect", "connections:connect_replacement", ("req",)),
    _Place("urllib3.connectionpool", "HTTPConnectionPool.urlopen", "pools:urlopen_replacement", ("method", "url")),
    _Place("botocore.httpsession", "URLLib3Session.send", "pools:send_replacement"),
    # of versions before 1.0, which use requests
    _Place(
        "huggingface_hub.utils._http", "UniqueRequestIdAdapter.send", "pools:send_replacement", is_in_all_versions=False
    ),
    _Place("websockets.sync.client", "connect", "unreachable:socket_replacement", ("uri",)),
    _Place("websockets.asyncio.client", "connect.__init__", "unreachable:socket_replacement", ("uri",)),
    _Place(
        "claude_agent_sdk._internal.transport.subprocess_cli",
        "SubprocessCLITransport.connect",
        "unreachable:program_replacement",
    ),
)

_patches: list[Patch] = []
_awaited: set[_Place] = set()  # whose modules are not imported yet


def install(current: Current) -> None:
    """Put replacements in all places of modules that are imported; in others when they are. Raises CassetteError."""
    if _patches:
        return
    for place in _AT_ONCE:
        with suppress(ImportError):
            importlib.import_module(place.module)
            _replace(place, current)
    for place in _WHEN_IMPORTED:
        if is_imported(place.module):
            _replace(place, current)
        elif place not in _awaited:
            _awaited.add(place)
            when_imported(place.module, partial(_replace_later, place, current))


def remove() -> None:
    """Put the originals back."""
    while _patches:
        _patches.pop().remove()


def _replace_later(place: _Place, current: Current) -> None:
    session = current()
    if session is not None:
        try:
            _replace(place, current)
        except CassetteError as error:  # for the end of the block: an import is not to fail
            session.mismatch = session.mismatch or ReplayMismatchError(str(error))


def _replace(place: _Place, current: Current) -> None:
    module, _, name = place.replacement.partition(":")

    def replacement(original: Function, patch: Patch) -> Function:
        made: Function = getattr(importlib.import_module(f"tracer._replay.{module}"), name)(original, patch, current)
        return made

    patch = Patch(f"{place.module}:{place.function}", replacement, parameters=place.parameters)
    try:
        patch.install()
    except DoorMovedError as error:
        if place.is_in_all_versions:
            raise CassetteError(f"this version of {place.module} cannot be replayed: {error}") from None
        return
    _patches.append(patch)
