"""With torch alone every check runs, and what needs more says how to install it.

Where the rest is installed, its imports are refused. No other package than pytest is needed here.
"""

import subprocess
import sys

import pytest

import lstm_teach

NEVER = ("IPython", "PIL", "ipywidgets", "jupyterlab", "matplotlib", "numpy", "tqdm")
BARE = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NEVER}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())

import torch
from torch import nn
import lstm_teach

class Cell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gates = nn.Linear(input_size + hidden_size, 4 * hidden_size)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.gates(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

def function(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c, c

class Classifier(nn.Module):
    def __init__(self, batch_first=False):
        super().__init__()
        self.lstm = nn.LSTM(8, 16, batch_first=batch_first)
        self.readout = nn.Linear(16, 2)

    def forward(self, x):
        return self.readout(self.lstm(x)[0][:, -1])

def c_goes_up(cells, x):
    states = [None] * len(cells)
    steps = []
    for xt in x:
        for k, cell in enumerate(cells):
            states[k] = cell(xt, states[k])
            xt = states[k][1]
        steps.append(states[-1][0])
    return torch.stack(steps), states

word_grid = lstm_teach.word_grid
lstm, x = nn.LSTM(5, 6, 2), torch.randn(4, 3, 5)
"""
# What a check is to say, and of what.
CHECKS = {
    "check_shape": [
        ('check_shape("4, 3, 6", lstm, (4, 3, 5), "output")', "ok"),
        ('check_shape("3, 4, 6", lstm, (4, 3, 5), "output")', "time_batch_swapped"),
    ],
    "check_shape_rule": [
        ('check_shape_rule(lambda lstm, seq_len, batch: (seq_len, batch), "h_n")', "wrong_rank"),
    ],
    "check_words": [
        ('check_words("the, nobody, rain", word_grid(), 0)', "ok"),
        ('check_words("the, small", word_grid(), 0)', "unrecognised"),
    ],
    "check_last_state": [
        ("check_last_state(Classifier(batch_first=True), torch.randn(4, 7, 8))", "ok"),
    ],
    "check_cell": [("check_cell(Cell)", "ok"), ("check_cell(function)", "missing_tanh_c")],
    "check_lstm": [("check_lstm(lstm)", "ok")],
    "check_stack": [
        ("check_stack(lstm_teach.run_cells)", "ok"),
        ("check_stack(c_goes_up)", "c_instead_of_h"),
    ],
    "check_layout": [
        (
            'check_layout(Classifier(), torch.randn(4, 7, 8), ("batch", "time"))',
            "time_batch_swapped",
        ),
    ],
}


def said_by(code):
    """What a fresh Python without the packages of the lab prints."""
    done = subprocess.run(
        [sys.executable, "-c", BARE + code],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_check_says_what_it_finds():
    names = [name for name in lstm_teach.__all__ if name.startswith("check_")]
    assert set(names) <= set(CHECKS), "a check has no example here"
    asked = [case for name in names for case in CHECKS[name]]
    code = "".join(
        f"report = lstm_teach.{call}; print(report.verdict); str(report), report._repr_html_()\n"
        for call, _ in asked
    )
    assert said_by(code).split() == [verdict for _, verdict in asked]


def test_what_the_checks_stand_on_runs():
    code = """
cells = [lstm_teach.cell_from_layer(lstm, layer) for layer in range(2)]
assert torch.allclose(lstm_teach.run_cells(cells, x)[0], lstm(x)[0], atol=1e-6)
assert torch.allclose(lstm_teach.trace(lstm, x).output, lstm(x)[0], atol=1e-6)
assert lstm_teach.influence(nn.Sequential(Classifier()), torch.randn(4, 7, 8), (0,)).any()
assert lstm_teach.predict_shapes(lstm, (4, 3, 5)).h_n == (2, 3, 6)
"""
    said_by(code)


@pytest.mark.parametrize("name", ["ShapeExplorer", "ShapeQuiz", "draw_unrolled"])
def test_what_needs_the_lab_says_how_to_install_it(name):
    code = f"""
try:
    from lstm_teach import {name}
except ImportError as error:
    print(error)
"""
    said = said_by(code)
    assert said.startswith(f"{name} needs "), said
    assert "pip install 'lstm_teach[lab]'" in said
