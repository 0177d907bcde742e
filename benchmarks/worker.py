"""Runs in a contender's environment and does one thing after the other that the parent asks for, over its pipes.

A request is a line of JSON ``[task, arguments]``; the answer is a line with ``{"result": …}`` or ``{"error": …}``.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import TextIO


def main(name: str, folder: str) -> None:
    """Answer until the parent closes the pipe."""
    answers = _own_stdout()
    from benchmarks.contenders import CONTENDERS
    from benchmarks.tasks import Tasks

    contender = CONTENDERS[name].load()
    contender.setup(Path(folder))
    tasks = Tasks(contender, Path(folder))
    answer(answers, result="ready")
    for line in sys.stdin:
        task, arguments = json.loads(line)
        try:
            answer(answers, result=getattr(tasks, task)(**arguments))
        except Exception:
            answer(answers, error=traceback.format_exc())
    os._exit(0)  # the threads of some contenders take seconds to end


def answer(answers: TextIO, **content: object) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()


def _own_stdout() -> TextIO:
    """The pipe to the parent; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main(*sys.argv[1:3])
