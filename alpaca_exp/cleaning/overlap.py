"""Evaluation documents that training rows hold: runs of n words in common, found through one index.

As in GPT-3 (Brown et al. 2020, appendix C: 13 words, and scores on the clean documents beside those on
all) and Llama 2 (Touvron et al. 2023, A.6: how much of a document is found counts, not only whether).
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from alpaca_exp.records import Row

NGRAM = 13
"""GPT-3's length of a run that counts."""
SHORTEST_WHOLE = 5
"""A text of a document with fewer than n words, but so many, is in a row that holds all of it."""
BOILERPLATE_SHARE = 0.1
"""What stands in more of a task's documents than this is the task's wording, not their content."""
BOILERPLATE_DOCUMENTS = 2
"""And it must stand in more than so many."""
FIELDS = ("instruction", "input", "output")
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""Scripts without blanks between words, by the beginning of their characters' Unicode names."""


@dataclass(frozen=True)
class Document:
    """One document of an evaluation, as a model is shown it."""

    task: str
    doc_id: int | str
    prompt: str
    continuations: tuple[str, ...] = ()
    """What may follow the prompt: every choice, or the targets."""
    scored: bool = True
    """False: it only helps to tell the task's wording from its content."""


@dataclass(frozen=True)
class Hit:
    """What a field of a training row and a document have in common."""

    row_id: str
    field: str
    document: Document
    ngrams: tuple[str, ...]
    """Normalised."""


class OverlapIndex:
    """The n-grams of some documents, without those that are their task's wording."""

    def __init__(self, documents: Iterable[Document], n: int = NGRAM) -> None:
        """Of a text with fewer than `n` words, all of it is taken as one n-gram (see SHORTEST_WHOLE)."""
        self.n = n
        self.documents = list(documents)
        postings = _postings(self.documents, n)
        self.boilerplate = _without_boilerplate(postings, self.documents)
        """Per task, how many n-grams were left out as its wording."""
        self._postings = {gram: of for gram, numbers in postings.items() if (of := self._scored(numbers))}
        self._whole = _by_beginning(gram for gram in self._postings if gram.count(" ") < n - 1)
        counts = Counter(number for numbers in self._postings.values() for number in numbers)
        self.sizes = {
            document: counts[number] for number, document in enumerate(self.documents) if document.scored
        }
        """How many n-grams each scored document has; those with none can be found nowhere."""

    def _scored(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        if all(self.documents[number].scored for number in numbers):
            return numbers
        return tuple(number for number in numbers if self.documents[number].scored)

    def hits(self, rows: Iterable[Row]) -> Iterator[Hit]:
        """What `rows` (`id` and the three fields) hold of documents, each field by itself, in their order."""
        for row in rows:
            for field in FIELDS:
                for number, ngrams in self._found(words(row.get(field) or "")).items():
                    yield Hit(str(row["id"]), field, self.documents[number], tuple(ngrams))

    def _found(self, text: Sequence[str]) -> Mapping[int, Iterable[str]]:
        found: dict[int, dict[str, None]] = {}
        for gram in (*filter(self._postings.__contains__, _runs(text, self.n)), *self._short_ones(text)):
            for number in self._postings[gram]:
                found.setdefault(number, {})[gram] = None
        return found

    def _short_ones(self, text: Sequence[str]) -> Iterator[str]:
        """The documents' short texts that stand in `text`."""
        if self._whole:
            for start, beginning in enumerate(_runs(text, SHORTEST_WHOLE)):
                for whole in self._whole.get(beginning, ()):
                    if " ".join(text[start : start + whole.count(" ") + 1]) == whole:
                        yield whole


def words(text: str) -> list[str]:
    """The words of `text`, so that case, punctuation, blanks and kinds of apostrophes make no difference.

    In scripts that are written without blanks every character is a word.
    """
    return unicodedata.normalize("NFKC", text).casefold().translate(_CHARACTERS).split()


class _Characters(dict[int, str]):
    """What becomes of each character, found out when it first occurs."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character in "'\u2019\u2018\u02bc`":
            kept = ""
        elif unicodedata.category(character)[0] not in "LMN":
            kept = " "
        elif unicodedata.name(character, "").startswith(UNSPACED):
            kept = f" {character} "
        else:
            kept = character
        self[code] = kept
        return kept


_CHARACTERS = _Characters()


def _runs(text: Sequence[str], n: int) -> Iterator[str]:
    """Every run of `n` words."""
    return map(" ".join, zip(*(text[start:] for start in range(n)), strict=False))


def _postings(documents: Sequence[Document], n: int) -> dict[str, tuple[int, ...]]:
    """n-gram -> the places of the documents that hold it."""
    prompts = defaultdict(set)
    for document in documents:
        prompts[document.task].add(document.prompt)
    templates = {task: _template(texts) for task, texts in prompts.items()}
    postings: dict[str, tuple[int, ...]] = {}
    for number, document in enumerate(documents):
        alone = (number,)
        for gram in _ngrams(document, *templates[document.task], n):
            postings[gram] = postings.get(gram, ()) + alone
    return postings


def _template(prompts: set[str]) -> tuple[int, int]:
    """How many characters at a prompt's beginning and at its end are the template of its task.

    It is what all prompts have in common, up to the last colon or line break before they part
    ("Question:"), and from the first line break after they meet again on.
    """
    if len(prompts) < 2:
        return 0, 0
    before = _common_beginning(prompts)
    after = _common_beginning({prompt[::-1] for prompt in prompts})[::-1]
    end = len(after) - after.find("\n") if "\n" in after else 0
    return max(before.rfind(":"), before.rfind("\n")) + 1, end


def _common_beginning(texts: set[str]) -> str:
    first, last = min(texts), max(texts)
    length = next(
        (place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
    )
    return first[:length]


def _ngrams(document: Document, start: int, end: int, n: int) -> Mapping[str, None]:
    """What stands for `document`: its question alone, and with each continuation."""
    stop = max(start, len(document.prompt) - end)
    question, ending = words(document.prompt[start:stop]), words(document.prompt[stop:])
    grams = dict.fromkeys(_whole_or_runs(question, n))
    for continuation in document.continuations:
        text = question + ending + words(continuation)
        grams |= dict.fromkeys(_whole_or_runs(text, n))
    return grams


def _whole_or_runs(text: Sequence[str], n: int) -> Iterable[str]:
    if SHORTEST_WHOLE <= len(text) < n:
        return (" ".join(text),)
    return _runs(text, n)


def _without_boilerplate(
    postings: dict[str, tuple[int, ...]], documents: Sequence[Document]
) -> dict[str, int]:
    """Take each task's wording out of `postings`; per task, how many n-grams that were."""
    counts = Counter(document.task for document in documents)
    most = {task: max(BOILERPLATE_DOCUMENTS, BOILERPLATE_SHARE * count) for task, count in counts.items()}
    taken: Counter[str] = Counter()
    for gram, numbers in postings.items():
        if len(numbers) > BOILERPLATE_DOCUMENTS:
            shared = Counter(documents[number].task for number in numbers)
            wording = {task for task, count in shared.items() if count > most[task]}
            if wording:
                postings[gram] = tuple(n for n in numbers if documents[n].task not in wording)
                taken.update(wording)
    return dict(taken)


def _by_beginning(texts: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        found[" ".join(text.split(" ")[:SHORTEST_WHOLE])].append(text)
    return dict(found)
