"""The page for users of MLflow has every rename, and every keyword that is taken otherwise or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import tracer
from tracer import entities, genai, tracing
from tracer._other_keywords import DONE, NAMES, NAMES_OF_GENAI, OF_AUTOLOG, OF_SPANS, Instead, Keywords
from tracer._records import other_keys
from tracer.errors import InvalidArgumentError

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "coming-from-mlflow.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.no_store


def keywords() -> dict[str, Keywords]:
    """The other keywords of each function."""
    functions = {name: getattr(room, name) for room in (tracer, genai) for name in room._HOME_OF}
    found = {
        name: function.other_keywords for name, function in functions.items() if hasattr(function, "other_keywords")
    }
    return {**found, "autolog": OF_AUTOLOG, "start_span": OF_SPANS}


def test_every_name_that_is_elsewhere_is_on_the_page() -> None:
    assert [name for name in (*NAMES, *NAMES_OF_GENAI) if f"`{name}`" not in PAGE] == []


def test_every_room_lists_its_names() -> None:
    lines = {line.split("`")[1]: line for line in PAGE.splitlines() if line.startswith("| `mlflow.")}

    assert [name for name in entities.__all__ if f"`{name}`" not in lines["mlflow.entities"]] == []
    headers = {name for name in tracing.__all__ if name.endswith(("http_request", "request_headers"))}
    assert [name for name in set(tracing.__all__) - headers if f"`{name}`" not in lines["mlflow.tracing"]] == []


def test_every_keyword_that_is_refused_is_on_the_page() -> None:
    """By name of the function where advice differs between functions."""
    missing = [
        f"{function}({keyword}=)"
        for function, given in keywords().items()
        for keyword, instead in given.items()
        if isinstance(instead, Instead) and instead.advice and f"({keyword}=" not in PAGE
    ]

    assert missing == []


def test_every_keyword_that_changes_nothing_is_on_the_page() -> None:
    done = {keyword for given in keywords().values() for keyword, instead in given.items() if instead is DONE}

    assert [keyword for keyword in done - {"log_datasets", "log_model_signatures"} if f"`{keyword}=`" not in PAGE] == []


def test_every_key_is_on_the_page() -> None:
    of_spans = [*other_keys._SAME_AS, *other_keys._MADE, *other_keys._SET]
    of_traces = [key.partition(".")[2] for key in (*other_keys.METADATA, *other_keys.TAGS)]
    unsaid = {"traceRequestId", "spanDescription"}  # of no use to a program

    assert [key for key in (*of_spans, *of_traces) if f"`{key}`" not in PAGE and key not in unsaid] == []


def test_names_of_genai_that_are_elsewhere_say_what_to_write() -> None:
    with pytest.raises(
        AttributeError, match=r"has no attribute 'is_correct'\. Write tracer\.genai\.scorers\.Correctness"
    ):
        _ = genai.judges.is_correct  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match=r"cannot import name 'RegexMatch'.*scorers\.regex"):
        from tracer.genai.scorers import RegexMatch as RegexMatch  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"'to_predict_fn'\. Write predict_fn="):
        _ = genai.to_predict_fn
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing'$"):
        _ = genai.scorers.nothing  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"Did you mean 'genai\.create_dataset'\?"):
        _ = tracer.create_dataset
    assert genai.enable_git_model_versioning is tracer.enable_git_model_versioning


def test_keywords_of_genai_are_taken_or_say_what_to_write() -> None:
    judge = genai.make_judge("kind", "Is {{ outputs }} kind?", model=lambda _: "yes", generate_rationale_first=True)  # type: ignore[call-arg]

    assert judge.name == "kind"
    with pytest.raises(InvalidArgumentError, match=r"load_prompt\(\) has no allow_missing=; catch"):
        tracer.load_prompt("nobody", allow_missing=True)  # type: ignore[call-arg]
    with pytest.raises(InvalidArgumentError, match=r"scorer\(\) has no timeout=; limit"):
        genai.scorer(lambda outputs: 1, timeout=5)
