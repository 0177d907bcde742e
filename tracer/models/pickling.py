"""Models that are objects: pickled, with a warning if the module of their class is not saved with them."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tracer._distribution import install_advice
from tracer._fault import logger
from tracer.models.errors import ModelError
from tracer.models.python_model import FunctionModel, PythonModel


def pickle_model(model: PythonModel, path: Path, code_paths: Sequence[str]) -> None:
    """Write a model into a file. Raises ModelError if it cannot be pickled."""
    try:
        import cloudpickle  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise ImportError(
            f"a model that is an object is pickled: {install_advice('models')}; or put the model into a file "
            "that calls tracer.models.set_model() and give the file's path"
        ) from error
    dump: Callable[[object], bytes] = cloudpickle.dumps
    try:
        path.write_bytes(dump(model))
    except Exception as error:  # parts of the model may raise anything
        raise ModelError(
            f"{type(model).__name__} cannot be pickled ({type(error).__name__}: {error}). Make clients and connections "
            "in load_context(), or put the model into a file that calls tracer.models.set_model() and give its path."
        ) from error
    source = source_of(model)
    if source is not None and _is_left_behind(model, source, code_paths):
        logger.warning(
            "tracer: the model %s is pickled, and its module is not: elsewhere it can be loaded only with "
            "log_model(…, code_paths=[%r])",
            _definition(model).__name__,
            str(source),
        )


def source_of(model: PythonModel) -> Path | None:
    """The file that defines a model's class or function, if there is one."""
    file = getattr(sys.modules.get(_definition(model).__module__), "__file__", None)
    return Path(file) if file is not None and file.endswith(".py") else None


def _definition(model: PythonModel) -> Any:
    made = model.function if isinstance(model, FunctionModel) else type(model)
    return made if hasattr(made, "__module__") and hasattr(made, "__name__") else type(made)


def _is_left_behind(model: PythonModel, source: Path, code_paths: Sequence[str]) -> bool:
    module = _definition(model).__module__
    if module == "__main__" or module.partition(".")[0] in {Path(path).stem for path in code_paths}:
        return False
    installed = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")}
    return not installed & set(source.resolve().parents)
