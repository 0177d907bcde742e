"""Arguments that MLflow's functions of the same name have: each refused with what to write here."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from tracer.errors import InvalidArgumentError

_ADVICE = {
    "registered_model_name": "write tracer.register_model(model.model_uri, name) with the model that log_model() gives",
    "loader_module": "write a PythonModel whose load_context() loads what is in artifacts",
    "data_path": "write artifacts={'data': path}; context.artifacts['data'] is its path in the model",
    "conda_env": "write pip_requirements=[…] or the path of a requirements.txt",
    "infer_code_paths": "write code_paths=[…] with the modules that the model imports",
    "streamable": "leave it out: a model with predict_stream() streams",
    "resources": "leave it out: the model reads its credentials from the environment",
    "auth_policy": "leave it out: the model reads its credentials from the environment",
    "await_registration_for": "leave it out: a logged model is there when log_model() returns",
    "prompts": "leave it out: a prompt that a trace used is linked to the trace",
    "step": "leave it out: each call of log_model() makes a version of its own",
    "model_id": "leave it out: log_model() makes the version, and gives its id",
    "mlflow_model": "leave it out, and write metadata={…}",
    "uv_project_path": "write pip_requirements=[…] or the path of a requirements.txt",
    "uv_groups": "write pip_requirements=[…] or the path of a requirements.txt",
    "uv_extras": "write pip_requirements=[…] or the path of a requirements.txt",
    "suppress_warnings": "leave it out: nothing of the kind is said",
    "dst_path": "leave it out: a model is loaded from where it is, one of a server from a copy that is kept",
    "env_manager": (
        "the model runs in this Python: leave it out, or write 'local'. To try it elsewhere, install the "
        "requirements.txt of its folder there"
    ),
    "install_mlflow": "leave it out: the model runs in this Python",
    "pip_requirements_override": "leave it out: the model runs in this Python",
    "extra_envs": "leave it out, and set the variables in os.environ",
    "content_type": "leave it out: a file's ending says whether it is JSON or a table",
}


def refuse_others(function: str, given: Mapping[str, object], known: Iterable[str]) -> None:
    """Raise for arguments that a function does not have, unless they are None; the message says what to write."""
    for name, value in given.items():
        if name not in _ADVICE:
            near = difflib.get_close_matches(name, list(known), n=1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")
        if value is not None:
            raise InvalidArgumentError(f"{name}: {function}() has no such argument here; {_ADVICE[name]}.")
