"""Comparing answers: the questions, the judge's protocol, and what its verdicts add up to."""
