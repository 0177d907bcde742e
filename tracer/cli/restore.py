"""``tracer restore``."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from tracer.cli.backup import DATABASE, MODELS, TOLD, copy_projects, database_of
from tracer.cli.options import examples, json_option, store_option
from tracer.errors import InvalidArgumentError


@click.command("restore", epilog=examples("tracer restore /backups/2026-11-29 --store traces.db"))
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option("One JSON object: the store, and how many traces, or projects, it has.")
@store_option
def command(folder: Path, as_json: bool, store_url: str | None) -> None:
    """Make a store of a backup, where there is none yet."""
    from tracer._catalog.folder import has_catalog
    from tracer._journal.locations import alerts_file_of, attachments_folder_of, models_folder_of
    from tracer.cli.reading import store_for_reading, store_place
    from tracer.cli.screen import tell
    from tracer.store.sqlite.backup import copied_store, copy_database, copy_folder

    if has_catalog(folder):
        target = (store_url or "").removeprefix("sqlite:///")
        if not target or "://" in target:
            raise InvalidArgumentError(f"{folder} is a backup of projects: name a new folder for them, with --store.")
        projects = copy_projects(folder, Path(target))
        tell(as_json, {"store": target, "projects": projects}, f"{target} has the stores of {projects:,} projects")
        return
    if not (folder / DATABASE).is_file():
        raise InvalidArgumentError(f"{folder} is no backup: there is no {DATABASE} in it.")
    place = store_place(store_url)
    file, models, told = database_of(place), models_folder_of(place.url), alerts_file_of(place.url)
    for taken in (file, models, told, *attachments_folder_of(file).glob("*")):
        if taken.exists():
            raise InvalidArgumentError(f"{taken} is there already: name a store that is not, with --store.")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with copied_store(folder / DATABASE, file):
            copy_folder(folder / MODELS, models)
            if (folder / TOLD).is_file():
                copy_database(folder / TOLD, told)
    except BaseException:  # so that it can be tried again
        for made in (models, attachments_folder_of(file)):
            shutil.rmtree(made, ignore_errors=True)
        told.unlink(missing_ok=True)
        raise
    traces = store_for_reading(store_url).count_traces(None)
    tell(as_json, {"store": str(place), "traces": traces}, f"{place} has {traces:,} traces")
