"""The app of a server of projects."""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette

from tracer._catalog.catalog import Catalog
from tracer._distribution import install_advice
from tracer.errors import InvalidArgumentError
from tracer.server.alerts.rules import read_rules
from tracer.server.alerts.state import state_of
from tracer.server.alerts.watching import Alerts
from tracer.server.app import create_app_of
from tracer.server.oidc.signing_in import SignIn
from tracer.server.projects.projects import Projects
from tracer.server.settings import ServerSettings


def create_app_of_projects(catalog: Catalog, settings: ServerSettings) -> Starlette:
    """The server as an ASGI app on the projects of a catalogue.

    Raises InvalidArgumentError for a file of alerts that cannot work, and where people are to sign in elsewhere and the
    package for it is missing.
    """
    projects = Projects(catalog, settings)
    alerts = None
    if settings.alerts:
        rules = read_rules(settings.alerts, of_projects=True)
        alerts = Alerts(
            rules, lambda rule: projects.borrowed(rule.project or ""), partial(state_of, catalog.url, of_projects=True)
        )
    sign_in = _sign_in(projects, settings)
    catalog.end_sign_ins(None if settings.oidc is None else settings.oidc.fingerprint)
    return create_app_of(projects, settings, alerts, sign_in)


def _sign_in(projects: Projects, settings: ServerSettings) -> SignIn | None:
    if settings.oidc is None:
        return None
    try:
        from tracer.server.oidc.provider import Provider
    except ImportError as error:
        raise InvalidArgumentError(
            f"oidc: a package is missing ({error.name}): {install_advice('server', 'oidc')}"
        ) from error
    return SignIn(settings.oidc, projects, Provider(settings.oidc))
