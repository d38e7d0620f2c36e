"""Is this the shape, and if not, what was mixed up?

Nothing is run: `predict_shapes` says what is right, and each known mistake is a rule that
says which shapes it would give. The verdict is the mistake whose shape is the learner's.

Read `mistakes` (what is asked, and the table), then `check` (what was typed or computed, and the
verdict).
"""

from lstm_teach.checks.shape.check import check_shape, check_shape_rule

__all__ = ["check_shape", "check_shape_rule"]
