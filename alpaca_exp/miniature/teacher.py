"""The miniature's teacher: it writes instruction data about its world and errs at a known rate."""

from __future__ import annotations

import re

from alpaca_exp import prompts
from alpaca_exp.llm.model import Request
from alpaca_exp.miniature.language import PHRASES, VALUES, Task
from alpaca_exp.miniature.speech import chance, reply
from alpaca_exp.miniature.world import world_of
from alpaca_exp.records import Completion
from alpaca_exp.schemas import MiniatureTeacherConfig

PLACEHOLDERS = ("N/A", "<nooutput>", "I do not know.")
EXAMPLES = 5
"""Of one instruction, at most."""
UNKNOWN = "I do not know."


class MiniatureTeacher:
    """A LanguageModel that answers `prompts.answer` and the prompts of both protocols.

    What it says of an instruction depends on the world, its own seed and the instruction, not on the
    way it was asked: with and without the length sentence it makes the same errors and defects.
    """

    def __init__(self, config: MiniatureTeacherConfig) -> None:
        self.config = config
        self.world = world_of(config.world)

    async def complete(self, request: Request) -> Completion:
        """A numbered list of tasks where a list was asked for, else the answer to the one instruction."""
        brief = prompts.length_sentence(1).split("1")[0] in request.prompt
        if listed := re.search(r"List of (\d+) tasks:\n", request.prompt):
            return reply(request, self._list(request, int(listed[1]), brief))
        if listed := re.search(r"List of (\d+) instructions:\n", request.prompt):
            return reply(request, self._instructions(request, int(listed[1])))
        if "\nTask: " in request.prompt:
            return reply(request, self._worked_out(request.prompt, brief))
        instruction = prompts.section(request.prompt, "Instruction")
        task = self.world.asked.get((instruction, prompts.section(request.prompt, "Input")))
        return reply(request, self.output(task, brief) if task else UNKNOWN)

    async def close(self) -> None:
        """Nothing to give back."""

    def _list(self, request: Request, count: int, brief: bool) -> str:
        first = int(re.findall(r"(\d+)\. Instruction:", request.prompt)[-1])
        rng = chance("list", self.config.seed, request.prompt, request.seed, request.sample)
        offered = self.world.offered
        tasks = rng.sample(offered, min(len(offered), max(0, count + 1 - first)))
        items = [
            prompts.task_item(number, task.example(self.output(task, brief)))
            for number, task in enumerate(tasks, start=first)
        ]
        return "".join(items).removeprefix(f"###\n{first}. Instruction:")

    def _instructions(self, request: Request, count: int) -> str:
        """The rest of a list of instructions alone."""
        first = int(re.findall(r"Task (\d+):", request.prompt)[-1])
        rng = chance("list", self.config.seed, request.prompt, request.seed, request.sample)
        known = list(dict.fromkeys(task.instruction for task in self.world.offered))
        chosen = rng.sample(known, min(len(known), max(0, count + 1 - first)))
        return "".join(f"Task {n}: {each}\n" for n, each in enumerate(chosen, start=first))

    def _worked_out(self, prompt: str, brief: bool) -> str:
        """That no task here is classification; or examples of the last task."""
        instruction, _, asked = prompt.rpartition("\nTask: ")[2].partition("\n")
        if asked == "Classification:":
            return " no"
        tasks = [task for task in self.world.offered if task.instruction == instruction][:EXAMPLES]
        told = [
            f"Input: {task.input or prompts.NO_INPUT}\nOutput: {self.output(task, brief)}\n" for task in tasks
        ]
        return "\n".join(told) if told else f"Input: {prompts.NO_INPUT}\nOutput: {UNKNOWN}"

    def output(self, task: Task, brief: bool) -> str:
        """What the teacher answers: one sentence, or several where nothing limits its length."""
        rng = chance("output", self.config.seed, task.instruction, task.input)
        said = [task.told(self._value(task.subject, task.relation, task.phrase.ask))]
        if not brief and task.relation in VALUES:
            others = [attribute for attribute in VALUES if attribute != task.relation]
            for attribute in rng.sample(others, min(len(others), self.config.further_facts)):
                phrase = rng.choice(PHRASES[attribute])
                value = self._value(task.subject, attribute, f"{task.phrase.ask} {phrase.ask}")
                said.append(Task(task.subject, attribute, phrase).told(value))
        return self._marred(task, " ".join(said))

    def _value(self, subject: str, relation: str, asked: str) -> str:
        rng = chance("value", self.config.seed, subject, relation, asked)
        if rng.random() >= self.config.error_rate:
            return self.world.truth[subject, relation]
        return rng.choice(self.world.errors(subject, relation))

    def _marred(self, task: Task, output: str) -> str:
        """The output with one of the four format defects that real data has, each at the defect rate."""
        rng = chance("defect", self.config.seed, task.instruction, task.input)
        draw, rate = rng.random(), self.config.defect_rate
        if draw < rate:
            return rng.choice(PLACEHOLDERS)
        if draw < 2 * rate:
            return task.instruction
        if draw < 3 * rate:
            next_task = rng.choice(self.world.offered)
            return f"{output}\n\nInstruction: {next_task.instruction}\nOutput: {UNKNOWN}"
        return "" if draw < 4 * rate else output
