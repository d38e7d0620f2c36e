"""The last notebook's models and text, and the notebook that writes them out."""

import ast
import inspect
import itertools
import re
import warnings

import pytest
import torch
from torch import nn

import lstm_teach.writing
from lstm_teach import WritingExplorer, check_cell, check_layout, check_stack, draw_losses
from lstm_teach.explorers.writing import draw_written
from lstm_teach.figures.raster import figure, png
from lstm_teach.writing import (
    ZEN,
    Cell,
    OwnLSTM,
    Writer,
    encode,
    read_text,
    run_stack,
    to_torch,
    train,
    windows,
    write,
)
from tests.notebook import NOTEBOOKS, load

SCRIPTS = {
    "one symbol": "a" * 200,
    "Chinese": "道可道,非常道。名可名,非常名。无名天地之始;有名万物之母。" * 12,
    "emoji": "🙂🙃 👩‍👧 ok\n" * 40,
    "right to left": "שלום עולם\n" * 40,
    "without a space": "abcdefg\n" * 40,
    "control characters": "a\tb\x00c\x1b" * 60,
}


def writer(text, lstm=None):
    torch.manual_seed(0)
    return Writer(lstm or OwnLSTM(6, 8), len(set(text)))


class Bare(ast.NodeTransformer):
    """Code without docstrings and annotations, which a notebook leaves out."""

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.returns = None
        for argument in node.args.args:
            argument.annotation = None
        return self.visit_ClassDef(node, deep=False)

    def visit_ClassDef(self, node, deep=True):
        if deep:
            self.generic_visit(node)
        if ast.get_docstring(node):
            node.body = node.body[1:]
        return node

    def visit_AnnAssign(self, node):
        return ast.Assign(targets=[node.target], value=node.value, lineno=node.lineno)


def definitions(source):
    tree = Bare().visit(ast.parse(source))
    kinds = ast.FunctionDef | ast.ClassDef
    return {node.name: ast.unparse(node) for node in tree.body if isinstance(node, kinds)}


def test_the_notebook_and_the_module_say_the_same_word_for_word():
    notebook = load(next(path for path in NOTEBOOKS if path.stem == "05_your_own_lstm"))
    module = definitions(inspect.getsource(lstm_teach.writing))
    shown = {}
    for cell in notebook.code:
        shown |= definitions(re.sub(r"^( *)%.*", r"\1pass", cell.source, flags=re.M))
    (solution,) = (each.solution for each in notebook.exercises if each.name == "cell")
    shown["Cell"] = definitions(solution)["MyCell"].replace("MyCell", "Cell")
    assert set(module) - set(shown) == {"read_text", "encode", "to_torch"}
    for name in set(module) & set(shown):
        assert module[name] == shown[name], name


def test_the_models_are_what_the_checks_call_right():
    assert check_cell(Cell)
    assert check_stack(run_stack)
    tokens = torch.randint(45, (3, 10))
    for lstm in (OwnLSTM(6, 8, 2), to_torch(OwnLSTM(6, 8, 2))):
        assert check_layout(Writer(lstm, 45), tokens, output_axes=("batch", "time"))


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_an_own_lstm_computes_what_nn_lstm_computes(num_layers):
    own = OwnLSTM(6, 8, num_layers).double()
    x, state = torch.randn(3, 5, 6).double(), torch.randn(2, num_layers, 3, 8).double()
    torchs = to_torch(own).double()
    for given in (None, tuple(state)):
        output, (h_n, c_n) = own(x, given)
        expected, (h, c) = torchs(x, given)
        for mine, theirs in ((output, expected), (h_n, h), (c_n, c)):
            torch.testing.assert_close(mine, theirs)


def test_both_have_the_same_loss_at_every_step():
    own = writer(ZEN).double()
    theirs = writer(ZEN).double()
    theirs.lstm = to_torch(own.lstm).double()
    pairs = windows(ZEN)
    torch.testing.assert_close(train(own, pairs, steps=12), train(theirs, pairs, steps=12))


def test_a_window_goes_on_where_the_last_one_ended():
    symbols = sorted(set(ZEN))
    pairs = windows(ZEN, batch=4, seq_len=7)
    rows = torch.cat([x for x, _ in pairs], dim=1)
    read = "".join(symbols[k] for k in rows.flatten())
    assert ZEN.startswith(read)
    assert all(torch.equal(x[:, 1:], y[:, :-1]) for x, y in pairs)


def test_the_progress_bar_leaves_nothing_that_changes_from_run_to_run(capsys):
    train(writer(ZEN), windows(ZEN), steps=3)
    shown = capsys.readouterr()
    assert shown.out.split("\r")[-1].split("|")[0] == "training: 100% "
    assert not shown.err


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_any_script_can_be_learned_written_and_drawn(text, tmp_path):
    file = tmp_path / "text.txt"
    file.write_text(text, encoding="utf-8", newline="")
    assert read_text(file) == text
    symbols = sorted(set(text))
    model = writer(text, nn.LSTM(6, 8, batch_first=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = train(model, windows(text), steps=2)
        guess = torch.tensor(len(symbols)).log().item()
        png(draw_losses({"one": losses}, 2, guess).drawing)
        explorer = WritingExplorer(model, symbols, start=text[0])
        explorer.set(temperature=1.0)
        explorer._repr_mimebundle_()
    assert "<script" not in explorer._page.value


def test_a_megabyte_is_learned_from(tmp_path):
    text = (ZEN * 1300)[:1_000_000]
    assert len(windows(text)) == 5847
    assert len(train(writer(text), windows(text), steps=2)) == 2


def test_a_file_that_cannot_be_used_says_why(tmp_path):
    file = tmp_path / "mine.txt"
    file.write_bytes(b"")
    with pytest.raises(ValueError, match=r"mine\.txt is empty"):
        read_text(file)
    file.write_bytes("café".encode("latin-1"))
    with pytest.raises(ValueError, match=r"mine\.txt is not utf-8.*encoding="):
        read_text(file)
    assert read_text(file, encoding="latin-1") == "café"


@pytest.mark.parametrize("text", ["a", "ab", ZEN[:171]])
def test_a_text_that_is_too_short_says_how_long_it_must_be(text):
    with pytest.raises(ValueError, match=f"{len(text)} characters are too few: 172 are needed"):
        windows(text)


def test_a_symbol_that_the_model_never_saw_is_named():
    with pytest.raises(ValueError, match="never seen 'é'"):
        encode("é", sorted(set(ZEN)))


def test_the_same_seed_writes_the_same_text():
    model, symbols = writer(ZEN), sorted(set(ZEN))
    one, again, other = (
        write(model, symbols, "T", temperature=1.0, seed=seed) for seed in (3, 3, 4)
    )
    assert one == again != other
    assert len(one) == 201


def test_greedy_is_where_a_low_temperature_leads():
    model, symbols = writer(ZEN), sorted(set(ZEN))
    assert write(model, symbols, "T") == write(model, symbols, "T", temperature=1e-6)


def test_the_explorer_shows_what_the_model_writes_for_any_setting():
    symbols = sorted(set(ZEN))
    explorer = WritingExplorer(writer(ZEN, nn.LSTM(6, 8, batch_first=True)), symbols, start="T")
    sentences = set()
    for temperature, seed, unit, show in itertools.product((0, 2), (0, 99), (0, 7), "ifgoch"):
        explorer.set(temperature=temperature, seed=seed, unit=unit, show=show)
        sentences.add(explorer.describe())
        words = {
            text.get_text() for text in explorer.figure().findobj(lambda a: hasattr(a, "get_text"))
        }
        assert any(f"of unit {unit} " in each for each in words)
    assert len(sentences) == 2 * 2 * 2 * 6
    assert set(explorer._repr_mimebundle_()) == {
        "application/vnd.jupyter.widget-view+json",
        "image/png",
        "text/plain",
    }


def test_bars_stand_below_their_letters():
    drawn = figure(draw_written("ab\ncd", [1.0, -1.0, 0.0, 0.2, -3.0], "c"))
    bars = [
        path for each in drawn.findobj() if hasattr(each, "get_paths") for path in each.get_paths()
    ]
    heights = sorted(round(path.get_extents().height) for path in bars)
    assert heights.count(24) == 2  # the tint behind -3 and its bar
    words = {
        text.get_text(): text.get_position()
        for text in drawn.findobj(lambda a: hasattr(a, "get_text"))
    }
    assert "ab↵cd" in words
    assert words["3"][1] - words["0"][1] == 24  # where a full bar ends
