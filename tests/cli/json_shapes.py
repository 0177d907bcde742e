"""The shape of what commands print with ``--json``: names and types, kept in json_shapes.json, where a change shows.

``RENEW_SHAPES=1 python -m pytest tests/cli/test_json.py tests/cli/test_bisect.py`` writes the file anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("json_shapes.json")
# objects whose names are those of the user or of a provider
_OPEN = frozenset({
    "assessments", "attributes", "config", "expectations", "inputs", "json", "metrics", "outputs", "params", "resource",
    "scores", "source", "tags", "tokens", "trace_metadata", "tried", "usage",
})  # fmt: skip


def shape_of(value: Any, name: str = "") -> Any:
    """Names with types; of a list the shape of its items, "object" for what users and providers name."""
    if isinstance(value, dict):
        return "object" if name in _OPEN else {key: shape_of(value[key], key) for key in sorted(value)}
    if isinstance(value, list):
        shapes: list[Any] = []
        for item in value:
            shape = shape_of(item, name)
            shapes += [shape] if shape not in shapes else []
        return sorted(shapes, key=json.dumps)
    return {type(None): "null", bool: "bool", int: "number", float: "number", str: "string"}[type(value)]


def kept() -> dict[str, Any]:
    """The shapes by command."""
    return dict(json.loads(FILE.read_text()))


def check_shape(command: str, out: str) -> None:
    """Compare what a command printed, a JSON object a line or one in all, with the shape that is kept."""
    try:
        found = shape_of(json.loads(out))
    except ValueError:
        found = shape_of([json.loads(line) for line in out.splitlines()])
        found = found[0] if len(found) == 1 else found
    if os.environ.get("RENEW_SHAPES"):
        shapes = {**(kept() if FILE.exists() else {}), command: found}
        FILE.write_text(json.dumps(shapes, indent=1, sort_keys=True) + "\n")
    assert found == kept()[command], f"tracer {command} --json has another shape; see {__name__}"
