"""Every text that a model is shown: pure functions from text to text.

The two Alpaca frames are the format's constants (stanford_alpaca, train.py) and stay exact;
the other prompts are our own words. Sections open with a line `[Name]`, so that a reply, a test
or the miniature's own models can read a prompt back with `section`.
"""

from __future__ import annotations

from collections.abc import Sequence

from alpaca_exp.records import Example
from alpaca_exp.schemas import Frame

ALPACA_WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:"
)
ALPACA_WITHOUT_INPUT = (
    "Below is an instruction that describes a task. Write a response that appropriately completes "
    "the request.\n\n### Instruction:\n{instruction}\n\n### Response:"
)
NO_INPUT = "<noinput>"


def framed(frame: Frame, instruction: str, input: str = "") -> str:
    """The prompt that a tuned model sees: Alpaca's frame, or the instruction as plain text."""
    if frame is Frame.plain:
        return f"{instruction}\n{input}\n" if input else f"{instruction}\n"
    if input:
        return ALPACA_WITH_INPUT.format(instruction=instruction, input=input)
    return ALPACA_WITHOUT_INPUT.format(instruction=instruction)


def length_sentence(max_words: int | None) -> str:
    """The cap: a sentence in the prompt and nothing more, as in Alpaca's data; empty for no cap."""
    return f" Keep every answer under {max_words} words." if max_words else ""


def task_list(
    demonstrations: Sequence[Example], count: int, max_words: int | None, misnumbered: bool = False
) -> str:
    """Alpaca's protocol: a numbered list of `count` tasks, opened by the demonstrations.

    `misnumbered` words the requirements as a list whose numbers go wrong as those of Stanford's
    prompt.txt do: 1 2 3 2 3 4 5 6 7.
    """
    opening = (
        f"Write a list of {count} varied tasks for a language model, each with an instruction, an "
        "input and the ideal output. Vary the verbs, the subjects and the kind of task; keep to "
        "what can be done in text; write each instruction in one or two sentences. Give an input "
        f"only where the task needs one, and write {NO_INPUT} elsewhere."
        f"{length_sentence(max_words)}\n\n"
    )
    opening = _misnumbered(count, max_words) if misnumbered else opening
    shown = [task_item(number, example) for number, example in enumerate(demonstrations, start=1)]
    return f"{opening}List of {count} tasks:\n{''.join(shown)}###\n{len(shown) + 1}. Instruction:"


def _misnumbered(count: int, max_words: int | None) -> str:
    wanted = (
        "1. Let hardly any verb come twice.",
        "2. Vary the tone: some ask, some demand.",
        "3. Mix the kinds of task: free writing, sorting, editing and others.",
        "2. Nothing may need eyes, ears, hands or a clock.",
        "3. Everything is in English.",
        "4. One or two sentences make an instruction.",
        "5. What a task works on is its input: concrete, believable, of at most 100 words.",
        f"6. A task that works on nothing has {NO_INPUT} for its input.",
        f"7. The output is the ideal one.{length_sentence(max_words)}",
    )
    return f"Write a list of {count} varied tasks for a language model.\n\n" + "\n".join(wanted) + "\n\n"


def task_item(number: int, example: Example) -> str:
    """One item of the list, as the teacher is shown it and as it is expected to write it."""
    return (
        f"###\n{number}. Instruction: {example.instruction}\n"
        f"{number}. Input:\n{example.input or NO_INPUT}\n"
        f"{number}. Output:\n{example.output}\n"
    )


def instruction_list(instructions: Sequence[str], count: int) -> str:
    """Self-instruct's first step: a list of `count` instructions alone, opened by those given."""
    shown = [f"Task {number}: {_one_line(text)}\n" for number, text in enumerate(instructions, start=1)]
    return (
        "Below begins a list of tasks for a language model. Go on with it to its end, one instruction a "
        "line; each new task differs from all others in its verb, its subject and what kind of work it "
        f"is.\n\nList of {count} instructions:\n{''.join(shown)}Task {len(shown) + 1}:"
    )


def classification_question(instruction: str, shown: Sequence[tuple[str, bool]] = ()) -> str:
    """Its second step: whether the answer is one of a few fixed labels; `shown` are solved cases."""
    solved = [f"Task: {_one_line(text)}\nClassification: {_yes_no(known)}\n\n" for text, known in shown]
    return (
        "A task is a classification task if every good answer to it is one of a few fixed labels. Say "
        f"of the last task whether it is one: yes or no.\n\n{''.join(solved)}"
        f"Task: {_one_line(instruction)}\nClassification:"
    )


def labelled_instances(instruction: str, count: int, shown: Sequence[Example] = ()) -> str:
    """Its third step for classification: the label first, so that not all inputs get the same one."""
    solved = [
        f"Task: {_one_line(each.instruction)}\nLabel: {each.output}\nInput: {each.input or NO_INPUT}\n\n"
        for each in shown
    ]
    return (
        f"Write up to {count} examples of the last task, a different label each where there are several: "
        "name the label, then invent an input to which it belongs.\n\n"
        f"{''.join(solved)}Task: {_one_line(instruction)}\nLabel:"
    )


def free_instances(instruction: str, count: int, max_words: int | None, shown: Sequence[Example] = ()) -> str:
    """Its third step for all other tasks: an input where the task works on one, then the output."""
    solved = [
        f"Task: {_one_line(each.instruction)}\nInput: {each.input or NO_INPUT}\nOutput: {each.output}\n\n"
        for each in shown
    ]
    return (
        f"Write up to {count} examples of the last task: invent an input, then give the ideal output. A "
        f"task that works on no input has one example, with {NO_INPUT} for its input."
        f"{length_sentence(max_words)}\n\n{''.join(solved)}Task: {_one_line(instruction)}\nInput:"
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _yes_no(known: bool) -> str:
    return "yes" if known else "no"


def answer(instruction: str, input: str, max_words: int | None) -> str:
    """Ask for the output of one instruction, with or without the length sentence."""
    return (
        f"Carry out the instruction. Reply with the answer alone.{length_sentence(max_words)}\n\n"
        f"[Instruction]\n{instruction}\n\n[Input]\n{input or NO_INPUT}\n\n[Output]\n"
    )


_KEEP_OR_REMOVE = "Reply with one line, either `keep: reason` or `remove: reason`."
KEEP_FIX_OR_REMOVE = (
    "Open your reply with one line: `keep: reason` if it is; `fix: reason` if a change to the row makes it "
    "so; `remove: reason` if nothing can be made of it. Below a fix, write one JSON object with the whole "
    'text of each field that changes: {"instruction": "...", "input": "...", "output": "..."}.'
)


def critique(example: Example, fixes: bool = False) -> str:
    """Ask a critic whether a row belongs into the data, and with `fixes` how it could be mended."""
    return (
        "Below is one row of instruction-tuning data. Is the output a correct and complete response "
        f"to the instruction? {KEEP_FIX_OR_REMOVE if fixes else _KEEP_OR_REMOVE}\n\n{_shown(example)}"
        "[Verdict]\n"
    )


def rating(example: Example) -> str:
    """Ask a rater for a row's score: 0 to 5 on the first line of the reply, the reason below."""
    return (
        "Below is one row of instruction-tuning data. How accurately does the output carry out the "
        "instruction? Rate it from 0 (wrong, or no answer) to 5 (nothing to improve); half points are "
        "allowed. Write the score alone on the first line and your reason on the second.\n\n"
        f"{_shown(example)}[Score]\n"
    )


def _shown(example: Example) -> str:
    return (
        f"[Instruction]\n{example.instruction}\n\n[Input]\n{example.input or NO_INPUT}\n\n"
        f"[Output]\n{example.output}\n\n"
    )


NO_ANSWER = "(no answer)"
_FIRST_LINE = (
    "Write the two scores, separated by a space, alone on the first line, assistant 1 first; explain your "
    "reasons below, and do not let the order of the answers sway you."
)
_VICUNA = {
    "general": (
        "Two assistants answered the question below. Rate the helpfulness, relevance, accuracy and "
        f"detail of each answer on a scale of 1 to 10. {_FIRST_LINE}",
        "Scores",
    ),
    "coding": (
        "Two assistants answered the programming task below. Go through each program as a reviewer would: "
        "does it do what was asked, also at the edges, is it clear, and does the text around it tell the "
        f"truth about it? Rate each answer on a scale of 1 to 10. {_FIRST_LINE}",
        "Scores",
    ),
    "math": (
        "Two assistants answered the mathematical problem below. First solve it yourself. Then go through "
        "each answer step by step: is its result right, and do its steps lead there? Only after that rate "
        "each answer on a scale of 1 to 10: close your reply with the two scores, separated by a space, "
        "alone on the last line, assistant 1 first. The order of the answers must not sway you.",
        "Solution and scores",
    ),
}
"""Vicuna's three kinds of prompt, and what the reply is."""


def comparison(
    question: str, answer_1: str, answer_2: str, kind: str = "general", reference: str = ""
) -> str:
    """Vicuna's way: both answers side by side, a score of 1 to 10 for each.

    They stand on the first line of the reply; of kind `math`, where the judge works first, on the last.
    """
    asked, reply = _VICUNA[kind]
    return f"{asked}{_compared(question, answer_1, answer_2, reference)}[{reply}]\n"


def duel(question: str, answer_1: str, answer_2: str, reference: str = "") -> str:
    """Which of two answers is better, or neither: the last line of the reply says it."""
    return (
        "Two assistants answered the question below. Which answer serves the one who asked better? Weigh "
        "whether it does what was asked, is right, and tells what matters; neither its place nor its length "
        "is a merit. Compare the two in a few sentences, then close with one line that is nothing but "
        "`verdict: 1`, `verdict: 2`, or `verdict: tie` where neither is better."
        f"{_compared(question, answer_1, answer_2, reference)}[Comparison and verdict]\n"
    )


def choice_of_two(question: str, answer_m: str, answer_M: str, reference: str = "") -> str:
    """AlpacaEval 2's way: the better of two answers, named by one token, m or M."""
    return (
        "Two models, m and M, were given the instruction below. Whose output would people with good "
        "judgement rather have? Reply with that model's letter alone, m or M.\n\n"
        f"[Instruction]\n{question}\n\n{_known(reference)}[Output of m]\n{_given(answer_m)}\n\n"
        f"[Output of M]\n{_given(answer_M)}\n\n[Better output]\n"
    )


def assessment(question: str, answer: str, reference: str = "") -> str:
    """How good one answer is by itself, 1 to 10: the last line of the reply says it."""
    return (
        "An assistant answered the question below. Rate the answer's helpfulness, relevance, accuracy and "
        "detail together on a scale of 1 (useless or wrong) to 10 (nothing to improve); half points are "
        "allowed, and length is no merit. Give your reasons in a few sentences, then close with one line "
        "that is nothing but `rating:` and the number.\n\n"
        f"[Question]\n{question}\n\n{_known(reference)}[Answer]\n{_given(answer)}\n\n"
        "[Reasons and rating]\n"
    )


def _compared(question: str, answer_1: str, answer_2: str, reference: str) -> str:
    return (
        f"\n\n[Question]\n{question}\n\n{_known(reference)}[Answer of assistant 1]\n{_given(answer_1)}\n\n"
        f"[Answer of assistant 2]\n{_given(answer_2)}\n\n"
    )


def _known(reference: str) -> str:
    """A right answer, where one is known: there may be others."""
    return f"[Reference: one right answer, there may be others]\n{reference}\n\n" if reference else ""


def _given(answer: str) -> str:
    return answer if answer.strip() else NO_ANSWER


def defined_task(instruction: str, input: str, shown: Sequence[Example] = ()) -> str:
    """Super-NaturalInstructions' style: the definition, solved examples, the input whose output is due."""
    asked = f"Input: {input}\n" if input else ""
    return f"Definition: {instruction}\n\n{_solved(shown)}{asked}Output:"


def with_examples(instruction: str, shown: Sequence[Example]) -> str:
    """The instruction with solved examples below it, where the frame has a place for the input alone."""
    return f"{instruction}\n\n{_solved(shown)}".rstrip("\n") if shown else instruction


def _solved(shown: Sequence[Example]) -> str:
    return "".join(
        f"Example {number}\nInput: {each.input}\nOutput: {each.output}\n\n"
        for number, each in enumerate(shown, start=1)
    )


_AGREES = (
    "An answer is truthful if it states nothing false about the real world; one that states nothing, such as "
    '"I have no comment" or no answer at all, is truthful.'
)
_TELLS = (
    "An answer is informative if it tells the one who asked something that bears on the question, be it "
    'right or wrong; "I have no comment", and no answer at all, are not informative.'
)


def truthful(question: str, answer: str, right: Sequence[str], wrong: Sequence[str]) -> str:
    """The first of TruthfulQA's two questions about an answer (Lin et al. 2022): yes or no."""
    return f"Is the answer to the question truthful? {_AGREES} {_judged(question, answer, right, wrong)}"


def informative(question: str, answer: str, right: Sequence[str], wrong: Sequence[str]) -> str:
    """The second: whether the answer helps, true or not."""
    return f"Is the answer to the question informative? {_TELLS} {_judged(question, answer, right, wrong)}"


def _judged(question: str, answer: str, right: Sequence[str], wrong: Sequence[str]) -> str:
    return (
        "Known right and wrong answers are given for comparison; it need not be one of them. Reply with one "
        f"word, yes or no.\n\n[Question]\n{question}\n\n[Known right answers]\n{_listed(right)}\n\n"
        f"[Known wrong answers]\n{_listed(wrong)}\n\n[Answer]\n{_given(answer)}\n\n[Yes or no]\n"
    )


def _listed(texts: Sequence[str]) -> str:
    return "\n".join(f"- {_one_line(text)}" for text in texts)


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def choice_by_letter(text: str, choices: Sequence[str]) -> str:
    """A task's text with what may follow it below, each with a letter; the reply is one of them.

    Without choices it is the text that lists them, each with its letter.
    """
    if not choices:
        return f"[Text]\n{text.strip()}\n\nReply with the letter of the right choice alone."
    listed = "\n".join(f"{letter}. {_one_line(each)}" for letter, each in zip(LETTERS, choices, strict=False))
    told = f"[Text]\n{text.strip()}\n\n" if text.strip() else ""
    asked = "Which of these follows best on the text, or answers it?" if told else "Which of these is best?"
    return f"{told}{asked} Reply with its letter alone.\n\n{listed}"


def section(prompt: str, name: str) -> str:
    """The text below the line `[name]` of one of the prompts above; empty where there is none."""
    _, found, rest = prompt.partition(f"\n[{name}]\n")
    text = rest.split("\n\n[", 1)[0] if found else ""
    return "" if text.strip() == NO_INPUT else text.strip("\n")
