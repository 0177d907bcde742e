"""Agreement of judges with people, on traces that both have given feedback on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tracer._api.queries import search_traces
from tracer._api.traces import Assessment, Trace
from tracer.errors import InvalidArgumentError

_HUMAN, _JUDGE = "HUMAN", "LLM_JUDGE"
_MAX_TRACES = 10_000

K = TypeVar("K")


@dataclass(frozen=True)
class Agreement:
    """Agreement of a judge with people: the share of equal verdicts, and that beyond chance as Cohen's kappa.

    ``confusion["yes"]["no"]`` is the number of traces to which the judge said yes and people no. ``kappa`` is 1 for
    full agreement, 0 for what chance would give, and None where all verdicts are one and the same.
    """

    name: str
    judge: str
    human: str
    traces: int
    agreed: float
    kappa: float | None
    confusion: dict[str, dict[str, int]] = field(default_factory=dict)
    disagreements: list[str] = field(default_factory=list)  # ids of traces


def agreement(
    traces: Sequence[Trace] | None = None,
    *,
    judge: str | None = None,
    human: str | None = None,
    filter_string: str | None = None,
) -> list[Agreement]:
    """Agreement of each judge with people on the same traces, by name of the feedback and model of the judge.

    ``traces`` are by default the newest 10,000 that meet the filter. ``judge`` is the name of a feedback, by default of
    each that some LLM_JUDGE gave; another source's counts where it is named. ``human`` is the name of people's
    feedback, by default the same. The last verdict of each counts.
    """
    if traces is None:
        traces = search_traces(filter_string, max_results=_MAX_TRACES, include_spans=False)
    elif filter_string is not None:
        raise InvalidArgumentError("agreement: got both traces and filter_string, expected one of them.")
    pairs: dict[tuple[str, str, str], list[tuple[str, str, str]]] = {}
    for trace in traces:
        given = [each for each in trace.info.assessments if each.type == "feedback" and each.error is None]
        people = _latest((each.name, each) for each in given if each.source.source_type == _HUMAN)
        judged = _latest(((each.name, each.source.source_id), each) for each in given if _is_judge(each, judge))
        for (name, judge_id), verdict in judged.items():
            said = people.get(human or name)
            if said is not None:
                key = (name, judge_id, human or name)
                pairs.setdefault(key, []).append((trace.trace_id, _label(verdict.value), _label(said.value)))
    return [_agreement(*key, found) for key, found in sorted(pairs.items())]


def _is_judge(assessment: Assessment, name: str | None) -> bool:
    kind = assessment.source.source_type
    return kind == _JUDGE if name is None else assessment.name == name and kind != _HUMAN


def _latest(given: Iterable[tuple[K, Assessment]]) -> dict[K, Assessment]:
    return dict(sorted(given, key=lambda pair: pair[1].create_time_ms))


def _label(value: object) -> str:
    """A verdict as a word: a bool is a yes or a no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value).strip()
    return {"true": "yes", "false": "no"}.get(text.lower(), text.lower())


def _agreement(name: str, judge: str, human: str, pairs: list[tuple[str, str, str]]) -> Agreement:
    labels = sorted({label for _, *verdicts in pairs for label in verdicts})
    counted = Counter((judged, said) for _, judged, said in pairs)
    confusion = {judged: {said: counted[judged, said] for said in labels} for judged in labels}
    agreed = sum(counted[label, label] for label in labels) / len(pairs)
    of_judge, of_people = Counter(judged for _, judged, _ in pairs), Counter(said for *_, said in pairs)
    chance = sum(of_judge[label] * of_people[label] for label in labels) / len(pairs) ** 2
    kappa = None if len(labels) == 1 else (agreed - chance) / (1 - chance)
    apart = [trace_id for trace_id, judged, said in pairs if judged != said]
    return Agreement(name, judge, human, len(pairs), agreed, kappa, confusion, apart)
