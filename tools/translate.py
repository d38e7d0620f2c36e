"""Make the Chinese notebooks of the English ones and of one PO file each.

python -m tools.translate --extract   bring notebooks/zh/*.po in step with the English notebooks
python -m tools.translate             write notebooks/zh/*.ipynb; what has no Chinese stays English
"""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timezone
from pathlib import Path

import nbformat
from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po
from nbformat import NotebookNode

from tools.normalise import tidy
from tools.texts import sources

ROOT = Path(__file__).resolve().parents[1]
ENGLISH = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
CHINESE = ROOT / "notebooks" / "zh"
FOLDS = {"Answers": "答案", "Hint 1": "提示 1", "Hint 2": "提示 2", "Solution": "参考答案"}
TO_CHINESE, TO_ENGLISH = "[中文](zh/{})", "[English](../{})"  # below a notebook's title
ANCHOR = re.compile(r"\]\(<#(.+?)>\)")  # our headings have brackets, so their links have <>
CHOOSE_LANGUAGE = 'import lstm_teach\n\nlstm_teach.use("zh")\n'  # at the end of the import cell


def template(path: Path) -> Catalog:
    """Every text of an English notebook, in the order of reading, with where it stands."""
    catalog = _empty(path)

    def note(text: str, kind: str, section: str) -> str:
        catalog.add(text, auto_comments=[kind if kind == "heading" else f"{section}: {kind}"])
        return text

    sources(nbformat.read(path, as_version=4), note)
    return catalog


def po(path: Path) -> Path:
    """Where the translation of an English notebook is."""
    return CHINESE / f"{path.stem}.po"


def _empty(path: Path) -> Catalog:
    now = datetime.now(timezone.utc)
    return Catalog(
        locale="zh_CN",
        header_comment=f"# The Chinese of {path.name}; python -m tools.translate reads it.",
        project="lstm_teach",
        version="0.1.0",
        msgid_bugs_address="none",
        last_translator="The lstm_teach authors",
        language_team="none",
        creation_date=now,
        revision_date=now,
        fuzzy=False,
    )


def load(path: Path) -> Catalog:
    """The translation of an English notebook, as far as there is one."""
    if not po(path).exists():
        return _empty(path)
    with po(path).open("rb") as file:
        return read_po(file, locale="zh_CN")


def bring(catalog: Catalog, texts: Catalog) -> None:
    """Bring a translation in step: a changed text keeps its Chinese, marked fuzzy, and says why."""
    catalog.update(texts, update_creation_date=False)
    for message in catalog:
        message.flags &= {"fuzzy"}  # of its own accord, Babel takes "95 % of" for a format
        if message.previous_id:
            message.user_comments = [f"was: {message.previous_id[0]}"]
        elif not message.fuzzy and "".join(message.user_comments).startswith("was: "):
            message.user_comments = []


def wanting(catalog: Catalog, texts: Catalog) -> list[str]:
    """What a translation lacks, and what is left over in it; it is brought in step."""
    left = {message.id for message in catalog} - {message.id for message in texts}
    bring(catalog, texts)
    found = []
    for message in catalog:
        what = f"{' '.join(message.auto_comments)}: {message.id!r}"
        if message.fuzzy:
            left -= set(message.previous_id)
            was = " ".join(message.user_comments)
            found.append(f"stale: {what}\n  {was}\n  in Chinese: {message.string}")
        elif message.id and not message.string:
            found.append(f"missing: {what}")
    return found + [f"unused: {text!r}" for text in sorted(left)]


def extract(path: Path) -> None:
    """Bring the PO file of one English notebook in step."""
    catalog = load(path)
    bring(catalog, template(path))
    with po(path).open("wb") as file:
        write_po(file, catalog, width=0, ignore_obsolete=True)


def translated(path: Path) -> NotebookNode:
    """The Chinese of one English notebook, not yet run."""
    english, notebook = (nbformat.read(path, as_version=4) for _ in range(2))
    catalog = load(path)

    def chinese(text: str, kind: str, section: str) -> str:
        message = catalog.get(text)
        return message.string if message and message.string and not message.fuzzy else text

    for cell, source in zip(notebook.cells, sources(english, chinese), strict=True):
        cell.source = source
        if cell.cell_type == "code":
            cell.source = source.replace("%xmode", f"{CHOOSE_LANGUAGE}%xmode")
            cell.outputs = []
    _lead(notebook, english, path.name)
    tidy(notebook)
    return notebook


def _lead(notebook: NotebookNode, english: NotebookNode, name: str) -> None:
    """Name the folds, and lead links to the headings as they are now, and to the English.

    JupyterLab does not find a heading in Chinese, so those that a link leads to get a mark.
    """
    pairs = [
        (new, old.source)
        for new, old in zip(notebook.cells, english.cells, strict=True)
        if new.cell_type == "markdown"
    ]
    wanted = {anchor for _, old in pairs for anchor in ANCHOR.findall(old)}

    def mark(anchor: str) -> str:
        return f"zh-{name[:2]}-{anchor.partition('.')[0]}"

    for cell, old in pairs:
        lines = []
        for new, was in zip(cell.source.split("\n"), old.split("\n"), strict=True):
            anchor = re.sub(r"^#+ ", "", was).replace(" ", "-")
            lines += [f'<a id="{mark(anchor)}"></a>', ""] if anchor in wanted else []
            lines.append(new)
        text = "\n".join(lines).replace(TO_CHINESE.format(name), TO_ENGLISH.format(name))
        text = re.sub(r"(?<=<summary>).+(?=</summary>)", lambda fold: FOLDS[fold[0]], text)
        cell.source = ANCHOR.sub(lambda link: f"](#{mark(link[1])})", text)


def write(path: Path) -> None:
    """Write the Chinese notebook; a cell that is as it was before keeps its outputs."""
    notebook, new = translated(path), CHINESE / path.name
    known = {
        cell.id: cell
        for file in (path, new)
        if file.exists()
        for cell in nbformat.read(file, as_version=4).cells
    }
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.id in known:
            cell.outputs = known[cell.id].outputs
    new.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--extract", action="store_true", help="bring the PO files in step")
    options = parser.parse_args()
    CHINESE.mkdir(exist_ok=True)
    for path in ENGLISH:
        if options.extract:
            extract(path)
        else:
            write(path)
        for problem in wanting(load(path), template(path)):
            print(f"{po(path).name}: {problem}")


if __name__ == "__main__":
    main()
