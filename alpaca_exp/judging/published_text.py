"""Scores of published judgments to be read: the chains, every pair's metrics, and its categories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from alpaca_exp.cleaning.difference_text import table
from alpaca_exp.judging.agreement_text import ABSENT
from alpaca_exp.judging.published import Format, Published
from alpaca_exp.judging.published_scores import Chain, Scored
from alpaca_exp.judging.scores_chain import Apart
from alpaca_exp.records import Row, Score

HEAD = ["metric", "value", "95 %", "n"]
PLACES = {"score": 2, "opponent_score": 2, "difference": 2, "difference_lc": 2, "unparsed": 0}
"""Decimals of a metric; two of all others, as tables print them."""

_NOT_THEIRS = (
    "win_rate is AlpacaEval's; win_rate_lc is read off these verdicts alone, and is not the leaderboard's, "
    "which is fitted to many models at once"
)


def markdown(
    found: Published,
    scored: Sequence[Scored],
    chains: Sequence[Chain],
    problems: Sequence[str] = (),
    differences: Sequence[Apart] = (),
) -> str:
    """All that the judgments say, as Markdown; `problems` are why a model cannot be chained."""
    pairs = [part for one in scored for part in _pair(one)]
    parts = [
        _opening(found, problems),
        *map(_chain, chains),
        *_differences(differences),
        *_ratings(found.verdicts),
        *pairs,
    ]
    return "\n\n".join(parts) + "\n"


def _ratings(rows: Sequence[Row]) -> Iterator[str]:
    """The mean rating of every model whose answers were rated alone, by turn, as MT-bench prints them."""
    rated = [row for row in rows if not row["model_1"] and row["score_2"] is not None]
    turns = sorted({row.get("turn", 1) for row in rated})
    models: dict[str, list[Row]] = {}
    for row in rated:
        models.setdefault(row["model_2"], []).append(row)
    means = {name: fmean(row["score_2"] for row in found) for name, found in models.items()}
    lines = [
        [name, str(len(models[name])), *(_turn(models[name], turn) for turn in turns), f"{mean:.2f}"]
        for name, mean in sorted(means.items(), key=lambda one: (-one[1], one[0]))
    ]
    if lines:
        yield f"Mean ratings:\n\n{table([['model', 'n', *(f'turn {n}' for n in turns), 'all'], *lines])}"


def _turn(rows: Sequence[Row], turn: int) -> str:
    found = [row["score_2"] for row in rows if row.get("turn", 1) == turn]
    return f"{fmean(found):.2f}" if found else ABSENT


def _opening(found: Published, problems: Sequence[str]) -> str:
    kinds = " and ".join(dict.fromkeys(form.value for form in found.formats))
    judges = ", ".join(dict.fromkeys(row["judge"] for row in found.verdicts))
    files = "one file" if len(found.formats) == 1 else f"{len(found.formats)} files"
    told = (
        f"# {kinds}\n\n{len(found.verdicts):,} verdicts from {files}; judged by {judges or 'nobody named'}."
    )
    own = [_NOT_THEIRS] if Format.alpaca_eval in found.formats else []
    remarks = [f"- {sentence}" for sentence in (*found.remarks, *problems, *own)]
    return "\n".join([told, "", *remarks] if remarks else [told])


def _chain(one: Chain) -> str:
    bounds = _bounds(one.percent.low, one.percent.high, 1)
    parts = " x ".join(f"{link.points:.1f}/{link.reference_points:.1f}" for link in one.percent.links)
    through = ", ".join(link.reference for link in one.percent.links[:-1])
    told = f"{one.model}: {one.percent.value:.2f} % of {one.reference} {bounds}".strip()
    return f"{told}, through {through}: {parts}."


def _differences(found: Sequence[Apart]) -> Iterator[str]:
    """How far the models are apart in these per cent, which one interval each could not tell."""
    lines = [
        [
            f"{one.model} - {one.other}",
            f"{one.value:+.1f}",
            _bounds(one.low, one.high, 1) or ABSENT,
            str(one.n),
        ]
        for one in found
    ]
    if lines:
        yield f"Points of per cent of {found[0].reference}:\n\n{table([['difference', *HEAD[1:]], *lines])}"


def _pair(one: Scored) -> Iterator[str]:
    yield f"## {one.pair.model} against {one.pair.reference}"
    if one.pair.judge:
        yield f"Judged by {one.pair.judge}."
    whole = [score for score in one.scores if "/" not in score.metric]
    yield table([HEAD, *map(_line, whole)])
    yield from one.remarks
    yield from _categories([score for score in one.scores if "/" in score.metric])


def _line(score: Score) -> list[str]:
    places = PLACES.get(score.metric, 2)
    bounds = _bounds(getattr(score, "low", None), getattr(score, "high", None), places)
    return [score.metric, f"{score.value:.{places}f}", bounds or ABSENT, f"{score.n:,}"]


def _categories(scores: Sequence[Score]) -> Iterator[str]:
    """A line a category, a column a metric."""
    if not scores:
        return
    cells: dict[str, dict[str, Score]] = {}
    for score in scores:
        metric, _, category = score.metric.partition("/")
        cells.setdefault(category, {})[metric] = score
    metrics = list(dict.fromkeys(metric for row in cells.values() for metric in row))
    lines = [
        [name, str(max(score.n for score in row.values())), *(_cell(row.get(metric)) for metric in metrics)]
        for name, row in cells.items()
    ]
    yield table([["category", "n", *metrics], *lines])


def _cell(score: Score | None) -> str:
    if score is None:
        return ABSENT
    bounds = _bounds(getattr(score, "low", None), getattr(score, "high", None), 1)
    return f"{score.value:.1f} {bounds}".strip()


def _bounds(low: float | None, high: float | None, places: int) -> str:
    return "" if low is None or high is None else f"[{low:.{places}f}, {high:.{places}f}]"
