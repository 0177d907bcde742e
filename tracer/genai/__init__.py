"""Work with recorded traces: evaluate an app, score its answers, keep what is to be asked again."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from tracer._late import load as _load

if TYPE_CHECKING:  # for type checkers and editors; a test compares it with _HOMES
    from tracer._tracking.evaluation import evaluate as evaluate
    from tracer._tracking.evaluation import get_evaluation as get_evaluation
    from tracer._tracking.evaluation_comparison import EvaluationComparison as EvaluationComparison
    from tracer._tracking.evaluation_result import EvaluationResult as EvaluationResult
    from tracer._tracking.git_versions import disable_git_model_versioning as disable_git_model_versioning
    from tracer._tracking.git_versions import enable_git_model_versioning as enable_git_model_versioning
    from tracer._tracking.scoring import Scorer as Scorer
    from tracer._tracking.scoring import scorer as scorer
    from tracer.genai import datasets as datasets
    from tracer.genai import judges as judges
    from tracer.genai import scorers as scorers
    from tracer.genai.auditing import Audit as Audit
    from tracer.genai.auditing import Finding as Finding
    from tracer.genai.auditing import audit as audit
    from tracer.genai.datasets import DatasetRow as DatasetRow
    from tracer.genai.datasets import EvaluationDataset as EvaluationDataset
    from tracer.genai.datasets import create_dataset as create_dataset
    from tracer.genai.datasets import delete_dataset as delete_dataset
    from tracer.genai.datasets import delete_dataset_tag as delete_dataset_tag
    from tracer.genai.datasets import get_dataset as get_dataset
    from tracer.genai.datasets import search_datasets as search_datasets
    from tracer.genai.datasets import set_dataset_tags as set_dataset_tags
    from tracer.genai.judge_agreement import Agreement as Agreement
    from tracer.genai.judge_agreement import agreement as agreement
    from tracer.genai.judges import make_judge as make_judge
    from tracer.genai.prompts import PromptVersion as PromptVersion
    from tracer.genai.prompts import delete_prompt_alias as delete_prompt_alias
    from tracer.genai.prompts import load_prompt as load_prompt
    from tracer.genai.prompts import register_prompt as register_prompt
    from tracer.genai.prompts import search_prompt_versions as search_prompt_versions
    from tracer.genai.prompts import search_prompts as search_prompts
    from tracer.genai.prompts import set_prompt_alias as set_prompt_alias
    from tracer.genai.reviews import ReviewProgress as ReviewProgress
    from tracer.genai.reviews import ReviewQueue as ReviewQueue
    from tracer.genai.reviews import create_review_queue as create_review_queue
    from tracer.genai.reviews import delete_review_queue as delete_review_queue
    from tracer.genai.reviews import get_review_queue as get_review_queue
    from tracer.genai.reviews import search_review_queues as search_review_queues

# where each name is defined; loaded on first use, as tracer's own names are
_HOMES = {
    "tracer._tracking.evaluation": ("evaluate", "get_evaluation"),
    "tracer._tracking.evaluation_comparison": ("EvaluationComparison",),
    "tracer._tracking.evaluation_result": ("EvaluationResult",),
    "tracer._tracking.git_versions": ("disable_git_model_versioning", "enable_git_model_versioning"),
    "tracer._tracking.scoring": ("Scorer", "scorer"),
    "tracer.genai.auditing": ("Audit", "Finding", "audit"),
    "tracer.genai.datasets": (
        "DatasetRow",
        "EvaluationDataset",
        "create_dataset",
        "delete_dataset",
        "delete_dataset_tag",
        "get_dataset",
        "search_datasets",
        "set_dataset_tags",
    ),
    "tracer.genai.prompts": (
        "PromptVersion",
        "delete_prompt_alias",
        "load_prompt",
        "register_prompt",
        "search_prompt_versions",
        "search_prompts",
        "set_prompt_alias",
    ),
    "tracer.genai.reviews": (
        "ReviewProgress",
        "ReviewQueue",
        "create_review_queue",
        "delete_review_queue",
        "get_review_queue",
        "search_review_queues",
    ),
    "tracer.genai.judge_agreement": ("Agreement", "agreement"),
    "tracer.genai.judges": ("make_judge",),
}
_MODULES = frozenset(("datasets", "judges", "scorers"))
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:
    __all__ = sorted((*_HOME_OF, *_MODULES))


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return _import_module(f"{__name__}.{name}")
    if name not in _HOME_OF:
        raise _load("tracer._other_keywords", "no_such_name")(__name__, name)
    found = globals()[name] = _load(_HOME_OF[name], name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF, *_MODULES})
