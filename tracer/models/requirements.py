"""The packages that a model needs.

tracer itself is never named in a way that lets pip ask an index for it: an index may have a package of another owner
under this name. It is named by the URL that it was installed from; without such a URL, in a comment.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Sequence, Set
from importlib import metadata
from pathlib import Path

from tracer._distribution import FORMER_NAME, NAME, installed_version
from tracer.errors import InvalidArgumentError

# the present name, the former one, and that of the import; an index may have each of another owner
_OURS = (NAME, FORMER_NAME, "tracer")
# a name that goes on with a slash is a path
_REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?![A-Za-z0-9._/\\-])\s*(?:\[[^\[\]]*\])?\s*(?P<url>@)?"
)
_OF_OPTION = re.compile(r"(?:^|[\s=])(?=[A-Za-z0-9])")  # where an option's value or a requirement after it begins
_ANYWHERE = ("https://", "http://", "ssh://")  # where another machine can get it, too


def requirements_of(
    given: Sequence[str] | str | Path | None, code: Iterable[Path], *, is_pickled: bool = False
) -> list[str]:
    """The lines of requirements.txt: those given (a list, or a file's path), else the packages imported by the code."""
    if given is not None:
        lines = _lines(Path(given)) if isinstance(given, (str, Path)) else [str(line) for line in given]
        return [safe for line in lines for safe in _without_tracer(line)]
    names = _packages_with({module for path in code for module in _imported(path)})
    names |= {"PyYAML", "cloudpickle"} if is_pickled else {"PyYAML"}  # the manifest is YAML
    lines = [f"{name}=={metadata.version(name)}" for name in names if _is_installed(name)]
    return [_tracer_requirement(), *sorted(lines)]


def install_command(file: Path) -> str:
    """The command that installs a requirements.txt, without the lines that would ask an index for tracer."""
    try:
        lines = _lines(file)
    except InvalidArgumentError:
        lines = []
    if not any(map(is_tracer, lines)):
        return f"pip install -r {file}"
    others = [f"'{line}'" for line in lines if not is_tracer(line) and not line.startswith("#")]
    return " ".join(["pip install", *others]) if others else "pip install <package>"


def is_tracer(line: str) -> bool:
    """Whether a line of requirements.txt lets pip ask an index for tracer, under any of its names."""
    return _options_before_tracer(line) is not None


def _without_tracer(line: str) -> list[str]:
    """A line as it is; of one that lets pip ask for tracer its options, and tracer by its URL or in a comment."""
    options = _options_before_tracer(line)
    if options is None:
        return [line]
    return [_tracer_requirement()] if options in ("", "-e", "--editable") else [options, _tracer_requirement()]


def _options_before_tracer(line: str) -> str | None:
    """The options of a line that precede the name of tracer, such as ``-e``; None without this name."""
    starts = [match.span() for match in _OF_OPTION.finditer(line)] if line.lstrip().startswith("-") else [(0, 0)]
    for end_of_options, start in starts:
        found = _REQUIREMENT.match(line, start)
        if found is not None and not found["url"] and _normal(found["name"]) in _OURS:
            return line[:end_of_options].strip()
    return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()  # as in PEP 503


def _tracer_requirement() -> str:
    url = _source_url()
    if url is not None:
        return f"{NAME}[models] @ {url}"
    version = installed_version() or "of any version"
    return f"# tracer {version} with its extra [models], which is on no index: install it from a clone"


def _source_url() -> str | None:
    """The URL that tracer was installed from, if another machine can use it (PEP 610, direct_url.json)."""
    try:
        source = json.loads(metadata.distribution(NAME).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return None
    url = str(source.get("url", ""))
    if not url.startswith(_ANYWHERE):
        return None
    version_control = source.get("vcs_info")
    if version_control:
        url = f"{version_control['vcs']}+{url}@{version_control['commit_id']}"
    folder = source.get("subdirectory")
    return f"{url}#subdirectory={folder}" if folder else url


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise InvalidArgumentError(
            f"pip_requirements: there is no file {str(path)!r}; to name a package, write a list: [{str(path)!r}]."
        ) from error


def _packages_with(modules: Set[str]) -> set[str]:
    """The names of the packages that the modules are of."""
    files_by_owner = _owners({module.split(".")[0] for module in modules})
    names: set[str] = set()
    for module in modules:
        owners = {name: files for (name, top), files in files_by_owner.items() if top == module.split(".")[0]}
        if len(owners) > 1:  # a namespace, such as ``google``
            place = re.compile(rf"\n{module.replace('.', '/')}(?:/__init__)?\.")
            owners = {name: files for name, files in owners.items() if place.search(files)}
        names.update(owners)
    return names


def _owners(tops: Set[str]) -> dict[tuple[str, str], str]:
    """Names of packages, each with a module of theirs among these: the text of the list of their files.

    The lists are searched as they are: to take all of them apart, as `importlib.metadata.packages_distributions`
    does, takes five times as long.
    """
    found: dict[tuple[str, str], str] = {}
    if not tops:
        return found
    pattern = re.compile(rf"\n({'|'.join(tops)})(?:/|\.py\b|\.[^/,\n]*(?:so|pyd)\b|\s)")
    for package in metadata.distributions():
        files = package.read_text("RECORD") or "\n".join(map(str, package.files or ()))
        declared = package.read_text("top_level.txt") or ""  # also of an editable installation
        for top in {match[1] for match in pattern.finditer(f"\n{declared}\n{files}")}:
            found.setdefault((package.metadata["Name"], top), f"\n{files}")
    return found


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _imported(path: Path) -> set[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError):  # reported when the file is run
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] not in sys.stdlib_module_names | {"tracer"}}
