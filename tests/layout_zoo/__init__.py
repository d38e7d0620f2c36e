"""All models on which the layout check is tried; importing them fills RIGHT and WRONG."""

from tests.layout_zoo import (  # noqa: F401
    handed_on,
    right_arguments,
    right_false_alarms,
    right_frames,
    right_heads,
    right_lengths,
    right_plain,
    right_seq2seq,
    right_sizes,
    right_states,
    right_taggers_and_cells,
    right_unusual,
    wrong_batch_as_time,
    wrong_batch_walked,
    wrong_last_step,
    wrong_loud,
    wrong_order,
    wrong_pads_and_mixing,
    wrong_states,
    wrong_unusual,
    wrong_views,
)
from tests.layout_zoo.registry import RIGHT, WRONG

__all__ = ["RIGHT", "WRONG"]
