"""``tracer backup``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer.cli.options import examples, json_option, store_option
from tracer.errors import InvalidArgumentError, StoreError

if TYPE_CHECKING:
    from tracer.cli.reading import Place

DATABASE, MODELS, TOLD = "tracer.db", "models", "alerts.db"  # in the folder of a backup


@click.command(
    "backup", epilog=examples("tracer backup /backups/2026-11-29", "tracer backup --store /srv/tracer/ copy")
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@json_option("One JSON object: the folder, and how many traces, or projects, are in it.")
@store_option
def command(folder: Path, as_json: bool, store_url: str | None) -> None:
    """Copy a store into a new folder, while programs write to it: traces, all that belongs to them, logged models.

    The copy is the store as it is at one moment; of a folder of projects all are copied, one after the other, with
    their keys. `tracer restore` makes a store of it, here or on another machine.
    """
    from tracer._journal.locations import alerts_file_of, models_folder_of
    from tracer.cli.administration import folder_of_projects
    from tracer.cli.reading import store_for_reading, store_place
    from tracer.cli.screen import tell
    from tracer.store.sqlite.backup import copied_store, copy_database, copy_folder

    if (source := folder_of_projects(store_url)) is not None:
        projects = copy_projects(source, folder)
        tell(
            as_json,
            {"folder": str(folder), "projects": projects},
            f"the stores of {projects:,} projects are in {folder}",
        )
        return
    place = store_place(store_url)
    file = database_of(place)
    traces = store_for_reading(store_url).count_traces(None)  # with the records still in this machine's journals
    if folder.exists() and any(folder.iterdir()):
        raise InvalidArgumentError(f"{folder} is not empty: give a folder that is new.")
    folder.mkdir(parents=True, exist_ok=True)
    with copied_store(file, folder / DATABASE):  # which gets its name last: a folder without it is no backup
        if (told := alerts_file_of(place.url)).is_file():
            copy_database(told, folder / TOLD)
        copy_folder(models_folder_of(place.url), folder / MODELS)
    tell(as_json, {"folder": str(folder), "traces": traces}, f"{traces:,} traces and more are in {folder}")


def copy_projects(source: Path, target: Path) -> int:
    """Copy a folder of projects into a new one and return the number of stores. Raises TracerError."""
    from tracer._catalog.folder import ALERTS, FILE, STORES, has_catalog, remove_unknown_stores
    from tracer._journal.locations import models_folder_of
    from tracer.store.sqlite.backup import copied_store, copy_database, copy_folder

    if not has_catalog(source):
        raise InvalidArgumentError(f"{source} has no projects: there is no {FILE} in it.")
    if target.exists() and any(target.iterdir()):
        raise InvalidArgumentError(f"{target} is not empty: give a folder that is new.")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    (target / STORES).mkdir(mode=0o700)
    for file in sorted((source / STORES).glob("*.db")):
        copy = target / STORES / file.name
        try:
            with copied_store(file, copy):
                copy_folder(models_folder_of(f"sqlite:///{file}"), models_folder_of(f"sqlite:///{copy}"))
        except (StoreError, OSError):
            if file.exists():
                raise
            continue  # the project was deleted meanwhile
    if (source / ALERTS).is_file():
        copy_database(source / ALERTS, target / ALERTS)
    unnamed = target / f"{FILE}.new"
    copy_database(source / FILE, unnamed)
    remove_unknown_stores(unnamed, target)  # of projects that were deleted once their stores were copied
    os.replace(unnamed, target / FILE)  # last: a folder without it is no backup
    return len(list((target / STORES).glob("*.db")))


def database_of(place: Place) -> Path:
    """The file of a store on this machine. Raises InvalidArgumentError."""
    if place.url.startswith("clickhouse://"):
        raise InvalidArgumentError(
            f"{place} is kept by ClickHouse: use its own BACKUP and RESTORE, or `tracer copy` to a file"
        )
    if place.file is None:
        raise InvalidArgumentError(f"{place} is a server: run this where its store is, with --store and the file.")
    return place.file
