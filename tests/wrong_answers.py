"""Wrong answers to the exercises: by notebook and exercise, each with the verdict that it deserves.

The code stands in the place of the exercise's stub. Of several reports, the verdict is that of the
first one that is not right.
"""

WRONG_ANSWERS: dict[str, dict[str, list[tuple[str, str]]]] = {}
