"""Judgments side by side: `python -m alpaca_exp.judging import FILE... | agree A B | people VOTES...`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from alpaca_exp.artifacts import RECORD
from alpaca_exp.commands import add_outputs, count, obey
from alpaca_exp.errors import InputError
from alpaca_exp.judging import agreement_text, people_text, published_text
from alpaca_exp.judging.agreement import agreement
from alpaca_exp.judging.agreement_text import Party
from alpaca_exp.judging.opinions import opinions_of, renamed
from alpaca_exp.judging.people import poll
from alpaca_exp.judging.published import Format, read_published
from alpaca_exp.judging.published_pairs import model_named
from alpaca_exp.judging.published_scores import chained, differences, scored
from alpaca_exp.judging.votes import categorised, read_votes
from alpaca_exp.judgments import Judgments, judgments
from alpaca_exp.records import Row, write_jsonl
from alpaca_exp.statistics.kappa import Weights

DATA = (".jsonl", ".json", ".jsonl.gz", ".json.gz", ".parquet")
"""How the files of a folder end that are read."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 2 bad input."""
    return obey(_parser(), arguments)


def _import(asked: argparse.Namespace) -> None:
    files, answers = _expanded(asked.files), _expanded(asked.answers)
    if asked.models and len(files) > 1:
        raise InputError("--models names the two models of one file; import the files one by one")
    if asked.pivot and not asked.reference:
        raise InputError(
            f"--pivot {asked.pivot} leads nowhere; add --reference MODEL, in whose per cent to count"
        )
    found = read_published(
        files,
        form=Format[asked.format] if asked.format else None,
        questions=asked.questions,
        answers=answers,
        models=tuple(asked.models) if asked.models else None,
        judge=asked.judge,
        skip_broken=asked.skip_broken,
    )
    reference, pivot = (
        model_named(word, found.verdicts, found.aliases) if word else None
        for word in (asked.reference, asked.pivot)
    )
    pairs = scored(found.verdicts, reference, pivot)
    chains, problems = chained(found.verdicts, reference, pivot) if reference else ([], [])
    points = differences(found.verdicts, reference, pivot) if reference else []
    print(published_text.markdown(found, pairs, chains, problems, points), end="")
    if asked.out:
        scores = [row for one in pairs for row in one.rows()]
        _keep(asked.out, found.verdicts, scores + [one.row() for one in chains])


def _expanded(paths: Sequence[Path]) -> list[Path]:
    """The files, for a folder those in it. Raises InputError for a folder that holds none."""
    found: list[Path] = []
    for path in paths:
        inside = (
            sorted(file for file in path.glob("*") if file.name.endswith(DATA)) if path.is_dir() else [path]
        )
        if not inside:
            raise InputError(
                f"{path} holds no file that ends with {', '.join(DATA)}; name the files themselves"
            )
        found += inside
    return found


def _keep(out: Path, verdicts: Sequence[Row], scores: Sequence[Row]) -> None:
    """Write both files. Raises InputError where they would replace a judge's own."""
    file = out if out.suffix == ".jsonl" else out / "verdicts.jsonl"
    beside = file.with_name("scores.jsonl" if file.name == "verdicts.jsonl" else f"{file.stem}.scores.jsonl")
    if (file.parent / RECORD).exists():
        raise InputError(
            f"{file.parent} is what a stage left, and stays as it is; name another folder as --out"
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_jsonl(verdicts, file)
        write_jsonl(scores, beside)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}; name another --out") from None
    print(f"\nWritten: {file} and {beside}")


def _agree(asked: argparse.Namespace) -> None:
    a, b = (
        _party(judgments(word, asked.outputs, newest=asked.newest), dict(asked.rename))
        for word in (asked.a, asked.b)
    )
    found = agreement(a.opinions, b.opinions, Weights[asked.weights])
    _say(
        asked,
        lambda: agreement_text.as_json(a, b, found),
        lambda: agreement_text.markdown(a, b, found, asked.examples),
    )


def _people(asked: argparse.Namespace) -> None:
    votes, again = read_votes(asked.votes)
    if again:
        were = "vote was" if again == 1 else "votes were"
        print(f"{again} {were} given anew further down; the last of each counts", file=sys.stderr)
    votes = renamed(votes, dict(asked.rename))
    judge = judgments(asked.judge, asked.outputs, newest=asked.newest) if asked.judge else None
    judged = _party(judge, dict(asked.rename)) if judge else None
    known = {str(row["question_id"]): str(row.get("category") or "") for row in judge.rows} if judge else {}
    found = poll(categorised(votes, known), judged.opinions if judged else None)
    name = judged.name if judged else None
    _say(asked, lambda: people_text.as_json(found, name), lambda: people_text.markdown(found, name))


def _party(found: Judgments, names: dict[str, str]) -> Party:
    """Their opinions. Raises InputError where no two answers are compared."""
    opinions = opinions_of(renamed(found.rows, names))
    if not opinions:
        raise InputError(f"{found.source} compares no two answers: nothing to agree or disagree on")
    return Party(found.name, found.source, opinions)


def _say(asked: argparse.Namespace, plain: Callable[[], Row], text: Callable[[], str]) -> None:
    if asked.format == "json":
        print(json.dumps(plain(), indent=2, ensure_ascii=False))
    else:
        print(text(), end="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m alpaca_exp.judging", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _import_parser(commands)
    _agree_parser(commands)
    _people_parser(commands)
    return parser


def _import_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "judgments that others published as verdicts, and the scores they add up to, for 0 dollars"
    command = commands.add_parser(
        "import",
        help=text,
        description=text,
        epilog=_IMPORTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="JSON lines or JSON, also gzipped"
    )
    forms = "left out: what the first object of each file looks like"
    command.add_argument("--format", choices=[form.name for form in Format], help=forms)
    command.add_argument("--questions", type=Path, metavar="FILE", help="for the categories")
    command.add_argument(
        "--answers", type=Path, nargs="+", action="extend", default=[], metavar="FILE", help="for the lengths"
    )
    names = "of a review file whose name does not tell them; A was shown first"
    command.add_argument("--models", nargs=2, metavar=("A", "B"), help=names)
    command.add_argument("--judge", metavar="NAME", help="who judged, where the files do not say")
    left = "lines that hold no judgment, such as a score out of range, are left out and named"
    command.add_argument("--skip-broken", action="store_true", help=left)
    command.add_argument("--reference", metavar="MODEL", help="in whose per cent to count")
    through = "the model that all others were compared with: per cent is chained through it"
    command.add_argument("--pivot", metavar="MODEL", help=through)
    kept = "a folder for verdicts.jsonl and scores.jsonl, or the verdicts' file; left out: nothing is kept"
    command.add_argument("--out", type=Path, metavar="PATH", help=kept)
    command.set_defaults(run=_import)


_IMPORTS = """examples:
  python -m alpaca_exp.judging import review --questions question.jsonl --answers answer
      --reference gpt35 --pivot vicuna-13b --out published
  python -m alpaca_exp.judging import annotations.json
  python -m alpaca_exp.judging import gpt-4_single.jsonl --reference gpt-3.5-turbo
"""


def _agree_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "how far two judges agree, or a judge and people: share, Cohen's kappa, who said what"
    command = commands.add_parser("agree", help=text, description=text)
    for name in ("a", "b"):
        command.add_argument(
            name,
            metavar=name.upper(),
            help="a file of verdicts, votes or published judgments, a folder with one, a run's label or "
            "folder, or a fingerprint",
        )
    weights = "none: any difference counts; linear, quadratic: a tie is halfway; default: %(default)s"
    command.add_argument("--weights", choices=[one.name for one in Weights], default="none", help=weights)
    command.add_argument("--examples", type=count, default=3, help="of disputes; default: %(default)s")
    _common(command, _agree)


def _people_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "what people's votes add up to, and how far the raters agree with one another and with a judge"
    command = commands.add_parser(
        "people",
        help=text,
        description=text,
        epilog=_VOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "votes", nargs="+", type=Path, metavar="VOTES", help="files the reading page exported"
    )
    command.add_argument("--judge", metavar="JUDGE", help="verdicts to compare with: as A of agree")
    _common(command, _people)


_VOTES = """a vote is one JSON object a line:
  {"question_id": "1", "model_1": "alpaca", "model_2": "vicuna", "vote": "2", "rater": "ann"}
  vote: 1, 2 or tie; rater: a name, left out: the file's
  and where they are known
  order: "12" or "21", whose answer was shown first; category: of the question
  intent_1, intent_2: true or false; quality_1, quality_2: 1 to 5, of either answer
"""


def _common(command: argparse.ArgumentParser, run: Callable[[argparse.Namespace], None]) -> None:
    rename = "where a model is named otherwise elsewhere; as often as needed"
    command.add_argument("--rename", type=_names, action="append", default=[], metavar="OLD=NEW", help=rename)
    command.add_argument("--newest", action="store_true", help="of several runs of a name, the last started")
    command.add_argument("--format", choices=("markdown", "json"), default="markdown")
    add_outputs(command, positional=False)
    command.set_defaults(run=run)


def _names(word: str) -> tuple[str, str]:
    old, equals, new = word.partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f"{word} is not OLD=NEW, such as vicuna-13b:v1=vicuna-13b")
    return old, new


if __name__ == "__main__":
    raise SystemExit(main())
