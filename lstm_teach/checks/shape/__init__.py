"""Is this the shape, and if not, what was mixed up?

Nothing is run: `predict_shapes` says what is right, and each known mistake is a rule that
says which shapes it would give. The verdict is the mistake whose shape is the learner's.

`check` has it all: what is asked, the table of `mistakes.txt`, what was typed, and the verdict.
"""

from lstm_teach.checks.shape.check import check_shape, check_shape_rule

__all__ = ["check_shape", "check_shape_rule"]
