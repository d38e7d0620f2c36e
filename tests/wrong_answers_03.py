"""Wrong answers to the exercises of notebook 03."""

STACK = """
def {name}(cells, x):
    states, output = [None] * len(cells), []
    for below in x:
        for layer, cell in enumerate(cells):
            states[layer] = cell(below, states[layer])
            below = {up}
        output.append({shown})
    return {result}, states
"""
RIGHT = {"up": "states[layer][0]", "shown": "below", "result": "torch.stack(output)"}

ONE_STATE = """
def {name}(cells, x):
    state, output = None, []
    for below in x:
        for cell in cells:
            state = cell(below, state)
            below = state[0]
        output.append(below)
    return torch.stack(output), [state] * len(cells)
"""
ONE_STEP_LATE = """
def {name}(cells, x):
    states = [(x.new_zeros(x.shape[1], cell.hidden_size),) * 2 for cell in cells]
    output = []
    for xt in x:
        inputs = [xt] + [h for h, c in states[:-1]]
        states = [cell(inputs[k], states[k]) for k, cell in enumerate(cells)]
        output.append(states[-1][0])
    return torch.stack(output), states
"""
NOTHING_GOES_RIGHT = """
def {name}(cells, x):
    states = []
    for cell in cells:
        pairs = [cell(below) for below in x]
        x = torch.stack([h for h, c in pairs])
        states.append(pairs[-1])
    return x, states
"""
ZEROS_AT_EACH_STEP = """
def {name}(cells, x):
    output = []
    for below in x:
        states = [None] * len(cells)
        for layer, cell in enumerate(cells):
            states[layer] = cell(below, states[layer])
            below = states[layer][0]
        output.append(below)
    return torch.stack(output), states
"""
ONE_CELL = """
def {name}(cells, x):
    states, output = [None] * len(cells), []
    for below in x:
        for layer in range(len(cells)):
            states[layer] = cells[0](below, states[layer])
            below = states[layer][0]
        output.append(below)
    return torch.stack(output), states
"""
FROM_THE_TOP = """
def {name}(cells, x):
    states, output = [None] * len(cells), []
    for below in x:
        for layer in reversed(range(len(cells))):
            states[layer] = cells[layer](below, states[layer])
            below = states[layer][0]
        output.append(below)
    return torch.stack(output), states
"""
MODULE = """
class Stack(nn.Module):
    def __init__(self, cells):
        super().__init__()
        self.cells = {kept}

    def forward(self, x):
        states, output = [None] * len(self.cells), []
        for below in x:
            for layer, cell in enumerate(self.cells):
                states[layer] = cell(below, states[layer])
                below = states[layer][{up}]
            output.append(below)
        return {result}
"""
BOTH = "torch.stack(output), states"
MADE_ANEW = "nn.ModuleList(nn.LSTMCell(cell.input_size, cell.hidden_size) for cell in cells)"


def stack(name, **changed):
    """A stack that is right but for what is changed."""
    return STACK.format(name=name, **{**RIGHT, **changed})


NO_ROOM = """
def {name}(cells, x):
    states, output = [None] * len(cells), []
    for below in x:
        for layer in range(cells):
            states[layer] = cells[layer](below, states[layer])
            below = states[layer][0]
        output.append(below)
    return torch.stack(output), states
"""
OVER_NUMBERS = """
def {name}(cells, x):
    states, output = [None] * len(cells), []
    for below in range(x):
        for layer, cell in enumerate(cells):
            states[layer] = cell(below, states[layer])
            below = states[layer][0]
        output.append(below)
    return torch.stack(output), states
"""
FIXED_SIZES = """
def {name}(cells, x):
    states = [(torch.zeros(3, 20), torch.zeros(3, 20)) for cell in cells]
    output = []
    for below in x:
        for layer, cell in enumerate(cells):
            states[layer] = cell(below, states[layer])
            below = states[layer][0]
        output.append(below)
    return torch.stack(output), states
"""
FIXED_BATCH = FIXED_SIZES.replace("20", "cell.hidden_size")
APPENDS_INSIDE = """
def {name}(cells, x):
    states, output = [None] * len(cells), []
    for below in x:
        for layer, cell in enumerate(cells):
            states[layer] = cell(below, states[layer])
            below = states[layer][0]
            output.append(below)
    return torch.stack(output), states
"""
EQUAL_SIZES_ONLY = """
def {name}(cells, x):
    h = [x.new_zeros(x.shape[1], cells[0].hidden_size) for cell in cells]
    c, output = list(h), []
    for below in x:
        for layer, cell in enumerate(cells):
            h[layer], c[layer] = cell(below, (h[layer], c[layer]))
            below = h[layer]
        output.append(below)
    return torch.stack(output), list(zip(h, c))
"""
KEPT = """
class Stack(nn.Module):
    def __init__(self, cells):
        super().__init__()
        self.cells = nn.ModuleList(cells)
        self.states = [None] * len(cells)

    def forward(self, x):
        output = []
        for below in x:
            for layer, cell in enumerate(self.cells):
                self.states[layer] = cell(below, self.states[layer])
                below = self.states[layer][0]
            output.append(below)
        return torch.stack(output), list(self.states)
"""

WRONG = {
    "run_stack": [
        (stack("run_stack", up="states[layer][1]"), "c_instead_of_h"),
        (stack("run_stack", shown="states[0][0]"), "output_of_first_layer"),
        (stack("run_stack", result="output[-1]"), "last_step_only"),
        (ONE_STATE.format(name="run_stack"), "state_shared_across_layers"),
        (ONE_CELL.format(name="run_stack"), "same_cell_reused"),
        (FROM_THE_TOP.format(name="run_stack"), "layers_swapped"),
        (stack("run_stack", up="stats[layer][0]"), "raises"),
        (stack("run_stack", up="states[layer]"), "raises"),  # the pair goes up
        (NO_ROOM.format(name="run_stack"), "raises"),
        (OVER_NUMBERS.format(name="run_stack"), "raises"),
        (FIXED_SIZES.format(name="run_stack"), "raises"),
        (FIXED_BATCH.format(name="run_stack"), "raises"),
        (EQUAL_SIZES_ONLY.format(name="run_stack"), "refused"),
        (APPENDS_INSIDE.format(name="run_stack"), "unrecognised"),
        (
            stack("run_stack", result="torch.stack(output), states[::-1]").replace(
                ", states\n", "\n"
            ),
            "unrecognised",
        ),
        (stack("run_stack", result="torch.cat(output)"), "unrecognised"),
    ],
    "module": [
        (MODULE.format(kept="list(cells)", up=0, result=BOTH), "unrecognised"),
        (MODULE.format(kept=MADE_ANEW, up=0, result=BOTH), "unrecognised"),
        (MODULE.format(kept="nn.ModuleList(cells)", up=1, result=BOTH), "c_instead_of_h"),
        (
            MODULE.format(kept="nn.ModuleList(cells)", up=0, result="torch.stack(output)"),
            "unrecognised",
        ),
        (
            MODULE.format(kept="nn.ModuleList(cells)", up=0, result=BOTH).replace(
                "super().__init__()", "pass"
            ),
            "raises",
        ),
        (KEPT, "unrecognised"),
    ],
    "bug b": [
        (ONE_STATE.format(name="repaired_b"), "state_shared_across_layers"),
        (ZEROS_AT_EACH_STEP.format(name="repaired_b"), "state_not_carried"),
    ],
    "bug d": [
        (ONE_STEP_LATE.format(name="repaired_d"), "stale_lower_state"),
        (stack("repaired_d", up="states[layer][1]"), "c_instead_of_h"),
    ],
    "bug e": [
        (NOTHING_GOES_RIGHT.format(name="repaired_e"), "state_not_carried"),
        (ONE_STATE.format(name="repaired_e"), "state_shared_across_layers"),
    ],
}
