"""A trace as an outline that fits into so many tokens: failed steps and those above them are never left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracer.cli import wording
from tracer.cli.steps import Step

CHARACTERS_PER_TOKEN = 4  # about, for English and JSON
_LABEL_LENGTH = 80
_ERROR_LENGTH = 300


def outline(steps: Sequence[Step], max_tokens: int) -> list[str]:
    """A line a step, with its number; steps in between that do not fit are counted."""
    lines = [_line(number, step) for number, step in enumerate(steps, start=1)]
    kept = _kept(steps, lines, max_tokens * CHARACTERS_PER_TOKEN)
    return list(_with_gaps(lines, kept))


def _line(number: int, step: Step) -> str:
    given, produced = step.tokens
    used = "" if given is None and produced is None else f"{given or 0}→{produced or 0} tokens"
    took = wording.duration(step.end - step.start) if step.end is not None else ""
    state = "" if step.end is not None else "running" if step.is_running else "interrupted"
    facts = " · ".join(filter(None, (step.type, took or state, used, wording.money(step.cost))))
    label = wording.clip(wording.clean_line(step.label), _LABEL_LENGTH)
    line = f"{number}. {'  ' * min(step.depth, 12)}{label} [{facts}]"
    if step.error is not None:
        line += f" ✗ {wording.clip(wording.clean_line(step.error), _ERROR_LENGTH)}"
    return line


def _kept(steps: Sequence[Step], lines: Sequence[str], room: int) -> set[int]:
    """The places of the steps to show: failed ones first, innermost first among them, then all in their order."""
    places = {step.span_id: place for place, step in enumerate(steps)}
    failed = sorted((place for place, step in enumerate(steps) if step.failed), key=lambda place: -steps[place].depth)
    with_paths = (place for lowest in failed for place in _path(steps, places, lowest))
    kept: set[int] = set()
    for place in (0, *with_paths, *range(len(steps))):
        if place in kept or place >= len(steps):
            continue
        room -= len(lines[place]) + 1
        if room < 0 and kept:
            break
        kept.add(place)
    return kept


def _path(steps: Sequence[Step], places: dict[str, int], place: int) -> list[int]:
    """A step and all above it."""
    path: list[int] = []
    found: int | None = place
    while found is not None and found not in path:
        path.append(found)
        found = places.get(str(steps[found].record.get("parent_id")))
    return path


def _with_gaps(lines: Sequence[str], kept: set[int]) -> Iterator[str]:
    first_left_out = None
    for place in range(len(lines) + 1):
        if place < len(lines) and place not in kept:
            first_left_out = place if first_left_out is None else first_left_out
            continue
        if first_left_out is not None:
            yield f"… steps {first_left_out + 1} to {place} are left out; a larger max_tokens shows them"
            first_left_out = None
        if place < len(lines):
            yield lines[place]
