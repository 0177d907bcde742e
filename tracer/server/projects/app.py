"""The app of a server of projects."""

from __future__ import annotations

from starlette.applications import Starlette

from tracer._catalog.catalog import Catalog
from tracer.server.app import create_app_of
from tracer.server.projects.projects import Projects
from tracer.server.settings import ServerSettings


def create_app_of_projects(catalog: Catalog, settings: ServerSettings) -> Starlette:
    """The server as an ASGI app on the projects of a catalogue."""
    return create_app_of(Projects(catalog, settings), settings)
