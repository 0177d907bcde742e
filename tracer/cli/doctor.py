"""``tracer doctor``."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer._distribution import NAME, installed_version
from tracer.cli.options import examples, json_option, store_option
from tracer.errors import NotAllowedError, TracerError

if TYPE_CHECKING:
    from tracer.provider import Door, Hook, Provider, Tap

_NEEDED = (
    "opentelemetry-sdk",
    "opentelemetry-semantic-conventions",
    "wrapt",
    "orjson",
    "rich",
    "click",
    "genai-prices",
)
_OPTIONAL = ("opentelemetry-exporter-otlp-proto-http", "starlette", "uvicorn")
_AGAIN = "pip install --force-reinstall --no-deps . in a clone of tracer"
_SIGNS = {"ok": "✓", "note": "·", "problem": "✗"}
_STYLES = {"ok": "green", "note": "dim", "problem": "bold red"}


@dataclass(frozen=True)
class Finding:
    """Result of one check; a ``problem`` is a part that does not work."""

    about: str
    name: str
    verdict: str  # ok, note, problem
    says: str


@click.command("doctor", epilog=examples("tracer doctor", "tracer doctor --store /var/lib/app/tracer.db"))
@json_option("One JSON object a line for each thing looked at.")
@store_option
def command(as_json: bool, store_url: str | None) -> None:
    """Check the installation: versions, settings, whether each SDK can be traced, the store and its journals.

    Exits with 1 when something is broken.
    """
    from rich.text import Text

    from tracer.cli.screen import Screen
    from tracer.cli.wording import clean

    screen = Screen()
    findings, about = [], ""
    for finding in _examine(store_url):
        findings.append(finding)
        if as_json:
            screen.json(asdict(finding))
            continue
        if finding.about != about:
            about = finding.about
            screen.print(Text(about, style="bold"))
        line = Text(f"  {_SIGNS[finding.verdict]} ", style=_STYLES[finding.verdict])
        screen.print(line.append(f"{clean(finding.name)}  {clean(finding.says)}", style="default not bold not dim"))
    problems = sum(finding.verdict == "problem" for finding in findings)
    if not as_json:
        screen.print(f"\n{problems or 'no'} problem{'' if problems == 1 else 's'} found")
    if problems:
        raise click.exceptions.Exit(1)


def _examine(store_url: str | None) -> Iterator[Finding]:
    yield from _guarded("versions", _versions)
    yield from _guarded("settings", _settings)
    yield from _guarded("SDKs", _sdks)
    yield from _guarded("store", lambda: _store(store_url))


def _guarded(about: str, examine: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from examine()
    except (TracerError, OSError) as error:
        yield Finding(about, "failed", "problem", str(error))
    except Exception as error:  # files of another package over ours may break any of them
        yield Finding(about, "failed", "problem", f"this check cannot be made: {error!r}")


def _versions() -> Iterator[Finding]:
    python = f"{platform.python_version()} ({platform.python_implementation()}, {platform.system()})"
    yield Finding("versions", "python", "ok", python)
    yield from _imported()
    yield from _guarded("versions", _owners)
    for name in _NEEDED:
        found = _version(name)
        yield Finding("versions", name, "ok" if found else "problem", found or f"missing: pip install {name}")
    found = _version("hyperscan")  # not made for every platform
    slower = "not installed: the search for secrets runs in Python, and takes three to ten times as long"
    yield Finding("versions", "hyperscan", "ok" if found else "note", found or slower)
    for name in _OPTIONAL:
        found = _version(name)
        yield Finding("versions", name, "ok" if found else "note", found or "not installed (optional)")


def _imported() -> Iterator[Finding]:
    """Version and folder of the package that Python imports, which need not be the installed one."""
    import tracer

    version = getattr(tracer, "__version__", "of unknown version")  # the imported one may be another owner's
    installed = installed_version()
    says = f"{version} in {Path(tracer.__file__).resolve().parent}"
    if installed is None:
        says += ", not installed as a package"
    elif installed != version:
        says += f"; installed is {NAME} {installed}"
    yield Finding("versions", "tracer", "ok", says)


def _owners() -> Iterator[Finding]:
    """Other distributions with a folder ``tracer``: installers let them overwrite each other's files.

    Then, a folder that is imported instead of ours because ``sys.path`` has it earlier, as with PYTHONPATH.
    """
    import tracer
    from tracer.cli.distributions import is_checkout, owners

    imported = Path(tracer.__file__).resolve().parent
    found = owners()
    for owner in found:
        if not owner.is_ours:
            advice = f"pip uninstall {owner.name}, then {_AGAIN}"
            says = f"{owner.version} has a package tracer too, in {owner.folder}: {advice}"
            yield Finding("versions", owner.name, "problem", says)
    if is_checkout(imported):
        return
    ours = [owner for owner in found if owner.is_ours]
    here = [owner for owner in found if owner.folder == imported]
    if ours and not any(owner in here for owner in ours):
        says = (
            f"the one imported, {imported}, is not that of {NAME} {ours[0].version}, {ours[0].folder}: remove it, "
            f"or take {imported.parent} out of PYTHONPATH and sys.path"
        )
        yield Finding("versions", "import tracer", "problem", says)
        return
    by = next((owner for owner in here if owner.has_installed(imported)), None)
    if here and not (by and by.is_ours):
        origin = f"{by.name} {by.version}" if by else "none of the installed packages"
        says = f"the one imported, {imported}, is from {origin}, not from {NAME}: {_AGAIN}"
        yield Finding("versions", "import tracer", "problem", says)


def _settings() -> Iterator[Finding]:
    from tracer.config import ENVIRONMENT, OTHER_VARIABLES, SECRET_VARIABLES, settings_from_environment

    given = {name: value for name, value in os.environ.items() if name.startswith("TRACER_")}
    try:
        settings = settings_from_environment(os.environ)
    except TracerError as error:
        yield Finding("settings", "environment", "problem", str(error))
        return
    known = (*ENVIRONMENT.values(), *OTHER_VARIABLES)
    for name in sorted(given):
        if name in known:
            yield Finding("settings", name, "ok", "(not shown)" if name in SECRET_VARIABLES else given[name])
        else:
            yield Finding("settings", name, "note", f"tracer knows no such setting; it knows {', '.join(known)}")
    if not settings.enabled:
        yield Finding("settings", "recording", "note", "switched off by TRACER_ENABLED")
    if not given:
        yield Finding("settings", "environment", "ok", "no TRACER_* variable is set; the defaults hold")


def _sdks() -> Iterator[Finding]:
    from tracer.provider import Provider
    from tracer.provider.installed import find_provider_module, names

    for name in names():
        try:
            module = find_provider_module(name)
        except Exception as error:  # a third party's package may fail in any way
            says = f"its tracer provider cannot be loaded: {error.__cause__ or error!r}"
            yield Finding("SDKs", name, "problem", says)
            continue
        described = getattr(module, "provider", None)
        if isinstance(described, Provider):
            yield _sdk(name, described)
        else:
            yield Finding("SDKs", name, "note", "provided by an installed package")


def _sdk(name: str, described: Provider) -> Finding:
    from tracer.provider.patch import DoorMovedError, Patch

    distribution = described.distribution or described.module
    version = _version(distribution)
    if not _can_be_found(described.module) or (version is None and described.shown_by is not None):
        return Finding("SDKs", name, "note", f"{distribution} is not installed")
    version = version or "of unknown version"
    try:
        entrances: list[Door | Tap | Hook] = [*described.doors, *described.taps, *described.hooks]
        for entrance in entrances:
            Patch(entrance.target, lambda original, patch: original, parameters=entrance.parameters).check()
    except DoorMovedError as error:
        supported = f"supported: {described.supported or 'unknown'}"
        return Finding("SDKs", name, "problem", f"{distribution} {version} cannot be traced: {error} ({supported})")
    except Exception as error:
        return Finding("SDKs", name, "problem", f"{distribution} {version} cannot be imported: {error!r}")
    return Finding("SDKs", name, "ok", f"{distribution} {version}, can be traced (supported: {described.supported})")


def _can_be_found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # its parent package is missing, or is a stand-in in sys.modules
        return False


def _store(store_url: str | None) -> Iterator[Finding]:
    from tracer._journal.locations import without_password
    from tracer._journal.recovery import dropped, pending
    from tracer.cli.reading import store_place
    from tracer.cli.wording import how_many, size

    place = store_place(store_url)
    yield Finding("store", "url", "ok", without_password(place.url))
    yield from _server() if place.file is None else _file(place.file)
    journals = [journal for folder in place.journals for journal in pending(folder)]
    alive = [journal for journal in journals if journal["alive"]]
    dead = [journal for journal in journals if not journal["alive"]]
    for name, found, says in (
        ("living", alive, "of running processes"),
        ("dead", dead, "of ended processes, taken in when the store is next read"),
    ):
        waiting = sum(int(str(journal["bytes"])) for journal in found)
        yield Finding("journals", name, "ok", f"{len(found)} {says}, {size(waiting)} waiting")
    for folder in place.journals:
        if lost := dropped(folder):
            records = how_many(lost, "record")
            says = f"{records} ever, damaged, or not taken in time by the store, an exporter or the disk"
            yield Finding("journals", "dropped", "note", f"{says} ({folder})")


def _server() -> Iterator[Finding]:
    from tracer._engine.runtime import runtime
    from tracer.cli.wording import how_many

    try:
        yield Finding("store", "server", "ok", how_many(runtime().store().count_traces(), "trace"))
    except NotAllowedError:
        yield Finding("store", "server", "ok", "takes what is sent; the key does not read")
    except TracerError as error:
        yield Finding("store", "server", "problem", str(error))


def _file(path: Path) -> Iterator[Finding]:
    from tracer._engine.runtime import runtime
    from tracer._journal.locations import attachments_folder_of, file_size
    from tracer.cli.wording import how_many, size
    from tracer.store.sqlite.attachments import missing_files
    from tracer.store.sqlite.migrations import VERSION

    if not path.exists():
        above = next(above for above in path.parents if above.exists())
        writable = os.access(above, os.W_OK)
        says = "not there yet, made with the first trace" if writable else f"not there, and {above} is not writable"
        yield Finding("store", "file", "note" if writable else "problem", says)
    else:
        store = runtime().store()
        writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        taken = sum(file_size(file) for file in path.parent.glob(f"{path.name}*") if file.is_file())
        yield Finding("store", "file", "ok", f"{size(taken)}, store version {VERSION}")
        yield Finding("store", "writable", "ok" if writable else "problem", "yes" if writable else "no")
        yield Finding("store", "contents", "ok", how_many(store.count_traces(), "trace"))
        if missing := missing_files(path):
            says = f"{how_many(missing, 'file')} of them missing in {attachments_folder_of(path)}"
            yield Finding("store", "attachments", "problem", says)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
