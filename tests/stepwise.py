"""A teacher that answers the three steps of self-instruct's protocol, for `tests.servers.Server`."""

from __future__ import annotations

import json
import random
import re

from tests.batches import Body
from tests.servers import WORDS, Reply, prompt_of


def stepwise(body: Body, number: int = 0) -> Reply:
    """A teacher that answers all three steps; a function of the body alone."""
    prompt = prompt_of(body)
    rng = random.Random(json.dumps(body, sort_keys=True))
    if prompt.endswith("\nClassification:"):
        return Reply(" Yes." if "Sort" in last_task(prompt) else " no")
    if prompt.endswith("\nLabel:"):
        return Reply(f" warm\nInput: {rng.choice(WORDS)} soup\n\nLabel: cold\nInput: an icicle")
    if prompt.endswith("\nInput:"):
        return Reply(f" <noinput>\nOutput: {' '.join(rng.sample(WORDS, 5))}.\n\nTask: Another one.\nInput: x")
    first = int(re.findall(r"Task (\d+):$", prompt)[0])
    verbs = [("Sort" if place % 3 == 0 else "Say") for place in range(8)]
    told = [f" {verb} {' '.join(rng.sample(WORDS, 8))}.\n" for verb in verbs]
    return Reply(
        f"Task {first}:".join(["", told[0]]).removeprefix(f"Task {first}:")
        + "".join(f"Task {first + place}:{text}" for place, text in enumerate(told[1:], start=1))
    )


def last_task(prompt: str) -> str:
    return prompt.rpartition("\nTask: ")[2].partition("\n")[0]
