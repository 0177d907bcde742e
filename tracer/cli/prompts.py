"""``tracer prompts``: what is registered, its versions, and what they change."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from tracer.cli.options import Group, examples, json_option, store_option

if TYPE_CHECKING:
    from tracer.cli.screen import Screen
    from tracer.genai.prompts import PromptVersion

_NS_PER_MS = 1_000_000
_HEADS = ("prompt", "version", "aliases", "registered", "message")
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@click.group(
    "prompts",
    cls=Group,
    invoke_without_command=True,
    epilog=examples("tracer prompts", "tracer prompts show qa@production", "tracer prompts diff qa 1 2"),
)
@json_option("One JSON object a line.")
@store_option
@click.pass_context
def command(context: click.Context, as_json: bool, store_url: str | None) -> None:
    """List the newest version of each registered prompt, or show, compare and name versions."""
    context.obj = store_url
    if context.invoked_subcommand is None:
        from tracer.cli.reading import store_for_reading
        from tracer.cli.screen import note
        from tracer.genai.prompts import search_prompts

        store_for_reading(store_url)
        found = search_prompts()
        if not found and not as_json:
            note("no prompts; tracer.register_prompt('name', 'Answer {{question}}') makes one.")
        _list(found, as_json)


@command.command("show", epilog=examples("tracer prompts show qa", "tracer prompts show qa/2 --json"))
@click.argument("reference", metavar="NAME[/VERSION|@ALIAS]")
@json_option("The version as one JSON object.")
@store_option
@click.pass_context
def show_command(context: click.Context, reference: str, as_json: bool, store_url: str | None) -> None:
    """Show a prompt: the version that is named, or all versions and the newest one's template."""
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import Screen
    from tracer.genai.prompts import load_prompt, search_prompt_versions
    from tracer.store.filter import parse_filter

    store = store_for_reading(store_url or context.obj)
    prompt = load_prompt(reference)
    screen = Screen()
    if as_json:
        screen.json(_as_json(prompt))
        return
    if reference.strip("/") in (prompt.name, f"prompts:/{prompt.name}"):
        _list(search_prompt_versions(prompt.name), as_json=False)
        screen.print()
    quoted = prompt.name.replace("'", "''")
    condition = f"prompt = '{quoted}/{prompt.version}'"
    _print_version(screen, prompt, store.count_traces(parse_filter(condition)), condition)


@command.command("diff", epilog=examples("tracer prompts diff qa", "tracer prompts diff qa 1 production"))
@click.argument("name")
@click.argument("before", required=False, metavar="[VERSION|ALIAS]")
@click.argument("after", required=False, metavar="[VERSION|ALIAS]")
@json_option("One JSON object: name, both versions, and the lines of the difference.")
@store_option
@click.pass_context
def diff_command(
    context: click.Context, name: str, before: str | None, after: str | None, as_json: bool, store_url: str | None
) -> None:
    """Show what a version changes: of the newest two, of one and the newest, or of two that are named."""
    from rich.text import Text

    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import Screen, note
    from tracer.cli.wording import clean
    from tracer.genai.prompts import load_prompt

    store_for_reading(store_url or context.obj)
    new = load_prompt(_reference(name, after))
    old = load_prompt(_reference(name, before or str(max(1, new.version - 1))))
    screen = Screen()
    lines = old.diff(new).splitlines()
    if as_json:
        screen.json({"name": new.name, "before": old.version, "after": new.version, "lines": lines})
        return
    if not lines:
        note(f"{old.name}/{old.version} and {new.name}/{new.version} have the same template.")
    for line in lines:
        screen.print(Text(clean(line), style=_STYLES.get(line[:1], "")))


@command.command(
    "alias", epilog=examples("tracer prompts alias qa production 2", "tracer prompts alias qa old --delete")
)
@click.argument("name")
@click.argument("alias")
@click.argument("version", required=False)
@click.option("--delete", is_flag=True, help="Take the alias away.")
@json_option("One JSON object: name, alias, and the version that it is now.")
@store_option
@click.pass_context
def alias_command(
    context: click.Context,
    name: str,
    alias: str,
    version: str | None,
    delete: bool,
    as_json: bool,
    store_url: str | None,
) -> None:
    """Let NAME@ALIAS be a version from now on, or take the alias away."""
    from tracer.cli.reading import store_for_reading
    from tracer.cli.screen import tell
    from tracer.genai.prompts import delete_prompt_alias, load_prompt, set_prompt_alias

    if (version is None) != delete:
        raise click.UsageError("give a VERSION or --delete.")
    store_for_reading(store_url or context.obj)
    if version is None:
        delete_prompt_alias(name, alias)
        tell(as_json, {"name": name, "alias": alias, "version": None}, f"{name} has no alias {alias} now.")
        return
    set_prompt_alias(name, alias, load_prompt(_reference(name, version)).version)
    now = load_prompt(f"{name}@{alias}").version
    tell(as_json, {"name": name, "alias": alias, "version": now}, f"{name}@{alias} is version {now} now.")


def _reference(name: str, version: str | None) -> str:
    if version is None:
        return name
    return f"{name}/{version}" if version.isdigit() else f"{name}@{version}"


def _list(prompts: list[PromptVersion], as_json: bool) -> None:
    from tracer.cli.screen import Screen
    from tracer.cli.table import aligned
    from tracer.cli.wording import short_moment

    screen = Screen()
    if as_json:
        for prompt in prompts:
            screen.json(_as_json(prompt))
        return
    rows = [
        (
            prompt.name,
            prompt.version,
            ", ".join(prompt.aliases) or "-",
            short_moment(prompt.creation_timestamp * _NS_PER_MS),
            prompt.commit_message or "",
        )
        for prompt in prompts
    ]
    for line in aligned([_HEADS, *rows]) if rows else []:
        screen.print(line)


def _as_json(prompt: PromptVersion) -> dict[str, object]:
    fields = {each.name: getattr(prompt, each.name) for each in dataclasses.fields(prompt) if each.repr}
    return {**fields, "variables": sorted(prompt.variables)}


def _print_version(screen: Screen, prompt: PromptVersion, used: int, condition: str) -> None:
    from tracer.cli.wording import clean_line, how_many, moment

    about = [f"{prompt.name}/{prompt.version}", *(f"@{alias}" for alias in prompt.aliases)]
    screen.print("  ".join([*map(clean_line, about), moment(prompt.creation_timestamp * _NS_PER_MS)]))
    if prompt.commit_message:
        screen.print(clean_line(prompt.commit_message))
    if prompt.tags:
        screen.print("  ".join(clean_line(f"{key}={value}") for key, value in prompt.tags.items()))
    if prompt.variables:
        screen.print(clean_line("variables: " + ", ".join(sorted(prompt.variables))))
    command = f': tracer list --filter "{condition}"' if used else ""
    screen.print(clean_line(f"used by {how_many(used, 'trace')}{command}"))
    screen.print()
    if isinstance(prompt.template, str):
        screen.wrapped(prompt.template)
        return
    for message in prompt.template:
        screen.print(clean_line(message.get("role")))
        content = message.get("content")
        if isinstance(content, str):
            screen.wrapped(content, indent=2)
        else:
            screen.json(content, indent=True)
