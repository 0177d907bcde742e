"""Review queues in any store: the checks of their questions, and the traces that are still to be reviewed.

A queue is a saved filter. Answers are ordinary feedback of people, so a person has reviewed a trace after giving
feedback of every name that the queue asks for, at any place. Texts are optional, unless the queue asks only for texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from tracer._json import JsonMapping, JsonObject
from tracer.errors import InvalidArgumentError
from tracer.store.filter import Comparison, Expression, Field, all_of, parse_filter
from tracer.store.filter.expression import Not
from tracer.store.rows import StoredQueue

KINDS: Final = ("yes_no", "rating", "choice", "text")
NAME_LIMIT: Final = 250  # characters
_TEXT_LIMIT = 5000
_SCORES_LIMIT = 20
_CHOICES_LIMIT = 50
_REVIEWERS_LIMIT = 100
CONTENT: Final = ("filter", "experiment", "scores", "reviewers", "guidance")  # fields of a queue other than its name
_FIELDS = ("name", *CONTENT)
_DIGITS = 32


def queue_id_of(name: str) -> str:
    """The id of the queue with a name."""
    return f"q-{hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]}"


def checked_queue(given: JsonMapping) -> JsonObject:
    """A queue as it is written. Raises InvalidArgumentError, FilterSyntaxError."""
    unknown = [name for name in given if name not in _FIELDS]
    if unknown:
        raise InvalidArgumentError(f"a queue has no {unknown[0]!r:.40}; it may have {', '.join(_FIELDS)}.")
    name, reviewers, experiment = given.get("name"), given.get("reviewers", 1), given.get("experiment")
    filter, guidance = given.get("filter") or "", given.get("guidance") or ""
    if not isinstance(name, str) or not 0 < len(name.strip()) <= NAME_LIMIT:
        raise InvalidArgumentError(f"name is missing, or no text of 1 to {NAME_LIMIT} characters")
    if not isinstance(filter, str) or not isinstance(guidance, str) or len(filter) + len(guidance) > _TEXT_LIMIT:
        raise InvalidArgumentError(f"filter and guidance are no texts of at most {_TEXT_LIMIT} characters together")
    if not isinstance(experiment, (str, type(None))):
        raise InvalidArgumentError(f"experiment is {experiment!r:.40}, expected the name of one")
    if not isinstance(reviewers, int) or isinstance(reviewers, bool) or not 1 <= reviewers <= _REVIEWERS_LIMIT:
        raise InvalidArgumentError(f"reviewers is {reviewers!r:.40}, expected a number from 1 to {_REVIEWERS_LIMIT}")
    parse_filter(filter)
    return {
        "name": name.strip(),
        "filter": filter.strip(),
        "experiment": experiment or None,
        "scores": _checked_scores(given.get("scores")),
        "reviewers": reviewers,
        "guidance": guidance.strip(),
    }


def _checked_scores(given: object) -> list[JsonObject]:
    if not isinstance(given, (list, tuple)) or not 1 <= len(given) <= _SCORES_LIMIT:
        raise InvalidArgumentError(
            f"scores: got {given!r:.80}, expected a list of 1 to {_SCORES_LIMIT} such as"
            " [{'name': 'correct', 'kind': 'yes_no', 'question': 'Is the answer right?'}]"
        )
    scores = [_checked_score(score, f"scores[{index}]") for index, score in enumerate(given)]
    names = [score["name"] for score in scores]
    if len(set(names)) < len(names):
        raise InvalidArgumentError(f"scores: two have one name; they are named {', '.join(names)}")
    return scores


def _checked_score(given: object, place: str) -> JsonObject:
    score = {"name": given} if isinstance(given, str) else given
    if not isinstance(score, Mapping) or score.keys() - {"name", "kind", "question", "choices"}:
        raise InvalidArgumentError(f"{place}: got {given!r:.80}, expected a dict of name, kind, question and choices")
    name, question, choices = score.get("name"), score.get("question") or "", score.get("choices")
    kind = score.get("kind") or ("choice" if choices else "yes_no")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= NAME_LIMIT:
        raise InvalidArgumentError(f"{place}.name is missing, or no text of 1 to {NAME_LIMIT} characters")
    if kind not in KINDS:
        raise InvalidArgumentError(f"{place}.kind: got {kind!r:.40}, expected one of {', '.join(KINDS)}")
    if not isinstance(question, str) or len(question) > _TEXT_LIMIT:
        raise InvalidArgumentError(f"{place}.question is no text of at most {_TEXT_LIMIT} characters")
    found: JsonObject = {"name": name.strip(), "kind": kind, "question": question.strip()}
    if kind == "choice":
        found["choices"] = _checked_choices(choices, place)
    elif choices:
        raise InvalidArgumentError(f"{place}: has choices, but its kind is {kind}, expected choice")
    return found


def _checked_choices(given: object, place: str) -> list[str]:
    expected = f"expected a list of 2 to {_CHOICES_LIMIT} different texts"
    if not isinstance(given, (list, tuple)) or not 2 <= len(given) <= _CHOICES_LIMIT:
        raise InvalidArgumentError(f"{place}.choices: got {given!r:.80}, {expected}")
    if not all(isinstance(choice, str) and 0 < len(choice.strip()) <= NAME_LIMIT for choice in given):
        raise InvalidArgumentError(f"{place}.choices: got {given!r:.80}, {expected}")
    choices = [choice.strip() for choice in given]
    if len(set(choices)) < len(choices):
        raise InvalidArgumentError(f"{place}.choices: got {given!r:.80}, {expected}")
    return choices


def in_queue(queue: StoredQueue) -> Expression:
    """The traces of a queue: those that meet its filter and do not run any more."""
    ended = Comparison(Field("state", "state"), "!=", "IN_PROGRESS")
    experiment = None if queue.experiment is None else Comparison(Field("experiment", "text"), "=", queue.experiment)
    found = all_of(parse_filter(queue.filter), experiment, ended)
    assert found is not None
    return found


def reviewed_by(queue: StoredQueue, reviewer: str) -> Expression:
    """The traces of a queue that a reviewer has reviewed."""
    given = [Comparison(Field("reviewer", "text", name), "=", reviewer) for name in _needed(queue)]
    return _both(in_queue(queue), *given)


def reviewed(queue: StoredQueue) -> Expression:
    """The traces of a queue that enough people have reviewed."""
    given = [Comparison(Field("reviewers", "number", name), ">=", queue.reviewers) for name in _needed(queue)]
    return _both(in_queue(queue), *given)


def left_for(queue: StoredQueue, reviewer: str | None) -> Expression:
    """The traces of a queue that need another review, by this reviewer if one is given."""
    left = [Not(reviewed(queue))]
    if reviewer is not None:
        left.append(Not(reviewed_by(queue, reviewer)))
    return _both(in_queue(queue), *left)


def _needed(queue: StoredQueue) -> list[str]:
    names = [score["name"] for score in queue.scores if score["kind"] != "text"]
    return names or [score["name"] for score in queue.scores]


def _both(*parts: Expression) -> Expression:
    found = all_of(*parts)
    assert found is not None
    return found
