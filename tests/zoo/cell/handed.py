"""Cells whose arguments are others than they seem."""

from torch import nn

from lstm_teach import check_cell
from tests.zoo import examples_for
from tests.zoo.cell.right import chunked

example = examples_for(check_cell)


@example("ok", says="an order of its own")
def state_named_s(xt, st_1, ht_1, w_ih, w_hh, b_ih, b_hh):
    return chunked(xt, ht_1, st_1, w_ih, w_hh, b_ih, b_hh)


@example("cannot_check", says="your code refuses what the check hands over")
class TakesTheTimeToo(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size)

    def forward(self, input_, hx, time):
        h, c = hx
        return self.cell(input_, (h, c))


@example("ok")
class HiddenFirst(nn.LSTMCell):
    def __init__(self, n_cells, n_features):
        super().__init__(n_features, n_cells)


@example("cannot_check", says="Your code takes nothing;")
def takes_nothing():
    return nn.LSTMCell(5, 4)
