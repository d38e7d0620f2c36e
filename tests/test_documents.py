"""What README and CONTRIBUTING say is so."""

import re
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from tools import cheat_sheet

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    "README.md",
    "README.zh.md",
    "CONTRIBUTING.md",
    "notebooks/cheat_sheet.md",
    "notebooks/zh/cheat_sheet.md",
    "docs/classroom.md",
    "docs/teachers.md",
]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files(name):
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text(name)) if "://" not in link]
    folder = (ROOT / name).parent
    assert [link for link in links if not (folder / link.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_in_backticks_exist(name):
    paths = re.findall(r"`((?:lstm_teach|tests|tools|notebooks)/[\w/.]+\.py)`", text(name))
    assert [path for path in paths if "NN" not in path and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_picture_has_alt_text(name):
    assert all(alt for alt in re.findall(r"!\[(.*?)\]", text(name)))


def test_the_cheat_sheet_is_made_of_tables_of_the_notebooks():
    """`make notebooks` writes it."""
    page = text("notebooks/cheat_sheet.md")
    assert page == cheat_sheet.page()
    chinese = text("notebooks/zh/cheat_sheet.md")
    assert chinese == cheat_sheet.page(cheat_sheet.CHINESE_SHEET, cheat_sheet.CHINESE)
    assert page.count("\n|---") == chinese.count("\n|---") == 4
    code = [sorted(re.findall(r"`[^`]+`", sheet)) for sheet in (page, chinese)]
    assert code[0] == code[1]


def test_the_printed_cheat_sheet_is_one_sheet_of_the_same_page():
    """`make notebooks` prints it, where there is a Chromium."""
    printed = cheat_sheet.PRINTED.read_bytes()
    assert len(re.findall(rb"/Type ?/Page\b", printed)) == 1
    assert cheat_sheet.digest(cheat_sheet.page()).encode() in printed


@pytest.mark.parametrize(("readme", "folder"), [("README.md", ""), ("README.zh.md", "zh/")])
def test_every_notebook_is_in_the_table_under_its_title(readme, folder):
    titles = {}
    for path in (ROOT / "notebooks" / folder).glob("*.ipynb"):
        first = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0]
        titles[path.name] = first.removeprefix(f"# {path.name[:2]} ")
    rows = re.findall(rf"^\| \d\d \| \[(.+?)\]\(notebooks/{folder}(.+?)\)", text(readme), re.M)
    assert {name: title for title, name in rows} == titles


def test_the_readme_has_nothing_to_replace_and_a_picture_that_moves():
    readme = text("README.md")
    assert "OWNER" not in readme
    (moving,) = re.findall(r"\(docs/(\S+\.gif)\)", readme)
    picture = Image.open(ROOT / "docs" / moving)
    assert picture.n_frames >= 5
    assert (ROOT / "docs" / moving).stat().st_size < 1_000_000


def test_the_course_example_runs_and_finds_a_forgotten_batch_first():
    code = re.search(r"```python\n(.+?)```", text("CONTRIBUTING.md"), re.DOTALL)[1]
    right = {}
    exec(code, right)
    right["test_the_classifier_reads_along_time"]()
    wrong = {}
    exec(code.replace(", batch_first=True", ""), wrong)
    with pytest.raises(AssertionError, match="time_batch_swapped"):
        wrong["test_the_classifier_reads_along_time"]()
