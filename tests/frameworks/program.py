"""The programs of a framework in a process of their own, and what is wrong with their traces: see run.py."""

from __future__ import annotations

import contextvars
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

import tracer  # noqa: E402
from tests.frameworks.checks import OF_CALLS, Cells, Model, faults  # noqa: E402
from tests.frameworks.models import OpenAIModel, answer_of  # noqa: E402
from tests.openai.server import Server  # noqa: E402


def play(kind: str, program: Callable[[], object], model: Model, *, is_ours: bool) -> Cells:
    """What is wrong with one program, by aspect."""
    try:
        contextvars.copy_context().run(program)  # some leave a span current
    except Exception:
        if kind != "error":
            return {"once": [traceback.format_exc(limit=-2).replace("\n", " ")]}
    return faults(kind, model, is_ours=is_ours)


def is_sent(programs: ModuleType, whose: str, kind: str, aspect: str) -> bool:
    """Whether what is recorded can show this aspect of a program."""
    if aspect in getattr(programs, "HAS_NO", ()):  # as tools that are part of the prompt
        return False
    not_sent = getattr(programs, "NOT_SENT", ())
    if whose == "ours" and aspect in OF_CALLS:
        return True
    return aspect not in not_sent and f"{kind}: {aspect}" not in not_sent


def main(framework: str, whose: str, folder: str, *kinds: str) -> None:
    """Print what is wrong with the programs of a framework, by kind."""
    server = Server()
    os.environ.update(dict.fromkeys(("OPENAI_BASE_URL", "OPENAI_API_BASE"), f"{server.url}/v1"))
    os.environ.update(ANTHROPIC_BASE_URL=server.url, OPENAI_API_KEY="k", ANTHROPIC_API_KEY="k")
    os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True")
    tracer.configure(store=f"sqlite:///{folder}/none.db")
    (tracer if whose == "ours" else tracer.otel).autolog()
    programs = importlib.import_module(f"tests.frameworks.programs.{framework}")
    make_model = getattr(programs, "SERVER", OpenAIModel)
    found = {}
    for kind in kinds:
        program = getattr(programs, f"{kind}_program", None)
        if program is None or not (whose == "ours" or getattr(programs, "HAS_OWN_SPANS", True)):
            continue
        tracer.configure(store=f"sqlite:///{folder}/{kind}.db")
        model = make_model(fails=kind == "error", answer=getattr(programs, "answer_of", answer_of))
        if whose == "theirs" and not getattr(programs, "SENDS_CACHED", True):
            model.cost, model.counted = model.uncached_cost, {**model.counted, "cache_read_input_tokens": 0}
        server.will(model)
        cells = play(kind, program, model, is_ours=whose == "ours")
        found[kind] = {aspect: wrong for aspect, wrong in cells.items() if is_sent(programs, whose, kind, aspect)}
    print(json.dumps(found), flush=True)
    tracer.flush()
    server.close()
    os._exit(0)  # exporters and thread pools of frameworks would wait


if __name__ == "__main__":
    main(*sys.argv[1:])
