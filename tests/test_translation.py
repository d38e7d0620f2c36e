"""The Chinese notebooks are whole, in step with the English, and say the same."""

import ast
import re
import unicodedata
from collections import Counter

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

pytest.importorskip("babel")
pytest.importorskip("nbclient")
from tools import translate
from tools.texts import CODE_SPAN, FENCE, LINE, MAGIC, TARGET, code, markdown, sources
from tools.translate import CHINESE, CHOOSE_LANGUAGE, ENGLISH, load, template, translated, wanting

HAN = r"[\u4e00-\u9fff]"
WIDE = r"[，。：；？！（）“”、]"
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)*", re.ASCII)
NAME = re.compile(r"[A-Za-z]+(?:_\w+)+", re.ASCII)
SPELLED = {
    **dict.fromkeys(["one", "once", "first"], "1"),
    **dict.fromkeys(["two", "twice", "second", "both"], "2"),
    **dict.fromkeys(["three", "third"], "3"),
    **dict.fromkeys(["four", "fourth", "quarter"], "4"),
    **dict(five="5", six="6", seven="7", eight="8", nine="9", ten="10", eleven="11", twelve="12"),
    **dict(twenty="20", fifty="50", hundred="100", half="2"),
}
PROSE = ("heading", "paragraph", "list item", "table row")

every_notebook = pytest.mark.parametrize("path", ENGLISH, ids=lambda path: path.stem)


def bare(text):
    """A text without its code spans, of which marks stay, and without what links lead to."""
    return TARGET.sub("]", CODE_SPAN.sub("``", text))


def kept(text):
    """What a translation has as often as its English."""
    prose = bare(text)
    return {
        "code": Counter(span[0] for span in CODE_SPAN.finditer(text)),
        "links": Counter(target[0] for target in TARGET.finditer(text)),
        "numbers": Counter(NUMBER.findall(prose)),
        "names": Counter(NAME.findall(prose)),
        "shapes": Counter(re.findall(r"\[[\d, ]+\]", prose)),
        "fields": Counter(re.findall(r"\{[^{}]+\}", prose)),
        "tags": Counter(re.findall(r"</?\w+>", prose)),
        "marks": Counter(re.findall(r"\*+", prose)),
        "columns": prose.count("|"),
    }


def lost(english, chinese):
    """What stands in only one of the two, by kind; a spelled number may become digits."""
    one, other = kept(english), kept(chinese)
    spelled = Counter(SPELLED.get(word) for word in re.findall(r"[a-z]+", english.lower()))
    other["numbers"] -= (other["numbers"] - one["numbers"]) & spelled
    return {kind: (one[kind], other[kind]) for kind in one if one[kind] != other[kind]}


def unclean(chinese):
    """What is not Chinese typography in prose."""
    text = bare(chinese)
    rules = {
        "half-width punctuation": rf'{HAN}\** ?[,.;:!?"]|[,;:!?"] ?\**{HAN}',
        "half-width parentheses": rf"{HAN}\(|\){HAN}|\([^()]*{HAN}[^()]*\)",
        "Chinese and Latin touch": rf"{HAN}\**[A-Za-z0-9`]|[A-Za-z0-9`]\**{HAN}",
        "a space beside full-width punctuation": rf"{WIDE}\** | \**{WIDE}",
        "a space between Chinese": rf"{HAN} {HAN}",
    }
    found = [f"{why}: {hit[0]!r}" for why, rule in rules.items() for hit in re.finditer(rule, text)]
    return found + [f"{mark!r} is not read as a mark" for mark in unread(text)]


def unread(text):
    """The * that Markdown leaves standing: it wants no punctuation on the inner side of a mark.

    Unless there is punctuation, a space or nothing on the outer side too:
    https://spec.commonmark.org/0.31.2/#left-flanking-delimiter-run
    """
    opened = []
    for mark in re.finditer(r"\*+", text):
        before, after = text[: mark.start()][-1:], text[mark.end() :][:1]
        if before in " " and after in " ":
            continue  # times
        closes = opened[-1:] == [mark[0]]
        inner, outer = (before, after) if closes else (after, before)
        if inner in " " or (
            _is_punctuation(inner) and not (outer in " " or _is_punctuation(outer))
        ):
            yield text[max(0, mark.start() - 4) : mark.end() + 4]
        opened = opened[:-1] if closes else [*opened, mark[0]]


def _is_punctuation(character):
    return unicodedata.category(character)[0] in "PS"


class Mute(ast.NodeTransformer):
    """Code without what it says to its reader."""

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "print":
            node.args = [self.mute(each) for each in node.args]
        return node

    def visit_Raise(self, node):
        if isinstance(node.exc, ast.Call):
            node.exc.args = [self.mute(each) for each in node.exc.args]
        return node

    def visit_Assert(self, node):
        node.msg = self.mute(node.msg)
        return node

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        if ast.get_docstring(node):
            node.body[0].value.value = ""
        return node

    visit_ClassDef = visit_FunctionDef

    def mute(self, node):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return ast.Constant("")
        if isinstance(node, ast.JoinedStr):
            fields = [each for each in node.values if isinstance(each, ast.FormattedValue)]
            return ast.JoinedStr(sorted(fields, key=ast.dump))
        if isinstance(node, ast.IfExp):
            node.body, node.orelse = self.mute(node.body), self.mute(node.orelse)
        return node


def muted(source):
    """What code does, as text to compare; a magic is kept as it is."""
    magics = [magic[0] for magic in MAGIC.finditer(source)]
    return ast.dump(Mute().visit(ast.parse(MAGIC.sub(r"\1pass", source)))), magics


def laid_out(cell):
    """How each line of a cell begins: the mark of markdown, code up to a string or comment."""
    if cell.cell_type == "code":
        return [re.split(r"[\"'#]", line)[0] for line in cell.source.splitlines()]
    text = re.sub(r'(?<=<summary>).+(?=</summary>)|<a id="[^"]+"></a>\n\n', "", cell.source)
    return [LINE.match(line)["mark"] if line else None for line in text.splitlines()]


def entries(path):
    """The entries of a notebook that have their Chinese, with what they are."""
    return [
        (message.id, message.string, " ".join(message.auto_comments))
        for message in load(path)
        if message.id and message.string and not message.fuzzy
    ]


@every_notebook
def test_every_text_has_its_chinese_and_no_entry_is_left_over(path):
    """`python -m tools.translate --extract` brings the PO file in step."""
    problems = wanting(load(path), template(path))
    assert not problems, "\n".join([f"{path.name}:", *problems])


@every_notebook
def test_the_entries_stand_in_the_order_of_reading(path):
    present = [message.id for message in load(path)]
    order = [message.id for message in template(path)]
    assert [each for each in present if each in order] == [
        each for each in order if each in present
    ]


@every_notebook
def test_code_numbers_names_links_and_marks_stand_in_the_chinese(path):
    wrong = {english: lost(english, chinese) for english, chinese, _ in entries(path)}
    assert {english: what for english, what in wrong.items() if what} == {}


@every_notebook
def test_chinese_has_chinese_punctuation_and_spaces(path):
    prose = [
        chinese
        for _, chinese, kind in entries(path)
        if re.search(rf"(?:^|: )(?:{'|'.join(PROSE)})(?: |$)", kind)
    ]
    assert {text: unclean(text) for text in prose if unclean(text)} == {}


@every_notebook
def test_a_translation_is_one_line_without_a_mark_of_its_own(path):
    for english, chinese, _ in entries(path):
        assert chinese == chinese.strip()
        assert "\n" not in chinese
        assert LINE.match(chinese)["mark"] == LINE.match(english)["mark"], chinese


@every_notebook
def test_the_code_is_the_same_but_for_what_it_says(path):
    english, chinese = nbformat.read(path, as_version=4), translated(path)
    for one, other in zip(english.cells, chinese.cells, strict=True):
        assert (other.cell_type, other.metadata) == (one.cell_type, one.metadata)
        other.source = other.source.replace(CHOOSE_LANGUAGE, "")
        assert laid_out(other) == laid_out(one)
        pieces = [
            [each.source]
            if each.cell_type == "code"
            else [part[1] for part in FENCE.findall(each.source)]
            for each in (one, other)
        ]
        assert [muted(each) for each in pieces[0]] == [muted(each) for each in pieces[1]]


@every_notebook
def test_the_committed_notebook_is_the_one_that_follows(path):
    """`make notebooks` writes it."""
    written = nbformat.read(CHINESE / path.name, as_version=4)
    made = translated(path)
    assert [cell.source for cell in written.cells] == [cell.source for cell in made.cells]
    assert [cell.metadata for cell in written.cells] == [cell.metadata for cell in made.cells]


@every_notebook
def test_the_other_language_is_linked_below_the_title(path):
    english, chinese = nbformat.read(path, as_version=4), translated(path)
    assert english.cells[0].source.splitlines()[2] == f"[中文](zh/{path.name})"
    assert chinese.cells[0].source.splitlines()[2] == f"[English](../{path.name})"


@every_notebook
def test_saying_the_same_gives_the_same_notebook(path):
    notebook = nbformat.read(path, as_version=4)
    same = sources(notebook, lambda text, kind, section: text)
    assert same == [cell.source for cell in notebook.cells]


def texts(say, source):
    """The texts that are found in a cell, with what they are."""
    found = []
    say(source, lambda text, kind: found.append((text, kind)) or text)
    return found


def test_each_line_of_markdown_is_a_text_but_for_folds_and_what_is_code_alone():
    source = """## 3. The top edge

Look at `output`.
- It is long: [02](02.ipynb).
1. Raise it.

| the message | the fix |
|---|---|
| `h_n` | `c_n` |

<details><summary>Answers</summary>

```python
h = c  # both keep
```

</details>"""
    assert texts(markdown, source) == [
        ("3. The top edge", "heading"),
        ("Look at `output`.", "paragraph"),
        ("It is long: [02](02.ipynb).", "list item"),
        ("Raise it.", "list item"),
        ("| the message | the fix |", "table row"),
        ("both keep", "comment in h = c  # both keep"),
    ]
    assert "## X\n\nX\n- X\n1. X\n\nX\n|---|---|\n| `h_n`" in markdown(source, lambda *_: "X")


def test_in_code_a_text_is_a_comment_a_docstring_and_what_is_printed_and_no_data():
    source = '''%xmode Minimal
def right(x):  # [batch, seq_len]
    """Whether it is."""
    assert x, "no x is there"
    if x:
        %pip install "the package"
    raise ValueError(f"{x} is wrong")
print("· the same:", right(names["same words"]), "right", "our own" if h_n else "yours", "h_n  ")
words = "the cat sat"  # the · data
print(f"{words:<6} of unit 0: {write('two words')}")'''
    assert [text for text, _ in texts(code, source)] == [
        "Whether it is.",
        "no x is there",
        "{x} is wrong",
        "· the same:",
        "our own",
        "yours",
        "the · data",
        "{words:<6} of unit 0: {write('two words')}",
    ]
    said = code(source, lambda text, kind: "无")
    assert said.splitlines()[-3:] == [
        'print("无", right(names["same words"]), "right", "无" if h_n else "无", "h_n  ")',
        'words = "the cat sat"  # 无',
        'print(f"无")',
    ]


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """Writes a notebook of one section, and its PO file with some Chinese."""
    monkeypatch.setattr(translate, "CHINESE", tmp_path / "zh")
    (tmp_path / "zh").mkdir()
    path = tmp_path / "01_lesson.ipynb"

    def write(paragraph, **chinese):
        link = "See [section 1](<#1.-The-batch-(further)>)."
        cells = [
            new_markdown_cell(f"# 01 Shapes\n\n[中文](zh/{path.name})\n\n{paragraph}"),
            new_code_cell("import torch\n\n%xmode Minimal"),
            new_markdown_cell(f"## 1. The batch (further)\n\n{link}"),
        ]
        nbformat.write(new_notebook(cells=cells), path)
        translate.extract(path)
        catalog = load(path)
        for message in catalog:
            message.string = chinese.get(str(message.id).split(" ")[0], message.string)
        with translate.po(path).open("wb") as file:
            translate.write_po(file, catalog, width=0)
        return path

    return write


OLD = "A batch has three sentences, and each of them has ten words."
NEW = "A batch has three sentences, and each of them has eleven words."


def test_a_changed_paragraph_is_stale_and_named(lesson):
    path = lesson(OLD, A="一个批量有三个句子，每句十个词。")
    before = load(path)
    lesson(NEW)
    stale, *rest = [each for each in wanting(before, template(path)) if "missing" not in each]
    assert rest == []
    assert stale.startswith("stale: 01 Shapes: paragraph")
    assert NEW in stale
    assert OLD in stale
    assert "每句十个词" in stale


def test_a_changed_paragraph_stands_in_english_until_its_chinese_is_seen_again(lesson):
    path = lesson(OLD, A="一个批量有三个句子，每句十个词。")
    assert "每句十个词" in translated(path).cells[0].source
    path = lesson(NEW)
    assert NEW in translated(path).cells[0].source
    (fuzzy,) = [message for message in load(path) if message.fuzzy]
    assert (fuzzy.id, fuzzy.string) == (NEW, "一个批量有三个句子，每句十个词。")
    assert any("stale" in each and NEW in each for each in wanting(load(path), template(path)))


def test_a_text_without_chinese_and_an_entry_without_a_text_are_named(lesson):
    path = lesson(OLD)
    left_over = load(path)
    left_over.add("Nobody says this any more.", "没有人再这么说。")
    problems = wanting(left_over, template(path))
    assert "missing: 01 Shapes: paragraph: " + repr(OLD) in problems
    assert "unused: 'Nobody says this any more.'" in problems


def test_a_stale_entry_says_what_it_was_until_its_chinese_is_seen_again(lesson):
    path = lesson(OLD, A="一个批量有三个句子，每句十个词。")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source = notebook.cells[0].source.replace(OLD, NEW)
    nbformat.write(notebook, path)
    translate.extract(path)
    stale = translate.po(path).read_text(encoding="utf-8")
    assert f"# was: {OLD}" in stale
    translate.extract(path)
    assert translate.po(path).read_text(encoding="utf-8") == stale
    translate.po(path).write_text(stale.replace("#, fuzzy\n", ""), encoding="utf-8")
    translate.extract(path)
    assert "was:" not in translate.po(path).read_text(encoding="utf-8")
    assert "每句十个词" in translated(path).cells[0].source


def test_a_link_to_a_heading_leads_to_a_mark_above_it(lesson):
    path = lesson(
        OLD, **{"1.": "1. 批量（选读）", "See": "见[第 1 节](<#1.-The-batch-(further)>)。"}
    )
    assert translated(path).cells[2].source == (
        '<a id="zh-01-1"></a>\n\n## 1. 批量（选读）\n\n见[第 1 节](#zh-01-1)。'
    )


def test_the_language_is_chosen_at_the_end_of_the_import_cell(lesson, monkeypatch):
    monkeypatch.setattr(translate, "CHOOSE_LANGUAGE", "import lstm_teach\n")
    assert (
        translated(lesson(OLD)).cells[1].source
        == "import torch\n\nimport lstm_teach\n%xmode Minimal"
    )


@pytest.mark.parametrize(
    ("english", "chinese", "kind"),
    [
        ("Look at `h_n`.", "看 `c_n`。", "code"),
        ("It has 10.", "有 12。", "numbers"),
        ("It has 10.", "有。", "numbers"),
        ("Two of them.", "3 个。", "numbers"),
        ("h_n is c_n", "h_n 是它", "names"),
        ("A shape [1, 2].", "形状 [2, 1]。", "shapes"),
        ("[a](b.ipynb)", "[a](c.ipynb)", "links"),
        ("A **word**.", "词。", "marks"),
        ("{name} is", "{nam} 是", "fields"),
        ("| a | b |", "| a b |", "columns"),
        ("a<sub>b</sub>", "a<sub>b", "tags"),
    ],
)
def test_what_a_translation_loses_is_found(english, chinese, kind):
    assert list(lost(english, chinese)) == [kind]


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Two of `h`, ten of `c`.", "10 个 `c`，两个 `h`。"),
        ("The first of 4.", "4 个中的第 1 个。"),
    ],
)
def test_order_and_spelled_numbers_may_differ(english, chinese):
    assert lost(english, chinese) == {}


@pytest.mark.parametrize(
    "text",
    [
        "句子,词",
        "句子。 词",
        "用 `h_n`, 然后",
        "看`h_n`",
        "共3 个",
        "词 (词)",
        "词 词",
        "**词。**后",
        "后**`h`** 词",
    ],
)
def test_typography_that_is_not_chinese_is_found(text):
    assert unclean(text)


@pytest.mark.parametrize(
    "text",
    [
        "用 `h_n`，然后：3 个 **词**。",
        "**先猜，再运行。**",
        "2 * 20 = 40，“共”40",
        "（见[第 1 节](<#1.-A,b>)）",
        "h 向上，(h, c) 向右",
        "见 [02](02.ipynb)。",
    ],
)
def test_typography_that_is_chinese_passes(text):
    assert unclean(text) == []
