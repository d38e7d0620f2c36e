"""Committed notebooks hold what a reader needs, and the same bytes whoever ran them."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, output_from_msg

pytest.importorskip("nbclient")
from tools.normalise import VIEW, NotFit, normalise, tidy

PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADU"
    "lEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
EXPLORER = f"""
class Explorer:
    def _repr_mimebundle_(self, **_):
        view = {{"model_id": id(self)}}
        return {{"{VIEW}": view, "image/png": "{PICTURE}", "text/plain": "A dot."}}
Explorer()
"""


def write(path, *cells):
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    raising = new_code_cell("import fractions\nfractions.Fraction('x')")
    raising.metadata.update(tags=["raises-exception"], scrolled=True)
    path = write(
        tmp_path_factory.mktemp("notebooks") / "lesson.ipynb",
        new_code_cell("print('one')\nprint('two')\n1 + 1"),
        new_code_cell(EXPLORER),
        raising,
        new_code_cell("print(4)", metadata={"tags": ["predict"]}),
    )
    normalise(path)
    return path


def test_a_second_run_changes_nothing(committed):
    assert not normalise(committed)


def test_tidying_without_running_changes_nothing(committed):
    assert not normalise(committed, run=False)


def test_a_live_widget_leaves_its_picture_and_its_words(committed):
    (output,) = nbformat.read(committed, 4).cells[1].outputs
    assert set(output.data) == {"image/png", "text/plain"}
    assert output.metadata["image/png"]["alt"] == "A dot."


def test_an_error_keeps_its_message_and_loses_the_paths_of_the_machine(committed):
    cell = nbformat.read(committed, 4).cells[2]
    assert cell.metadata == {"tags": ["raises-exception"]}
    text = "\n".join(cell.outputs[0].traceback)
    assert "Invalid literal for Fraction" in text
    assert "Cell" in text
    assert "fractions.py" not in text


def test_cells_are_counted_from_one(committed):
    assert [cell.execution_count for cell in nbformat.read(committed, 4).cells] == [1, 2, 3, 4]


def test_the_answer_to_a_prediction_is_hidden_and_its_first_line_too(committed):
    """JupyterLab shows the first line of the first output of a cell that is folded."""
    asked = nbformat.read(committed, 4).cells[3]
    assert asked.metadata == {"tags": ["predict"], "jupyter": {"outputs_hidden": True}}
    empty, answer = asked.outputs
    assert not empty.data
    assert answer.text == "4\n"


def test_a_cell_that_raises_without_being_meant_to_is_not_fit(tmp_path):
    path = write(tmp_path / "broken.ipynb", new_code_cell("1 / 0"))
    before = path.read_bytes()
    with pytest.raises(NotFit, match="division by zero"):
        normalise(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("stream", {"name": "stderr", "text": "a warning"}, "stderr"),
        ("display_data", {"data": {VIEW: {"model_id": "7"}}, "metadata": {}}, "without a kernel"),
    ],
)
def test_what_a_reader_must_not_meet_is_not_fit(kind, content, reason):
    output = output_from_msg({"header": {"msg_type": kind}, "content": content})
    with pytest.raises(NotFit, match=reason):
        tidy(new_notebook(cells=[new_code_cell("show()", outputs=[output])]))
