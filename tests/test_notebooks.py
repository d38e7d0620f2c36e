"""What holds for every notebook: how it is written, what is committed, and that it runs."""

import ast
import re
import shutil
from itertools import pairwise
from statistics import median
from urllib.parse import unquote

import nbformat
import pytest

from tests.notebook import CHINESE, LONG_SECONDS, NOTEBOOKS, Kernel, first_line, load, name
from tools.normalise import METADATA, VIEW, tidy

BLOG = {
    "01_lstm_shapes": (
        "nn.LSTM(input_size=100, hidden_size=20, num_layers=4)",
        "x = torch.randn(10, 3, 100)",
    ),
    "02_lstm_cell_loop": (
        "nn.LSTMCell(input_size=100, hidden_size=20)",
        "for xt in x:",
        "h, c = cell(xt, [h, c])",
    ),
    "03_two_layer_stack": (
        "nn.LSTMCell(input_size=100, hidden_size=30)",
        "nn.LSTMCell(input_size=30, hidden_size=20)",
        "h1, c1 = cell1(xt, [h1, c1])",
        "h2, c2 = cell2(h1, [h2, c2])",
        "print(h2.shape, c2.shape)",
    ),
}
MACHINE_DEPENDENT = {
    "<Figure": "name the figure's words instead: an explorer or a picture of lstm_teach has them",
    " at 0x": "an object's address differs from run to run: show a value of it",
}
A_PATH = re.compile(r"/(?:home|Users|root|tmp|usr|work|opt)/|[A-Z]:\\")

# Whether the English is well written; the Chinese has the same code.
every_english_notebook = pytest.mark.parametrize(
    "notebook", [pytest.param(load(path), id=name(path)) for path in NOTEBOOKS]
)
every_notebook = pytest.mark.parametrize(
    "notebook", [pytest.param(load(path), id=name(path)) for path in NOTEBOOKS + CHINESE]
)
every_section, every_chinese_section = (
    pytest.mark.parametrize(
        ("notebook", "section"),
        [
            pytest.param(load(path), section, id=f"{name(path)}-{place}")
            for path in paths
            for place, section in enumerate(load(path).sections, 1)
        ],
    )
    for paths in (NOTEBOOKS, CHINESE)
)


def show(output):
    """All text of an output that a reader sees or nbval compares."""
    data = output.get("data", {})
    texts = [text for kind, text in data.items() if kind.startswith("text/")]
    return "\n".join([*texts, output.get("text", ""), *output.get("traceback", [])])


@every_notebook
def test_every_cell_was_run_once_from_top_to_bottom(notebook):
    counts = [cell.execution_count for cell in notebook.code]
    assert counts == list(range(1, len(counts) + 1)), "run `make notebooks`"


@every_notebook
def test_the_file_is_as_the_normaliser_writes_it(notebook):
    node = nbformat.read(notebook.path, as_version=4)
    tidy(node)
    assert node.metadata == METADATA
    text = notebook.path.read_text(encoding="utf-8")
    assert text == nbformat.writes(node) + "\n", "run `make notebooks`"


@every_notebook
def test_outputs_hold_nothing_that_depends_on_the_machine(notebook):
    for cell, output in notebook.outputs:
        assert output.get("name") != "stderr", f"{first_line(cell)} writes to stderr"
        assert VIEW not in output.get("data", {}), f"{first_line(cell)} keeps a dead widget"
        for sign, cure in MACHINE_DEPENDENT.items():
            assert sign not in show(output), f"{first_line(cell)} shows {sign!r}: {cure}"
        path = A_PATH.search(show(output))
        assert not path, f"{first_line(cell)} shows a path of this machine: {path and path[0]}"


@every_notebook
def test_headings_are_in_order(notebook):
    levels = [len(marks) for marks in re.findall(r"^(#+) ", notebook.prose, re.MULTILINE)]
    assert levels[:1] == [1], "a notebook opens with its one # heading"
    assert levels.count(1) == 1, "a notebook has one # heading"
    jumps = [(a, b) for a, b in pairwise(levels) if b > a + 1]
    assert not jumps, f"a heading skips a level: {jumps}"


@every_notebook
def test_every_picture_says_what_it_shows(notebook):
    images = re.findall(r"!\[(.*?)\]\(", notebook.prose)
    assert all(alt.strip() for alt in images), "a markdown image has no alt text"
    html = [show(output) for _, output in notebook.outputs] + [notebook.prose]
    for tag in re.findall(r"<img[^>]*>", "\n".join(html)):
        assert re.search(r'alt="[^"]+"', tag), f"{tag[:80]} has no alt text"
    for cell, output in notebook.outputs:
        if "image/png" in output.get("data", {}):
            words = output.data.get("text/plain", "")
            assert len(words) > 20, f"{first_line(cell)} shows a picture without a sentence"


@every_notebook
def test_links_to_files_and_headings_resolve(notebook):
    headings = re.findall(r"^#+ (.+)$", notebook.prose, re.MULTILINE)
    anchors = {heading.strip().replace(" ", "-") for heading in headings}
    anchors.update(re.findall(r'<a id="(.+?)"></a>', notebook.prose))
    for target in re.findall(r"\]\((<[^>]+>|[^)\s]+)", notebook.prose):
        target = target.strip("<>")  # brackets in a heading need them
        if re.match(r"https?://|attachment:", target):
            continue
        file, _, anchor = target.partition("#")
        assert not file or (notebook.path.parent / unquote(file)).exists(), f"{target}: no file"
        assert file or unquote(anchor) in anchors, f"{target}: no such heading"


@every_notebook
def test_the_import_cell_imports_names_one_by_one_and_shortens_errors(notebook):
    *lines, last = notebook.imports.source.splitlines()
    assert last == "%xmode Minimal"
    statements = ast.parse("\n".join(lines)).body
    if notebook.path.parent.name == "zh":
        assert ast.unparse(statements.pop()) == "lstm_teach.use('zh')"
    for statement in statements:
        assert isinstance(statement, ast.Import | ast.ImportFrom), ast.unparse(statement)
        assert all(name.name != "*" for name in statement.names), ast.unparse(statement)


@every_english_notebook
def test_cells_are_short(notebook):
    lengths = {
        first_line(cell): sum(bool(line.strip()) for line in cell.source.splitlines())
        for cell in notebook.code[2:]  # those for Colab and the imports have a length of their own
    }
    assert max(lengths.values()) <= 20, f"over 20 lines: {max(lengths, key=lengths.__getitem__)}"
    assert median(lengths.values()) <= 4


@every_english_notebook
def test_no_semicolon_hides_a_value(notebook):
    for cell in notebook.code:
        assert not cell.source.rstrip().endswith(";"), f"{first_line(cell)}: write `_ = ...`"


@every_english_notebook
def test_the_first_thing_run_is_the_example_of_the_blog_unchanged(notebook):
    first = "\n".join(cell.source for cell in notebook.sections[0].code)
    for line in BLOG.get(notebook.path.stem, ()):
        assert line in first, f"{notebook.sections[0].title!r} does not have: {line}"


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of the folder of notebooks."""
    return shutil.copytree(NOTEBOOKS[0].parent, tmp_path_factory.mktemp("copy") / "notebooks")


def files(folder):
    """Every file in a folder and when it was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@every_section
def test_a_section_runs_alone_and_each_of_its_cells_twice_and_writes_no_file(
    notebook, section, no_network, monkeypatch, copied
):
    monkeypatch.chdir(copied)
    before = files(copied)
    kernel = Kernel()
    kernel.run_cell(notebook.imports)
    for cell in section.code:
        if kernel.run_cell(cell) < LONG_SECONDS:
            kernel.run_cell(cell)
    assert files(copied) == before


@every_chinese_section
def test_a_section_in_chinese_runs_alone(notebook, section, no_network, monkeypatch, copied):
    monkeypatch.chdir(copied / "zh")
    kernel = Kernel()
    kernel.run_cell(notebook.imports)
    for cell in section.code:
        kernel.run_cell(cell)
