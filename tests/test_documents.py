"""What README and CONTRIBUTING say is so."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tools import cheat_sheet

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "notebooks/cheat_sheet.md", "docs/classroom.md"]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files(name):
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text(name)) if "://" not in link]
    folder = (ROOT / name).parent
    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_in_backticks_exist(name):
    paths = re.findall(r"`((?:lstm_teach|tests|tools|notebooks)/[\w/.]+\.py)`", text(name))
    assert [path for path in paths if "NN" not in path and not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_picture_has_alt_text(name):
    assert all(alt for alt in re.findall(r"!\[(.*?)\]", text(name)))


def test_the_cheat_sheet_is_made_of_the_recaps():
    """`make notebooks` writes it."""
    page = text("notebooks/cheat_sheet.md")
    assert page == cheat_sheet.page()
    assert page.count("\n## ") == page.count("\n|---") == 5


def test_every_notebook_is_in_the_table():
    linked = set(re.findall(r"\(notebooks/(.+?\.ipynb)\)", text("README.md")))
    assert linked == {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}


def test_the_link_to_binder_opens_the_first_notebook_in_jupyterlab():
    (link,) = re.findall(r"https://mybinder\.org/v2/[^\s`)]+", text("README.md"))
    address = urlsplit(link)
    assert re.fullmatch(r"/v2/gh/[\w.-]+/lstm_teach/HEAD", address.path)
    (opened,) = parse_qs(address.query)["urlpath"]
    file = opened.removeprefix("lab/tree/")
    assert file != opened, "urlpath does not ask for JupyterLab"
    assert ROOT / file == min((ROOT / "notebooks").glob("*.ipynb"))


def test_the_course_example_runs_and_finds_a_forgotten_batch_first():
    code = re.search(r"```python\n(.+?)```", text("CONTRIBUTING.md"), re.DOTALL)[1]
    right = {}
    exec(code, right)
    right["test_the_classifier_reads_along_time"]()
    wrong = {}
    exec(code.replace(", batch_first=True", ""), wrong)
    with pytest.raises(AssertionError, match="time_batch_swapped"):
        wrong["test_the_classifier_reads_along_time"]()
