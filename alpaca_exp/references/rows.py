"""Published numbers as rows: what was printed, of which model, on which set, by which measure, and by whom.

A row tells how its printer named things (`model`, `task`, `metric`) and, where that is known at first hand,
what they were (`checkpoint`, `dataset`, `measure`). A number that was taken from elsewhere names the row that
it was taken from (`cites`), or that number itself (`cited`, `cited_source`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from math import prod

PER_CENT = "%"
UNITS = (PER_CENT, "% of", "points", "usd", "words", "rows", "tasks", "yes is 1")
"""In what a number is counted; "% of" goes with `reference`."""
FRAMES = ("", "raw", "alpaca", "chat")
DISCLOSED = (
    "confounded_recipe", "constant_gold", "no_interval", "other_harness", "unlike_comparison", "unresolved",
)  # fmt: skip
"""What a table may say of its own number (`flags`): the audit then need not."""
MOST_NAMES = 40
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One published number."""

    id: str
    source: str
    """Who printed it, and when: "Lindenau 2023"."""
    place: str
    """Where in it: "Table 1a"."""
    model: str
    task: str
    metric: str = ""
    """As its printer calls it; "" where the printer does not."""
    printed: Decimal
    """With the digits that were printed."""
    unit: str

    checkpoint: str = ""
    """The model that it is, by its name in models.yaml; "" where only the cited row tells."""
    size: str = ""
    """As printed beside the model's name: "7B"."""
    version: str = ""
    """Of the model: "4 bit", a date, a revision."""
    recipe: str = ""
    """How the model was made where models.yaml does not say: "learning_rate=2e-5; epochs=3"."""
    dataset: str = ""
    """The set that it is of, by its name in sets.yaml."""
    measure: str = ""
    """The metric that it is: acc, acc_norm, ..."""
    split: str = ""
    n: int | None = None
    """Documents or questions."""
    num_fewshot: int | None = None
    frame: str = ""
    harness: str = ""
    harness_version: str = ""
    protocol: str = ""
    """How a judge, or people, arrived at it."""
    reference: str = ""
    """The model in whose per cent it is counted."""
    pivot: str = ""
    """The model through which these per cent are chained."""
    parts: str = ""
    """The fractions whose product it is: "583.0/704.0 x 638.0/693.0"."""
    stderr: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    gold: str = ""
    """The one right answer of all documents, where it is one."""
    against: str = ""
    """The row that its table compares it with."""
    cites: str = ""
    """The row that it was taken from."""
    cited: Decimal | None = None
    """What the source says, where that is no row here."""
    cited_source: str = ""
    flags: tuple[str, ...] = ()
    """What its printer says of it: of DISCLOSED."""
    date: str = ""
    """When it was printed: YYYY-MM."""
    note: str = ""

    @property
    def own(self) -> bool:
        """Whether it was measured by who printed it, and not taken from elsewhere."""
        return not self.cites and self.cited is None

    @property
    def named(self) -> str:
        """The cell, to be read: "Lindenau 2023, Table 1a: LLaMA-7B, HellaSwag"."""
        metric = f" {self.metric}" if self.metric and self.metric.casefold() != "accuracy" else ""
        return f"{self.source}, {self.place}: {self.model}, {self.task}{metric}"

    @property
    def product(self) -> Decimal | None:
        """100 x the product of its parts; None where it has none."""
        found = fractions(self.parts)
        return 100 * prod((one / other for one, other in found), start=Decimal(1)) if found else None

    @property
    def naive(self) -> Decimal | None:
        """100 x its first part's points over its last part's reference, as if these two had met."""
        found = fractions(self.parts)
        return 100 * found[0][0] / found[-1][1] if found else None


KINDS = {field.name: str(field.type) for field in fields(Reference)}
NEEDED = tuple(field.name for field in fields(Reference) if field.default is MISSING)


def fractions(parts: str) -> list[tuple[Decimal, Decimal]]:
    """`583.0/704.0 x 638.0/693.0` as pairs of numbers. Raises ValueError where it is none."""
    if not parts:
        return []
    matches = [_PART.fullmatch(part) for part in parts.split(" x ")]
    found = [(Decimal(match[1]), Decimal(match[2])) for match in matches if match]
    if len(found) < len(matches) or any(not below for _, below in found):
        raise ValueError(f"parts is {parts}; write fractions as 583.0/704.0 x 638.0/693.0")
    return found


def rounds_to(number: Decimal, printed: Decimal) -> bool:
    """Whether `number` is `printed` when it is rounded to the digits of that: a half up, or to even."""
    digit = Decimal(1).scaleb(int(printed.as_tuple().exponent))
    return printed in {number.quantize(digit, way) for way in (ROUND_HALF_UP, ROUND_HALF_EVEN)}


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?` where a known name is close, else all of them, if they are few."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(names)}" if len(names) <= MOST_NAMES else ""


def made(texts: Mapping[str, str]) -> tuple[Reference | None, list[str]]:
    """The row of these texts by field, empty ones left out; and every problem with them, a phrase each."""
    problems = [
        f"has the field {name}, which is none{nearest(name, KINDS)}" for name in texts.keys() - KINDS.keys()
    ]
    missing = [name for name in NEEDED if not texts.get(name)]
    problems += [f"lacks {', '.join(missing)}"] * bool(missing)
    values: dict[str, object] = {}
    for name, text in texts.items():
        if name in KINDS and text:
            try:
                values[name] = _value(name, text)
            except ValueError as error:
                problems.append(str(error))
    if problems:
        return None, problems
    row = Reference(**values)  # type: ignore[arg-type]
    problems = list(_problems(row))
    return (None if problems else row), problems


def _value(name: str, text: str) -> object:
    """Raises ValueError with the problem."""
    kind = KINDS[name]
    if "Decimal" in kind:
        return _decimal(name, text)
    if "int" in kind:
        return _count(name, text)
    if "tuple" in kind:
        return tuple(word.strip() for word in text.split(";") if word.strip())
    return text


def _decimal(name: str, text: str) -> Decimal:
    try:
        found = Decimal(text.replace(",", "") if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", text) else text)
    except InvalidOperation:
        raise ValueError(f"has {text!r} as {name}, which is no number") from None
    if not found.is_finite():
        raise ValueError(f"has {text!r} as {name}, which is no finite number")
    return found


def _count(name: str, text: str) -> int:
    digits = text.replace(",", "")
    if not digits.isdecimal():
        raise ValueError(f"has {text!r} as {name}; it is a whole number of 0 or more")
    return int(digits)


def _problems(row: Reference) -> Iterator[str]:
    """What is wrong in the fields together."""
    for name, known in (("unit", UNITS), ("frame", FRAMES)):
        if getattr(row, name) not in known:
            yield f"has the {name} {getattr(row, name)}{nearest(getattr(row, name), filter(None, known))}"
    for flag in row.flags:
        if flag not in DISCLOSED:
            yield f"has the flag {flag}{nearest(flag, DISCLOSED)}"
    if (row.low is None) != (row.high is None):
        yield "has one of low and high; an interval has both"
    elif row.low is not None and row.high is not None and not row.low <= row.printed <= row.high:
        yield f"prints {row.printed}, which lies outside its own interval [{row.low}, {row.high}]"
    if row.stderr is not None and row.stderr < 0:
        yield f"has the stderr {row.stderr}; it is 0 or more"
    if row.unit == PER_CENT and not 0 <= row.printed <= 100:
        yield f"prints {row.printed} %; a share lies between 0 and 100"
    if row.unit == "% of" and not row.reference:
        yield "counts in per cent of a model, and lacks reference, which names that model"
    if row.cites and row.cited is not None:
        yield "has both cites and cited; the row that it cites says what the source says"
    try:
        fractions(row.parts)
    except ValueError as error:
        yield str(error)


def texts_of(row: Reference) -> dict[str, str]:
    """The fields of a row that are filled, as `made` takes them."""
    found = {name: getattr(row, name) for name in KINDS}
    joined = {name: "; ".join(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
              for name, value in found.items()}  # fmt: skip
    return {name: str(value) for name, value in joined.items() if value not in ("", None)}
