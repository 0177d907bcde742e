"""Prints the parts of a message: text, reasoning, tool calls beside their results, media, unknown ones as JSON."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from tracer._json import JsonMapping
from tracer._records.attachments import ATTACHMENT_SCHEME
from tracer.cli import wording
from tracer.cli.pairs import Pairs
from tracer.cli.screen import Screen
from tracer.cli.values import arguments, one_line, print_value
from tracer.cli.wording import clean_line, clip


def print_part(screen: Screen, part: JsonMapping, pairs: Pairs) -> None:
    """A part of a message: text, reasoning, a call beside its result, media, …"""
    kind, content = part.get("type"), part.get("content")
    if kind == "text":
        print_value(screen, content, indent=4)
        _print_sources(screen, part)
    elif kind == "reasoning":
        screen.wrapped(Text("reasoning", style="dim bold"), indent=4)
        print_value(screen, content, indent=6, style="dim italic")
    elif kind == "refusal":
        print_value(screen, f"refused: {content}", indent=4, style="red")
    elif kind == "tool_call":
        _print_call(screen, part, pairs)
    elif kind == "tool_call_response":
        _print_result(screen, response_of(part), f"result of {clean_line(part.get('id') or 'a call')}")
    elif kind == "server_tool_call":
        _print_provider_call(screen, part)
    elif kind == "server_tool_call_response":
        found = {key: value for key, value in _details(part).items() if key != "type"}
        _print_result(screen, next(iter(found.values())) if len(found) == 1 else found, "")
    elif kind in ("blob", "uri", "file"):
        _print_media(screen, part)
    else:
        print_value(screen, {key: value for key, value in part.items() if value is not None}, indent=4)


def _print_media(screen: Screen, part: JsonMapping) -> None:
    where = next((part[key] for key in ("content", "uri", "file_id", "filename") if part.get(key)), "")
    name = clean_line(part.get("mime_type") or part.get("modality") or part.get("type"))
    length = part.get("bytes")
    if part.get("type") == "blob" and not str(where).startswith(ATTACHMENT_SCHEME):
        length, where = len(str(where).partition(";base64,")[2] or str(where)) * 3 // 4, ""
    size = wording.size(length) if isinstance(length, int) else ""
    title = "" if str(where).startswith(ATTACHMENT_SCHEME) else f"[{name}]"  # the text of an attachment has its type
    screen.wrapped(Text(" ".join(filter(None, [title, clip(one_line(where), 200), size])), style="dim"), indent=4)
    if part.get("transcript"):
        print_value(screen, part["transcript"], indent=4)


def _print_sources(screen: Screen, part: JsonMapping) -> None:
    """Sources that a text cites: pages and files."""
    annotations = part.get("annotations")
    for source in annotations if isinstance(annotations, list) else ():
        cited = source.get("url_citation", source) if isinstance(source, Mapping) else {}
        named = [cited.get(key) for key in ("title", "filename", "url", "file_id")]
        if any(named):
            screen.wrapped(Text("↪ " + " ".join(clean_line(name) for name in named if name), style="dim"), indent=4)


def _details(part: JsonMapping) -> JsonMapping:
    """Arguments or result of a tool of the provider: the value under the part's type."""
    details = part.get(str(part.get("type")))
    return details if isinstance(details, Mapping) else {}


def _print_provider_call(screen: Screen, part: JsonMapping) -> None:
    given = {key: value for key, value in _details(part).items() if key not in ("type", "status", "name")}
    given = {key: value for key, value in given.items() if value is not None}
    code = given.pop("code", None)
    if len(given) == 1 and isinstance(next(iter(given.values())), Mapping):  # {"action": {…}}
        given = {key: value for key, value in next(iter(given.values())).items() if key != "type"}
    line = Text()
    line.append(clean_line(part.get("name") or "tool"), style="magenta bold")
    line.append(f"({arguments(given)})")
    line.append(" by the provider", style="dim")
    screen.wrapped(line, indent=4)
    if code:
        print_value(screen, code, indent=6)


def _print_call(screen: Screen, part: JsonMapping, pairs: Pairs) -> None:
    line = Text()
    line.append(clean_line(part.get("name") or "tool"), style="magenta bold")
    line.append(f"({arguments(part.get('arguments'))})")
    screen.wrapped(line, indent=4)
    result = pairs.result_of(part)
    if result is not None:
        _print_result(screen, response_of(result), "")


def _print_result(screen: Screen, value: object, title: str) -> None:
    if title:
        screen.wrapped(Text(title, style="dim"), indent=4)
    if (isinstance(value, str) and "\n" not in value) or not isinstance(value, (str, dict, list)):
        screen.wrapped(f"→ {one_line(value)}", indent=6, style="magenta")
    else:
        screen.wrapped(Text("→", style="magenta"), indent=6)
        print_value(screen, value, indent=8, style="magenta")


def response_of(part: JsonMapping) -> object:
    """Result of a tool."""
    return part["response"] if "response" in part else part.get("result")


def tool_name(tool: object) -> str:
    """The name in the definition of a tool."""
    if not isinstance(tool, Mapping):
        return str(tool)
    function = tool.get("function")
    inner = function if isinstance(function, Mapping) else tool
    return str(inner.get("name") or tool.get("type") or "?")
