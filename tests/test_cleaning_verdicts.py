"""What a critic's reply says: a verdict, its reason, and a fix."""

from __future__ import annotations

import pytest

from alpaca_exp.cleaning.verdicts import Decision, read_verdict


@pytest.mark.parametrize(
    ("reply", "decision", "reason"),
    [
        ("keep: right", "keep", "right"),
        ("remove: the sum is wrong", "remove", "the sum is wrong"),
        ("\n**Remove** - untrue", "remove", "untrue"),
        ("Verdict: keep", "keep", "no reason given"),
        ("`remove`: odd", "remove", "odd"),
        ("Fix: the sum is wrong", "fix", "the sum is wrong"),
    ],
)
def test_a_verdict_is_read_from_the_first_line(reply: str, decision: str, reason: str) -> None:
    found = read_verdict(reply)
    assert found and (found.decision, found.reason) == (Decision(decision), reason)


@pytest.mark.parametrize(
    "reply", ["I would keep it", "removed", "fixed", "", "The sum is wrong.\nremove: it"]
)
def test_what_opens_with_no_verdict_holds_none(reply: str) -> None:
    assert read_verdict(reply) is None


@pytest.mark.parametrize(
    ("fix", "changes"),
    [
        ('{"output": "4"}', {"output": "4"}),
        ('```json\n{"Output": "4"}\n```\nThat is all.', {"output": "4"}),
        (
            '{"instruction": "Add.", "input": "2 2", "output": "4"}',
            {"instruction": "Add.", "input": "2 2", "output": "4"},
        ),
        ('{"output": "two\nlines", "input": null}', {"input": "", "output": "two\nlines"}),
        ('{"note": "{"}\n{"output": "a {brace}"}', {"output": "a {brace}"}),
        ('{"output": "<noinput>", "input": "<noinput>"}', {"input": "", "output": ""}),
        ("Output: 4", {"output": "4"}),
        (
            "**Instruction:** Add.\n**Input:** <noinput>\n**Output:**\n4\n\nInput: is no label here",
            {"instruction": "Add.", "input": "", "output": "4\n\nInput: is no label here"},
        ),
        ("[Input]\n2 2\n\n[Output]\n4", {"input": "2 2", "output": "4"}),
        ("### Output: 4", {"output": "4"}),
        ("```\nOutput: 4\n```", {"output": "4"}),
        ("Output:\n```python\nprint(4)\n```", {"output": "```python\nprint(4)\n```"}),
        ("It should say 4.", None),
        ("", None),
        ('{"output": ["4"]}', None),
        ('{"output": "4', None),
        ('{"answer": "4"}', None),
    ],
)
def test_a_fix_is_read_as_json_or_under_labels_or_not_at_all(
    fix: str, changes: dict[str, str] | None
) -> None:
    found = read_verdict(f"fix: the sum is wrong\n{fix}")
    assert found and found.reason == "the sum is wrong" and found.changes == changes


def test_a_fix_on_the_verdicts_own_line_is_read() -> None:
    found = read_verdict('fix: wrong {"output": "4"}')
    assert found and (found.reason, found.changes) == ("wrong", {"output": "4"})
