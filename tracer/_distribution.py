"""The distribution that tracer is installed as: its name, its version, and how to install it.

It is not on an index yet, and a package of another owner could be found there: no advice names it to an installer.
`importlib.metadata` costs milliseconds and is imported where it is needed, in messages and on pages.
"""

from __future__ import annotations

import re

NAME = "tracer-autolog"
FORMER_NAME = "tracer-llm"  # in older environments, and in requirements.txt of models logged before

# requirement of an extra in the installed metadata, such as `starlette>=0.41.3; extra == 'server'`
_OF_EXTRA = re.compile(r"""(?P<needed>[^;]+?)\s*;\s*extra\s*==\s*['"](?P<extra>[^'"]+)['"]""")


def installed_version() -> str | None:
    """Version of the installed distribution; None in a bare checkout."""
    from importlib import metadata

    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return None


def install_advice(*extras: str) -> str:
    """Advice on installing extras, from a clone of the project or where only a wheel was installed."""
    from_clone = f"pip install '.[{','.join(extras)}]' in a clone of tracer"
    needed = " ".join(f"'{requirement}'" for requirement in _needed_by(extras))
    return f"{from_clone}, or pip install {needed}" if needed else from_clone


def upgrade_advice() -> str:
    """Advice on installing a newer version."""
    return "git pull and pip install . in a clone of tracer"


def _needed_by(extras: tuple[str, ...]) -> list[str]:
    from importlib import metadata

    try:
        requirements = metadata.requires(NAME) or []
    except metadata.PackageNotFoundError:
        return []
    found = [match for requirement in requirements if (match := _OF_EXTRA.fullmatch(requirement))]
    # an extra that collects others names this distribution
    return [match["needed"] for match in found if match["extra"] in extras and not match["needed"].startswith(NAME)]
