"""The miniature: a small made-up world in which the truth is known, made from its config alone."""
