"""Prints the content of each step: prompts, replies, tool calls beside their results, reasoning, errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text

from tracer import semconv
from tracer.cli import wording
from tracer.cli.pairs import Conversations, Message, Pairs, parts_of, said_in
from tracer.cli.parts import print_part, tool_name
from tracer.cli.screen import Screen
from tracer.cli.steps import Step
from tracer.cli.values import one_line, print_value
from tracer.cli.wording import clean_line, clip

_ROLE_STYLES = {"system": "yellow", "developer": "yellow", "user": "green", "assistant": "cyan", "tool": "magenta"}
_SHOWN_ELSEWHERE = ("gen_ai.", "tracer.", "server.", "http.", "error.", "openai.", "code.", "exception.")
_RULE_WIDTH = 80
_MOST_SECONDS = 1e9  # more is no time

_Raised = tuple[str, str, str]  # type, message and innermost frame of an exception


def print_steps(screen: Screen, steps: Sequence[Step]) -> None:
    """Every step in the order of the tree, with all of its content."""
    conversations = Conversations(steps)
    raised_below = _raised_below(steps)
    for step in steps:
        screen.print()
        _print_title(screen, step)
        _print_facts(screen, step)
        _print_contents(screen, step, conversations)
        _print_attributes(screen, step)
        _print_events(screen, step)
        _print_error(screen, step, raised_below[step.span_id])


# --- title and facts


def _print_title(screen: Screen, step: Step) -> None:
    width = screen.width or _RULE_WIDTH
    took = wording.duration(step.end - step.start) if step.end is not None else _unfinished(step)
    right = " · ".join(filter(None, (clean_line(step.type), took)))
    label = clip(clean_line(step.label), max(10, width - cell_len(right) - 10) if screen.width else None)
    line = Text("── ", style="dim")
    line.append(label, style="not dim bold red" if step.failed else "not dim bold")
    line.append(" " + "─" * max(2, width - cell_len(label) - cell_len(right) - 5) + " ")
    screen.print(line.append(right))


def _unfinished(step: Step) -> str:
    return "running" if step.is_running else "interrupted"


def _print_facts(screen: Screen, step: Step) -> None:
    facts = [_named(step, name, key) for name, key in _FACTS]
    retries, status = step.attribute(semconv.RETRIES), step.attribute(semconv.HTTP_STATUS)
    facts.append(wording.how_many(retries, "retry", "retries") if isinstance(retries, int) and retries else "")
    facts.append(f"http {one_line(status)}" if status not in (None, 200) else "")
    reasons = step.attribute(semconv.RESPONSE_FINISH_REASONS)
    facts.append(f"finish {', '.join(map(str, reasons))}" if isinstance(reasons, list) and reasons else "")
    first = step.attribute(semconv.TIME_TO_FIRST_CHUNK)
    facts.append(f"first chunk after {_seconds(first)}" if isinstance(first, (int, float)) else "")
    facts.extend(f"{name} {_seconds(step.attribute(key))}" for name, key in _TIMES if step.attribute(key))
    facts.extend(_usage(step))
    cut = step.attribute(semconv.TRUNCATED)
    facts.append(f"cut because too large: {one_line(cut)}" if cut else "")
    facts.append(_named(step, "request", semconv.REQUEST_ID))
    early = step.attribute(semconv.INCOMPLETE)
    facts.append(f"ended early: {early}" if early else "")
    for line in _lines_of([clean_line(fact) for fact in facts if fact], (screen.width or _RULE_WIDTH) - 2):
        screen.wrapped(Text(line, style="dim"), indent=2)


def _seconds(time: object) -> str:
    if isinstance(time, (int, float)) and abs(time) < _MOST_SECONDS:
        return wording.duration(time * 1e9)
    return one_line(time)


def _lines_of(facts: Sequence[str], width: int) -> list[str]:
    """Facts side by side, as many in a line as fit, none broken."""
    lines: list[str] = []
    for fact in facts:
        if lines and cell_len(lines[-1]) + cell_len(fact) + 3 <= width:
            lines[-1] += f" · {fact}"
        else:
            lines.append(fact)
    return lines


_TOKENS = {
    "input_tokens": "in",
    "output_tokens": "out",
    "cache_read_input_tokens": "read from cache",
    "cache_write_input_tokens": "written to cache",
    "cache_write_1h_input_tokens": "written to cache for an hour",
    "reasoning_output_tokens": "of reasoning",
    **{f"{kind}_{way}put_tokens": f"of {kind} {way}" for kind in ("audio", "image", "text") for way in ("in", "out")},
}


def _usage(step: Step) -> list[str]:
    counts = {name: step.usage.get(name) for name in semconv.TOKEN_USAGE if name != "total_tokens"}
    facts = [f"{wording.count(n)} {'token' if n == 1 else 'tokens'} {_TOKENS[name]}" for name, n in counts.items() if n]
    return [*facts, f"cost {wording.money(step.cost)}"] if step.cost is not None else facts


_FACTS = (
    ("model", semconv.RESPONSE_MODEL),
    ("temperature", semconv.REQUEST_TEMPERATURE),
    ("top p", semconv.REQUEST_TOP_P),
    ("seed", semconv.REQUEST_SEED),
    ("max tokens", semconv.REQUEST_MAX_TOKENS),
    ("reasoning", semconv.REQUEST_REASONING_LEVEL),
    ("status", semconv.RESPONSE_STATUS),
    ("chunks", semconv.STREAM_CHUNKS),
)
_TIMES = (
    ("loading", semconv.SERVER_LOAD_TIME),
    ("prompt", semconv.SERVER_PROMPT_TIME),
    ("generation", semconv.SERVER_GENERATION_TIME),
)


def _named(step: Step, name: str, key: str) -> str:
    value = step.attribute(key)
    return "" if value in (None, "") else f"{name} {one_line(value)}"


# --- contents


def _print_contents(screen: Screen, step: Step, conversations: Conversations) -> None:
    given, produced = said_in(step)
    if not given and not produced:
        _print_inputs_and_outputs(screen, step)
        return
    _print_tools(screen, step)
    _print_schema(screen, step)
    repeated, where = conversations.repeated(given)
    if repeated:
        what = wording.how_many(repeated, "message")
        screen.wrapped(Text(f"({what} as in “{clean_line(where)}” above)", style="dim"), indent=2)
    for message in given[repeated:]:
        _print_message(screen, message, conversations.pairs, is_reply=False)
    if produced:
        for message in produced:
            _print_message(screen, message, conversations.pairs, is_reply=True)
    elif step.attribute(semconv.OUTPUTS) is not None:
        _print_block(screen, "output", step.attribute(semconv.OUTPUTS))
    conversations.remember(step.label, [*given, *produced])


def _print_message(screen: Screen, message: Message, pairs: Pairs, *, is_reply: bool) -> None:
    """One message; a tool's result is left out if it is shown beside its call."""
    parts = [part for part in parts_of(message) if not pairs.is_beside_its_call(part)]
    if not parts and parts_of(message):
        return
    role = clean_line(message.get("role") or "message")
    title = Text(role, style=f"bold {_ROLE_STYLES.get(role, '')}".strip())
    notes = [clean_line(message["name"])] if message.get("name") else []
    notes += ["reply"] if is_reply else []
    if message.get("finish_reason") not in (None, "stop"):
        notes.append(clean_line(message["finish_reason"]))
    title.append("".join(f" · {text}" for text in notes), style="not bold dim")
    screen.print(Text("  ") + title)
    if not parts:
        screen.wrapped(Text("(empty)", style="dim"), indent=4)
    for part in parts:
        print_part(screen, part, pairs)


def _print_tools(screen: Screen, step: Step) -> None:
    tools = step.attribute(semconv.TOOL_DEFINITIONS)
    if isinstance(tools, list) and tools:
        names = ", ".join(clean_line(tool_name(tool)) for tool in tools)
        screen.wrapped(Text(f"tools offered: {names}", style="dim"), indent=2)


def _print_schema(screen: Screen, step: Step) -> None:
    schema = step.attribute(semconv.OUTPUT_SCHEMA)
    if isinstance(schema, Mapping):
        name = clean_line(schema.get("name") or "")
        screen.wrapped(Text(f"asked for JSON: {name}".rstrip(), style="dim"), indent=2)
        print_value(screen, schema.get("schema", schema), indent=4, style="dim")


def _print_inputs_and_outputs(screen: Screen, step: Step) -> None:
    for title, key in (("input", semconv.INPUTS), ("output", semconv.OUTPUTS)):
        value = step.attribute(key)
        if value not in (None, {}, ""):
            _print_block(screen, title, value)


def _print_block(screen: Screen, title: str, value: object) -> None:
    screen.print(Text(f"  {title}", style="bold"))
    print_value(screen, value, indent=4)


# --- attributes, events, errors


def _print_attributes(screen: Screen, step: Step) -> None:
    values = {**(step.record.get("attributes") or {}), **(step.record.get("json") or {})}
    own = {key: value for key, value in values.items() if not key.startswith(_SHOWN_ELSEWHERE)}
    if own:
        _print_block(screen, "attributes", own)


def _print_events(screen: Screen, step: Step) -> None:
    for event in step.record.get("events") or ():
        name = str(event.get("name") or "event")
        if name == "exception" or name.startswith(_SHOWN_ELSEWHERE):
            continue
        after = wording.duration(int(event.get("time") or step.start) - step.start)
        screen.wrapped(f"after {after}: {clean_line(name)}", indent=2)
        if event.get("attributes"):
            print_value(screen, event["attributes"], indent=4)


def _print_error(screen: Screen, step: Step, raised_below: set[_Raised]) -> None:
    """The error of a step; an exception that passed several steps shows its stack at the innermost one."""
    if step.error is None:
        return
    screen.wrapped(Text(f"✗ {wording.clean(step.error)}", style="bold red"), indent=2)
    shown: set[_Raised] = set()
    for raised, stack in _stacks(step):
        if raised in shown:
            continue
        shown.add(raised)
        is_below = raised in raised_below
        screen.wrapped("(stack trace below, where it was raised)" if is_below else stack, indent=4, style="dim")


def _raised_below(steps: Iterable[Step]) -> dict[str, set[_Raised]]:
    """By span id, the exceptions of its children."""
    found: dict[str, set[_Raised]] = {}
    for step in steps:
        parent = step.record.get("parent_id")
        if step.failed and parent in found:  # not for the first spans of a cycle of parents
            found[parent].update(raised for raised, _ in _stacks(step))
        found.setdefault(step.span_id, set())
    return found


def _stacks(step: Step) -> list[tuple[_Raised, str]]:
    found = []
    for event in step.record.get("events") or ():
        attributes = event.get("attributes") or {}
        stack = str(attributes.get("exception.stacktrace") or "").rstrip()
        if event.get("name") == "exception" and stack:
            # outer frames differ from step to step: compare the innermost frame
            places = [line.strip() for line in stack.splitlines() if line.lstrip().startswith("File ")]
            described = (str(attributes.get("exception.type")), str(attributes.get("exception.message")))
            found.append(((*described, places[-1] if places else stack), stack))
    return found
