"""Items of the Responses API as messages and parts in the schema of the conventions."""

from __future__ import annotations

from collections.abc import Iterator

from tracer._json import JsonMapping, JsonObject
from tracer.messages import content_parts, media_part, parsed, text_part, to_message

from .._values import as_dict, as_dicts

Item = JsonObject

# calls of tools that the program runs, with the fields of their arguments
_CALLS_OF_THE_PROGRAM = {
    "function_call": ("arguments",),
    "custom_tool_call": ("input",),
    "computer_call": ("action", "actions"),
    "shell_call": ("action",),
    "local_shell_call": ("action",),
    "apply_patch_call": ("operation",),
}
_RESULT = "_output"
# tools that the provider runs have call and result in one item
_RESULT_FIELDS = frozenset({"results", "outputs", "output", "error", "result"})


def input_messages(given: object) -> list[JsonObject]:
    """The input as messages, one per item."""
    if given is None:
        return []
    if isinstance(given, str):
        return [{"role": "user", "parts": [text_part(given)]}]
    return [_item_message(item) for item in given] if isinstance(given, list) else [to_message(given)]


def _item_message(item: object) -> JsonObject:
    item = as_dict(item)
    if "role" in item:
        return to_message(item)
    role = "tool" if _kind(item).endswith(_RESULT) else "assistant"
    return {"role": role, "parts": list(item_parts(item))}


def items_parts(items: object) -> list[JsonObject]:
    """The parts of all items, in order."""
    return [part for item in as_dicts(items) for part in item_parts(item)]


def item_parts(item: Item) -> Iterator[JsonObject]:
    """The parts of an input or output item."""
    kind = _kind(item)
    if kind == "message":
        yield from content_parts(item.get("content"))
    elif kind == "reasoning":
        texts = [str(part.get("text") or "") for key in ("summary", "content") for part in as_dicts(item.get(key))]
        yield {"type": "reasoning", "content": "\n\n".join(texts)}
    elif kind in _CALLS_OF_THE_PROGRAM:
        name = item.get("name") or kind.removesuffix("_call")
        yield {"type": "tool_call", "id": item.get("call_id"), "name": name, "arguments": _arguments(kind, item)}
    elif kind.endswith(_RESULT):
        yield {"type": "tool_call_response", "id": item.get("call_id") or item.get("id"), "response": _response(item)}
    elif kind.endswith("_call"):
        yield from _provider_call(kind, item)
    else:
        yield {**item, "type": kind}


def waits_for_tools(items: list[Item]) -> bool:
    """Whether the model has called tools of the program whose results are missing."""
    answered = {item.get("call_id") for item in items if _kind(item).endswith(_RESULT)}
    return any(_kind(item) in _CALLS_OF_THE_PROGRAM and item.get("call_id") not in answered for item in items)


def _kind(item: JsonMapping) -> str:
    return str(item.get("type") or "message")


def _arguments(kind: str, item: Item) -> object:
    fields = _CALLS_OF_THE_PROGRAM[kind]
    return parsed(next((item[field] for field in fields if item.get(field) is not None), None))


def _response(item: Item) -> object:
    output = next((item[field] for field in ("output", "result", "tools") if item.get(field) is not None), None)
    is_content = isinstance(output, list) and all(
        str(part.get("type")).startswith(("input_", "output_")) for part in as_dicts(output)
    )
    return list(content_parts(output)) if is_content else output


def _provider_call(kind: str, item: Item) -> Iterator[JsonObject]:
    """A tool that the provider runs: its call and its result."""
    given = {key: value for key, value in item.items() if key != "id" and key not in _RESULT_FIELDS}
    if "arguments" in given:
        given["arguments"] = parsed(given["arguments"])
    name, item_id = item.get("name") or kind.removesuffix("_call"), item.get("id")
    yield {"type": "server_tool_call", "id": item_id, "name": name, "server_tool_call": given}
    found = {key: item[key] for key in _RESULT_FIELDS if item.get(key) is not None}
    if kind == "image_generation_call" and isinstance(found.get("result"), str):
        yield media_part("image", found.pop("result"), None)
    if found:
        ordered = {"type": kind, **dict(sorted(found.items()))}
        yield {"type": "server_tool_call_response", "id": item_id, "server_tool_call_response": ordered}


def put_part(item: Item, field: str, position: int, part: Item) -> None:
    """Put a part at its position in an item, also before the parts in front of it have arrived."""
    held = item.get(field)
    parts = list(held) if isinstance(held, list) else []
    parts += [{}] * (position + 1 - len(parts))
    parts[position] = {**as_dict(parts[position]), **part}
    item[field] = parts
