"""What a score must be read with: chance, the best constant answer, degenerate sets, cut and empty texts."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from lm_eval.api.task import Task

from alpaca_exp.harness.guessing import Guessing, guessing
from alpaca_exp.harness.results import one_each, stderr_of, written
from alpaca_exp.records import Row

Request = tuple[str, ...]
"""The texts of one of lm-eval's requests: context and continuation, or the context alone."""
DEGENERATE_SHARE = 0.95
"""With more of the right answers than this in one place, knowing the place is knowing the answer."""
BY_CHANCE = 1e-3
"""So seldom would right answers that lie anywhere all lie in one place: few documents prove nothing."""
MENTIONED_SHARE = 0.02
"""Of texts that are empty, or hold no answer that could be read: from here on a sentence is due."""
AT_RANDOM = "guessing"
RESOLVED = 1.96
"""Standard errors that a score must be above what guessing gives."""


def audit(
    name: str,
    task: Task,
    samples: Sequence[Row],
    cut: Collection[Request] = frozenset(),
    limit: int = 0,
    known: Guessing | None = None,
) -> Row:
    """What is known of the task and of the model's answers beside its scores.

    `chance` and `majority` are those of the first metric that has them, `metrics` holds every one's, with
    how its standard error was found. `gold_positions` counts the documents in which a place is right, and
    `degenerate` says that nearly always the same one is (null where that cannot be told). `truncated`
    counts documents of which a request is in `cut`: its beginning was left out, since the model's context
    ends at `limit` tokens. `comparable` is false where choices were asked for by letter.
    `prompts` is a hash over all documents and prompts: equal ones can be paired.
    """
    once = one_each(samples)
    known = known or guessing(task, once)
    return {
        "task": name,
        "task_version": str(task.VERSION),
        "num_fewshot": task.get_config("num_fewshot"),
        "n": len(once),
        "chance": next(iter(known.chance.values()), None),
        "majority": next(iter(known.majority.values()), None),
        "majority_answer": known.answer,
        "gold_positions": _positions(known),
        "degenerate": _degenerate(known, once),
        "listed": _listed(task, once),
        "comparable": getattr(task, "comparable", True),
        "truncated": sum(any(_request(args) in cut for args in sample["arguments"]) for sample in once),
        "context": limit,
        "empty_generations": _share([not text.strip() for text in map(written, once) if text is not None]),
        "unparsed": _unparsed(task, samples),
        "prompts": _hash(once),
        "metrics": {
            metric: {
                "chance": known.chance.get(metric),
                "majority": known.majority.get(metric),
                "stderr": stderr_of(task, metric),
            }
            for metric in once[0]["metrics"]
        },
    }


def flags(found: Row, scores: Sequence[Row]) -> list[Row]:
    """What to warn of, a row each: its `kind`, the `metrics` that it concerns (null: all), a `sentence`.

    Of scores that are not above guessing `than` says which way is as good: by chance, or a constant answer.
    `found` is the audit of a task, `scores` are its rows of `scores.jsonl`.
    """
    said = {
        "incomparable": _said_of_letters(found),
        "degenerate": _said_of_golds(found),
        "truncated": _said_of_context(found),
        "empty": _said_of_empty(found),
        "unparsed": _said_of_filters(found),
        "overlap": _said_of_overlap(found),
    }
    measured = list(found["metrics"])  # on all documents: the metrics on the others alone are not concerned
    general = [{"kind": kind, "metrics": measured if kind == "overlap" else None, "sentence": text}
               for kind, text in said.items() if text]  # fmt: skip
    return general + list(_not_above_guessing(found, scores))


def _positions(known: Guessing) -> dict[str, int]:
    counted = Counter(place for places in known.golds for place in places)
    return {str(place): counted[place] for place in sorted(counted)}


def _degenerate(known: Guessing, samples: Sequence[Row]) -> bool | None:
    """Whether one answer is nearly always right, and in too many documents for that to be luck."""
    if not known.common:
        return None
    choices = min(len(sample["filtered_resps"]) for sample in samples) if known.golds else 2
    luck = max(2, choices) ** (1.0 - len(samples))
    return known.common > DEGENERATE_SHARE * len(samples) and luck < BY_CHANCE


def _listed(task: Task, samples: Sequence[Row]) -> bool | None:
    """Whether the prompts show the choices, so that a model sees places; null where there are none."""
    if task.OUTPUT_TYPE != "multiple_choice" or task.config.doc_to_choice is None:
        return None
    shown = 0
    for sample in samples:
        choices = [str(choice).strip() for choice in task.doc_to_choice(sample["doc"])]
        shown += all(choice in str(sample["arguments"][0][0]) for choice in choices)
    return 2 * shown > len(samples)


def _request(arguments: Sequence[object]) -> Request:
    return tuple(text for text in arguments if isinstance(text, str))


def _share(found: Sequence[bool]) -> float | None:
    return sum(found) / len(found) if found else None


def _unparsed(task: Task, samples: Sequence[Row]) -> dict[str, float]:
    """By filter that looks for an answer in a text: the share of texts in which it found none."""
    shares = {}
    for ensemble in getattr(task, "_filters", []):
        made = [build() for build in ensemble.filters]
        nothing = [made.fallback for made in made if getattr(made, "fallback", None) is not None]
        answers = [sample["filtered_resps"][0] for sample in samples if sample["filter"] == ensemble.name]
        if nothing and answers:
            shares[ensemble.name] = sum(answer in nothing for answer in answers) / len(answers)
    return shares


def _hash(samples: Sequence[Row]) -> str:
    rows = [[sample["doc_id"], sample["doc_hash"], sample["prompt_hash"]] for sample in samples]
    return hashlib.sha256(json.dumps(sorted(rows)).encode()).hexdigest()[:16]


def _said_of_letters(found: Row) -> str:
    if found["comparable"]:
        return ""
    task = found["task"]
    return (
        f"{task} is asked for a letter, since the server tells no log-probabilities of a prompt: it cannot "
        f"be compared with {task.removesuffix('_generative')} and counts towards no mean of the suite"
    )


def _said_of_golds(found: Row) -> str:
    if not found["degenerate"]:
        return ""
    task, n, answer = found["task"], found["n"], found["majority_answer"]
    if answer is not None:
        return f"{task} is degenerate: nearly all of its {n:,} right answers are {answer!r}; always giving " \
               f"that one scores {found['majority']:.3f}"  # fmt: skip
    place, most = max(found["gold_positions"].items(), key=lambda item: item[1])
    seen = (
        "and the prompts list the choices: who has learnt the place needs no knowledge"
        if found["listed"]
        else "but each choice is scored without the others, so the model does not see the place"
    )
    return f"{task} is degenerate: choice {int(place) + 1} is right in {most:,} of {n:,} documents, {seen}"


def _said_of_context(found: Row) -> str:
    if not found["truncated"]:
        return ""
    limit = f" of {found['context']:,} tokens" if found["context"] else ""
    return (
        f"{found['truncated']:,} of {found['n']:,} documents of {found['task']} are longer than the model's "
        f"context{limit}; the beginning of their prompts was left out"
    )


def _said_of_empty(found: Row) -> str:
    share = found["empty_generations"] or 0.0
    return (
        f"{share:.0%} of the answers to {found['task']} are empty"
        if share > MENTIONED_SHARE else ""
    )  # fmt: skip


def _said_of_filters(found: Row) -> str:
    shares = {name: share for name, share in found["unparsed"].items() if share > MENTIONED_SHARE}
    if shares and not found["comparable"]:
        share = max(shares.values())
        return (
            f"in {share:.0%} of the answers to {found['task']} no letter could be read; they count as wrong"
        )
    listed = ", ".join(f"{share:.0%} ({name})" for name, share in shares.items())
    return f"in answers to {found['task']} nothing could be read by a filter: {listed}" if listed else ""


def _said_of_overlap(found: Row) -> str:
    count = found.get("overlap", {}).get("documents", 0)
    return (
        f"{count:,} of {found['n']:,} documents of {found['task']} are in the training data; "
        "see the metrics that end in _clean"
        if count else ""
    )  # fmt: skip


def _not_above_guessing(found: Row, scores: Sequence[Row]) -> Iterator[Row]:
    """Scores that are not clearly above chance, nor above the constant answer that a model may have seen."""
    below: dict[tuple[float, str], list[str]] = {}  # by what guessing gives, and how one guesses
    for score in scores:
        level, what = _best_guess(found, found["metrics"].get(score["metric"], {}))
        judged = score["higher_is_better"] and score["stderr"] is not None and not found["degenerate"]
        if level is not None and judged and score["value"] - level < RESOLVED * score["stderr"]:
            below.setdefault((level, what), []).append(score["metric"])
    for (level, what), metrics in below.items():
        names = list(dict.fromkeys(metrics))
        subject = f"{found['task']}.{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"
        text = f"{subject} not clearly above {what} ({level:.3f}) at {found['n']:,} documents"
        than = "chance" if what == AT_RANDOM else "constant"
        yield {"kind": "guessing", "metrics": names, "than": than, "sentence": text}


def _best_guess(found: Row, levels: Mapping[str, float | None]) -> tuple[float | None, str]:
    chance, majority = levels.get("chance"), levels.get("majority")
    if majority is not None and majority > (chance if chance is not None else -math.inf):
        if found["majority_answer"] is not None:
            return majority, f"always answering {found['majority_answer']!r}"
        if found["listed"]:
            return majority, "always taking the commonest place"
    return chance, AT_RANDOM
