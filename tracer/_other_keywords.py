"""Keywords of MLflow's functions of the same names: translated into ours, or refused with advice."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, NamedTuple, TypeVar, Union, cast

from tracer.errors import InvalidArgumentError

# MLflow's names that tracer has under another name, or not at all, and the advice for each
NAMES = {
    "MlflowClient": "its methods are functions of tracer, such as tracer.search_traces() and tracer.get_run()",
    "MlflowException": "write tracer.errors.TracerError",
    "add_trace": "write `with tracer.set_tracing_context_from_http_request_headers(headers): …` in the other process",
    "delete_experiment": "write tracer.delete_traces(experiment='name')",
    "flush_artifact_async_logging": "files are there at once",
    "flush_async_logging": "write tracer.flush()",
    "flush_trace_async_logging": "write tracer.flush()",
    "log_artifacts": "write tracer.log_artifact(folder)",
    "log_figure": "write figure.savefig(path), then tracer.log_artifact(path)",
    "log_image": "write image.save(path), then tracer.log_artifact(path)",
    "log_table": "write tracer.log_dict(rows, 'table.json')",
    "log_trace": "write tracer.start_span_no_context(name, inputs=…).end(outputs=…)",
    "search_sessions": "write tracer.search_traces(session_id='id')",
    "set_experiment_tag": "experiments have no tags; those of traces are set by tracer.tracing.context(tags={…})",
    "set_experiment_tags": "experiments have no tags; those of traces are set by tracer.tracing.context(tags={…})",
    "set_registry_uri": "versions are kept in the store of tracer.set_tracking_uri()",
}
_OWN_JUDGE = "write tracer.genai.make_judge('name', 'Is {{ outputs }} …?')"
_PEOPLE = "write tracer.genai.create_review_queue('name', filter_string=…, scores=[…]), reviewed in `tracer ui`"
_IN_CODE = "scorers are kept in your code"
# the same of mlflow.genai, its judges and scorers
NAMES_OF_GENAI = {
    "autolog": "write tracer.gemini.autolog() for the SDK google-genai, or tracer.autolog() for all providers",
    "Equivalence": _OWN_JUDGE,
    "Fluency": _OWN_JUDGE,
    "RegexMatch": "write tracer.genai.scorers.regex(pattern)",
    "Summarization": _OWN_JUDGE,
    "ToolCallEfficiency": "write tracer.genai.scorers.steps_below(number, span_type='TOOL')",
    "UserFrustration": _OWN_JUDGE,
    "add_dataset_to_experiments": "write tracer.genai.create_dataset('name', experiment_id=[…])",
    "create_labeling_session": _PEOPLE,
    "custom_prompt_judge": _OWN_JUDGE,
    "delete_scorer": _IN_CODE,
    "get_all_scorers": "write the list of those that you want, of tracer.genai.scorers",
    "get_review_app": _PEOPLE,
    "get_scorer": _IN_CODE,
    "is_context_relevant": "write tracer.genai.scorers.RelevanceToQuery()(…)",
    "is_context_sufficient": "write tracer.genai.scorers.RetrievalSufficiency()(…)",
    "is_correct": "write tracer.genai.scorers.Correctness()(…)",
    "is_grounded": "write tracer.genai.scorers.RetrievalGroundedness()(…)",
    "is_safe": "write tracer.genai.scorers.Safety()(…)",
    "is_tool_call_correct": "write tracer.genai.scorers.ToolCallCorrectness()(…)",
    "list_scorers": _IN_CODE,
    "meets_guidelines": "write tracer.genai.scorers.Guidelines([…])(…)",
    "set_prompt_tag": "write tracer.register_prompt(…, tags={…})",
    "set_prompt_version_tag": "write tracer.register_prompt(…, tags={…})",
    "to_predict_fn": "write predict_fn=tracer.models.load_model(uri).predict",
}
F = TypeVar("F", bound=Callable[..., Any])


class Instead(NamedTuple):
    """Advice on the replacement of a keyword, and the values of the keyword that need none."""

    advice: str
    unless: tuple[object, ...] = ()


DONE = Instead("")  # the requested behaviour is the only one

Keywords = Mapping[str, Union[str, Instead]]  # a text is the name of our own parameter

OF_SPANS: Keywords = {
    "description": Instead("write attributes={'description': '…'}"),
    "links": Instead("write span.add_link(context)"),
    "log_level": Instead("write attributes={'level': 'DEBUG'}"),
    "run_id": Instead("write with tracer.start_run(run_id): …"),
    "sampling_ratio_override": Instead("write tracer.configure(sample_rate=0.1), which is for all traces"),
    "trace_destination": Instead("write tracer.set_experiment('name') or tracer.set_tracking_uri(…)"),
}
OF_AUTOLOG: Keywords = {
    "log_traces": Instead("write disable=True", (True,)),
    "exclusive": Instead("leave it out: it records into tracer's store alone", (False,)),
    "disable_for_unsupported_versions": DONE,
    "silent": DONE,
    "log_models": Instead("write tracer.models.log_model(…)", (False,)),
    "log_input_examples": Instead("write tracer.models.log_model(input_example=…)", (False,)),
    "log_model_signatures": DONE,
    "log_datasets": DONE,
    "extra_tags": Instead("write with tracer.tracing.context(tags={…}): …"),
}


OF_JUDGES: Keywords = {
    "base_url": Instead("set OPENAI_BASE_URL, or give a function as model="),
    "extra_headers": Instead("give a function as model="),
    "generate_rationale_first": DONE,
}
OF_LOAD_PROMPT: Keywords = {
    "allow_missing": Instead("catch tracer.errors.PromptNotFoundError", (False,)),
    "cache_ttl_seconds": DONE,
    "link_to_model": DONE,
}
OF_REGISTER_PROMPT: Keywords = {
    "model_config": Instead("write tags={'model': '…'}"),
    "response_format": Instead("write tags={'response_format': '…'}"),
}
OF_SCORERS: Keywords = {
    "pass_if": Instead("let the scorer return a bool"),
    "timeout": Instead("limit the time in the scorer"),
}


def no_such_name(module: str, name: str) -> AttributeError | ImportError:
    """The error for a name that `tracer.genai` or a module in it does not have, with advice where there is some.

    Called in the module's ``__getattr__``.
    """
    advice = NAMES_OF_GENAI.get(name)
    told = "" if advice is None else f". {advice[0].upper()}{advice[1:]}."
    if told and is_in_from_import(sys._getframe(2)):
        return ImportError(f"cannot import name {name!r} from {module!r}{told}", name=module)
    return AttributeError(f"module {module!r} has no attribute {name!r}{told}")


def is_in_from_import(frame: FrameType) -> bool:
    """Whether a frame is at the last step of ``from … import …``, which takes the attribute."""
    from dis import opname

    return opname[frame.f_code.co_code[frame.f_lasti]] == "IMPORT_FROM"


def takes_also(keywords: Keywords) -> Callable[[F], F]:
    """Decorate a function so that it takes these keywords, or refuses them by an InvalidArgumentError with advice."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not keywords.keys().isdisjoint(kwargs):
                kwargs = own_keywords(function.__name__, kwargs, keywords)
            return function(*args, **kwargs)

        call.other_keywords = keywords  # type: ignore[attr-defined]
        return cast("F", call)

    return decorate


def refuse(function: str, given: Mapping[str, Any], keywords: Keywords) -> None:
    """Refuse keywords that are not the function's own, but for those with nothing to do.

    Raises InvalidArgumentError with advice, or TypeError.
    """
    for name in own_keywords(function, given, keywords):
        raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")


def refuse_autolog(given: Mapping[str, Any]) -> None:
    """The same for `tracer.autolog`."""
    one_back = Instead("write tracer.autolog(), then tracer.<name>.autolog(disable=True)", ([],))
    refuse("autolog", given, {**OF_AUTOLOG, "exclude_flavors": one_back})


def own_keywords(function: str, given: Mapping[str, Any], keywords: Keywords) -> dict[str, Any]:
    """The keywords of a call as the function's own. Raises InvalidArgumentError."""
    own = {name: value for name, value in given.items() if name not in keywords}
    for name in given.keys() & keywords.keys():
        instead, value = keywords[name], given[name]
        if isinstance(instead, str):
            if instead in own:
                raise InvalidArgumentError(f"{function}() got {name}= and {instead}=, which are the same; write one.")
            own[instead] = value
        elif instead is not DONE and value is not None and value not in instead.unless:
            raise InvalidArgumentError(f"{function}() has no {name}=; {instead.advice}")
    return own
