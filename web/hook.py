"""Hatchling's build hook: wheels, sdists and editable installs carry the trace UI, and Node comes only to build it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def _load_bundle() -> ModuleType:
    # hatchling loads this file by its path, so there is no package to import from
    spec = importlib.util.spec_from_file_location("tracer_web_bundle", Path(__file__).with_name("bundle.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bundle = _load_bundle()


class BundleHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the UI when its bundle is missing or older than its sources; ``TRACER_SKIP_UI=1`` goes without."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, as a package of its own, when there is something to build."""
        return [] if self._is_done() else [bundle.NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before hatchling collects the files."""
        if not self._is_done():
            self.app.display_info("building the trace UI")
            try:
                bundle.build()
            except bundle.BundleError as error:
                self.app.abort(str(error))

    def _is_done(self) -> bool:
        return bool(os.environ.get("TRACER_SKIP_UI")) or bundle.is_fresh()
