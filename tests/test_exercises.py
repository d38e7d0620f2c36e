"""Every exercise runs unsolved, accepts its solution, and names what a wrong answer has wrong."""

import pytest

from tests.notebook import CHINESE, NOTEBOOKS, answer, answers_after_run_all, load
from tests.notebook import name as name_of
from tests.wrong_answers import WRONG_ANSWERS

ENGLISH, ALL = (
    [(load(path), exercise) for path in paths for exercise in load(path).exercises]
    for paths in (NOTEBOOKS, NOTEBOOKS + CHINESE)
)


def wrong_answers(notebook, exercise):
    return WRONG_ANSWERS.get(notebook.path.stem, {}).get(exercise.name, [])


def name(notebook, exercise):
    return f"{name_of(notebook.path)}-{exercise.name}"


every_exercise = pytest.mark.parametrize(
    ("notebook", "exercise"), [pytest.param(*each, id=name(*each)) for each in ALL]
)
every_wrong_answer = pytest.mark.parametrize(
    ("notebook", "exercise", "code", "verdict"),
    [
        pytest.param(*each, code, verdict, id=f"{name(*each)}-{place}-{verdict}")
        for each in ENGLISH
        for place, (code, verdict) in enumerate(wrong_answers(*each), 1)
    ],
)


@pytest.mark.parametrize("path", NOTEBOOKS + CHINESE, ids=name_of)
def test_a_notebook_has_three_exercises_or_more(path):
    assert len(load(path).exercises) >= 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_wrong_answers_belong_to_an_exercise(path):
    names = {exercise.name for exercise in load(path).exercises}
    assert set(WRONG_ANSWERS.get(path.stem, {})) <= names


@every_exercise
def test_an_exercise_has_two_hints_and_two_wrong_answers(notebook, exercise):
    assert exercise.hints == 2, "<details><summary>Hint 1</summary> and Hint 2"
    assert len(wrong_answers(notebook, exercise)) >= 2, "two or more in tests/wrong_answers.py"


@every_exercise
def test_an_unsolved_exercise_is_not_attempted(notebook, exercise):
    verdicts = {report.verdict for report in answer(notebook, exercise, None)}
    assert verdicts == {"not_attempted"}


@every_exercise
def test_the_solution_is_right(notebook, exercise):
    for report in answer(notebook, exercise, exercise.solution):
        assert report.ok, str(report)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_a_solution_is_right_after_run_all(path):
    for report in answers_after_run_all(load(path)):
        assert report.ok, str(report)


@every_wrong_answer
def test_a_wrong_answer_is_told_what_is_wrong(notebook, exercise, code, verdict):
    if verdict == "refused":
        with pytest.raises((AssertionError, RuntimeError)):
            answer(notebook, exercise, code)
        return
    wrong = [report for report in answer(notebook, exercise, code) if not report.ok]
    assert wrong, "the check says that it is right"
    assert wrong[0].verdict == verdict, str(wrong[0])
