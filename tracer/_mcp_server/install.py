"""Writes the server into the settings of a coding agent, beside the other entries."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tracer._json import JsonObject
from tracer.errors import TracerError

_NAME = "tracer"


class SettingsError(TracerError):
    """The settings of an agent cannot be read, so that nothing was written."""


class Client(NamedTuple):
    """The file in which an agent looks for servers, and the form of an entry there."""

    file: Callable[[], Path]
    key: str  # of the object that holds the servers
    fields: JsonObject  # of an entry, besides the command


def _codex_home() -> Path:
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex")


CLIENTS = {
    "claude": Client(lambda: Path(".mcp.json"), "mcpServers", {}),
    "cursor": Client(lambda: Path(".cursor", "mcp.json"), "mcpServers", {}),
    "vscode": Client(lambda: Path(".vscode", "mcp.json"), "servers", {"type": "stdio"}),
    "gemini": Client(lambda: Path(".gemini", "settings.json"), "mcpServers", {}),
    "codex": Client(
        lambda: Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex", "config.toml"), "mcp_servers", {}
    ),
}


class Written(NamedTuple):
    """A file of settings, and its entry for the server."""

    file: Path
    entry: str
    is_new: bool  # else it was there already, just so


def command_of(store: str | None) -> list[str]:
    """The command that starts the server with this Python, whatever environment the agent runs in."""
    return [sys.executable, "-m", "tracer", "mcp", *(["--store", store] if store else [])]


def install(client: str, command: Sequence[str]) -> Written:
    """Write the server into the settings of an agent. Raises SettingsError, and OSError."""
    known = CLIENTS[client]
    file = known.file()
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    after, entry = (_with_toml if file.suffix == ".toml" else _with_json)(before, known, command, file)
    if after != before:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(after, encoding="utf-8")
    return Written(file, entry, after != before)


def _with_json(before: str, client: Client, command: Sequence[str], file: Path) -> tuple[str, str]:
    entry = {**client.fields, "command": command[0], "args": list(command[1:])}
    shown = json.dumps({_NAME: entry}, indent=2, ensure_ascii=False)
    try:
        settings = json.loads(before or "{}")
        servers = settings.setdefault(client.key, {})
        if servers.get(_NAME) == entry:
            return before, shown
        servers[_NAME] = entry
    except (ValueError, AttributeError) as error:  # comments are allowed in some
        raise SettingsError(f"{file} is not plain JSON ({error}); add this to its {client.key!r}:\n{shown}") from error
    return json.dumps(settings, indent=2, ensure_ascii=False) + "\n", shown


def _with_toml(before: str, client: Client, command: Sequence[str], file: Path) -> tuple[str, str]:
    # a JSON text is a TOML text
    shown = f"[{client.key}.{_NAME}]\ncommand = {json.dumps(command[0])}\nargs = {json.dumps(list(command[1:]))}\n"
    if shown in before:
        return before, shown
    if f"[{client.key}.{_NAME}]" in before:
        raise SettingsError(f"{file} has another server of this name; put this in its place:\n{shown}")
    return f"{before.rstrip()}\n\n{shown}".lstrip(), shown
