"""A right stack is never called wrong, and a wrong one is told what is wrong with it."""

import random
import sys
import time

import pytest
import torch
from torch import nn

from lstm_teach.cells import run_cells
from lstm_teach.checks.stack import check, check_stack
from lstm_teach.checks.stack.mistakes import MISTAKES, wired
from tests.zoo import EXAMPLES, load
from tests.zoo.stack.wrong import a_batch_of_three_only, c_up, one_state, stale

VERDICTS = {
    "c_instead_of_h", "state_shared_across_layers", "stale_lower_state", "same_cell_reused",
    "layers_swapped", "output_of_first_layer", "last_step_only", "state_not_carried",
}  # fmt: skip


def named(case):
    return getattr(case, "__name__", None)


@pytest.mark.parametrize("stack", [run_cells, torch.no_grad()(run_cells)], ids=named)
def test_the_packages_own_stack_is_right(stack):
    report = check_stack(stack)
    assert report.ok, report
    assert report.evidence["stacks tried"] == 6
    assert "the nn.LSTMCells that the check handed in" in report.message


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.headline)
def test_each_row_of_the_table_is_told_from_all_other_rows(mistake):
    report = check_stack(wired(mistake.how))
    assert report.verdict == mistake.verdict
    assert report.headline == mistake.headline


def test_every_row_and_every_verdict_has_an_example_written_by_hand():
    load("tests.zoo.stack")
    examples = [e for e in EXAMPLES if e.check == "check_stack" and not e.right]
    assert {e.verdict for e in examples} >= VERDICTS
    assert {m.verdict for m in MISTAKES} == VERDICTS | {"unrecognised", "variant"}
    told = {e.run().headline for e in examples}
    assert {m.headline for m in MISTAKES if m.verdict != "variant"} <= told


ARRANGEMENTS = {  # how it is returned, and what is said of two layers
    "((h of layer 0, c of layer 0), (h of layer 1, c of layer 1)), output)": lambda o, s: (s, o),
    "(output, (h of layer 0, h of layer 1), (c of layer 0, c of layer 1))": (
        lambda o, s: (o, *zip(*s, strict=True))
    ),
    "each state is returned as (c, h)": lambda o, s: (o, [(c, h) for h, c in s]),
    "the states are returned from the top layer down": lambda o, s: (o, s[::-1]),
    "(output, (h of layer 0, c of layer 0), (h of layer 1, c of layer 1))": lambda o, s: (o, *s),
    "(output, (h of layer 1, c of layer 1))": lambda o, s: (o, s[-1]),
    "(output, ((h of layer 1, c of layer 1)))": lambda o, s: (o, s[-1:]),
    "(output, (h of layer 0, h of layer 1))": lambda o, s: (o, [h for h, c in s]),
    "you return output, not": lambda o, s: o,
    "your output has the batch first": lambda o, s: (o.transpose(0, 1), s),
    "(the output with time and batch in one axis, (": lambda o, s: (o.flatten(0, 1), s),
    "(the output backward in time, (": lambda o, s: (o.flip(0), s),
}


@pytest.mark.parametrize("said", ARRANGEMENTS)
def test_right_numbers_in_another_arrangement_are_said_to_be_right(said):
    report = check_stack(lambda cells, x: ARRANGEMENTS[said](*run_cells(cells, x)))
    assert report.verdict == "unrecognised"
    assert report.message.startswith("Your numbers are right.")
    assert said in report.headline


@pytest.mark.parametrize("said", ARRANGEMENTS)
def test_a_mistake_is_found_in_another_arrangement_too(said):
    report = check_stack(lambda cells, x: ARRANGEMENTS[said](*c_up(cells, x)))
    assert report.verdict == "c_instead_of_h"
    if not said.startswith(("each", "the states", "your output")):
        assert said in report.message
    assert "And you return " in report.message


def stacked_as_nn_lstm_returns(cells, x):
    output, states = run_cells(cells, x)
    return output, (torch.stack([h for h, c in states]), torch.stack([c for h, c in states]))


def zipped_as_nn_lstm_returns(cells, x):
    output, states = run_cells(cells, x)
    return output, zip(*states, strict=True)


def stacked_where_they_fit(cells, x):
    same = len({cell.hidden_size for cell in cells}) == 1
    return (stacked_as_nn_lstm_returns if same else run_cells)(cells, x)


@pytest.mark.parametrize(
    "stack",
    [stacked_as_nn_lstm_returns, zipped_as_nn_lstm_returns, stacked_where_they_fit],
    ids=named,
)
def test_states_in_nn_lstms_own_form_are_right(stack):
    report = check_stack(stack)
    assert report.ok, report
    assert "as nn.LSTM returns them" in report.message


def test_a_stack_that_runs_only_at_equal_sizes_is_named_and_told_both():
    report = check_stack(one_state)
    assert report.verdict == "state_shared_across_layers"
    assert "With two layers of different sizes it raises an error" in report.message
    assert "h, c = cell(xt, (h, c))" in report.message


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("first", ["layer 1 does not start from zeros", "Print the h and c", "should be zeros"]),
        ("later", ["layer 1 does not go on at step 1", "layer 1 gave one step before"]),
        ("read", ["what layer 1 reads at step 0 is not h of layer 0", "Print the x"]),
    ],
)
def test_the_first_wrong_call_is_told_and_what_to_print_there(what, words):
    def stack(cells, x):
        states, output = [None] * len(cells), []
        for t, below in enumerate(x):
            for k, cell in enumerate(cells):
                state = states[k] or (x.new_zeros(x.shape[1], cell.hidden_size),) * 2
                if k == 1 and what == ("later" if t else "first"):
                    state = [part + 0.5 for part in state]
                read = 2 * below if k == 1 and what == "read" else below
                states[k] = cell(read, state)
                below = states[k][0]
            output.append(below)
        return torch.stack(output), states

    report = check_stack(stack)
    assert report.verdict == "unrecognised"
    for word in words:
        assert word in str(report)


def test_a_fixed_batch_size_is_not_taken_for_fixed_layers():
    assert check_stack(a_batch_of_three_only).headline == "it runs with a batch of 3 only"
    assert check_stack(equal_sizes_only).headline != "it runs with a batch of 3 only"


def two_layers_only(cells, x):
    first, second = cells
    return run_cells([first, second], x)


def equal_sizes_only(cells, x):
    output, states = run_cells(cells, x)
    zeros = torch.zeros(len(cells), x.size(1), cells[0].hidden_size)
    return output + 0 * zeros[0], [(h + 0 * zeros[k], c) for k, (h, c) in enumerate(states)]


def more_than_one_layer(cells, x):
    assert len(cells) > 1
    return run_cells(cells, x)


def test_a_stack_of_two_cells_is_right_and_told_how_it_takes_any_number():
    report = check_stack(two_layers_only)
    assert report.ok
    for word in ("with two cells only", "too many values", "for k, cell in enumerate(cells)"):
        assert word in report.message


def test_a_stack_of_equal_sizes_is_right_as_nn_lstm_is_and_told_so():
    report = check_stack(equal_sizes_only)
    assert report.ok, report
    assert "It was tried with equal hidden sizes only" in report.message


def test_what_a_stack_refuses_by_itself_is_not_judged():
    report = check_stack(more_than_one_layer)
    assert report.ok
    (unseen,) = report.not_checked
    assert unseen.startswith("one layer: ")
    assert "assert len(cells) > 1" in unseen


def first_two_layers_with_c_up(cells, x):
    lower, upper = cells[0], cells[1]
    h1 = c1 = torch.zeros(x.shape[1], lower.hidden_size)
    h2 = c2 = torch.zeros(x.shape[1], upper.hidden_size)
    steps = []
    for xt in x:
        h1, c1 = lower(xt, (h1, c1))
        h2, c2 = upper(c1, (h2, c2))
        steps.append(h2)
    return torch.stack(steps), [(h1, c1), (h2, c2)]


def exactly_two_layers_with_one_state(cells, x):
    lower, upper = cells
    h = c = torch.zeros(x.shape[1], lower.hidden_size)
    steps = []
    for xt in x:
        h, c = lower(xt, (h, c))
        h, c = upper(h, (h, c))
        steps.append(h)
    return torch.stack(steps), [(h, c), (h, c)]


@pytest.mark.parametrize(
    ("stack", "verdict", "words"),
    [
        (first_two_layers_with_c_up, "c_instead_of_h", "not what came back with the others"),
        (exactly_two_layers_with_one_state, "state_shared_across_layers", "it raises an error"),
    ],
)
def test_the_mistake_of_a_stack_written_for_two_layers_is_named(stack, verdict, words):
    report = check_stack(stack)
    assert report.verdict == verdict
    assert words in report.message


def raises_always(cells, x):
    return cells[0](x)


def stub(cells, x): ...


def half_written(cells, x):
    states = ...
    for k, cell in enumerate(cells):
        x = cell(x, states[k])


@pytest.mark.parametrize(
    ("stack", "verdict", "words"),
    [
        (raises_always, "raises", ["got 3D", "return cells[0](x)"]),
        (lambda x: x, "cannot_check", ["`run_stack(cells, x)`", "call="]),
        (stub, "not_attempted", ["`stub`"]),
        (half_written, "not_attempted", ["..."]),
        (None, "not_attempted", ["run_stack(cells, x)"]),
        (3, "cannot_check", ["check_stack(run_stack)", "`int`"]),
        (nn.LSTM, "ok", ["It computes what nn.LSTM computes"]),
    ],
    ids=named,
)
def test_what_does_not_run_gets_its_sentence(stack, verdict, words):
    report = check_stack(stack)
    assert report.verdict == verdict
    for word in words:
        assert word in str(report)


def changed(change):
    def stack(cells, x):
        return change(*run_cells(cells, x))

    return stack


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        (lambda cells, x: 3, ["you return `int`, not"]),
        (lambda cells, x: x, ["the output holds x, not h"]),
        (lambda cells, x: (1, 2, 3, 4), ["(`int`, `int`, `int`, `int`)"]),
        (lambda cells, x: "output, states", ["`str`"]),
        (lambda cells, x: ("output", x), ["(`str`, [6, 3, 4])"]),
        (changed(lambda o, s: (o, [*s, s[0]])), ["c of layer 1), (h of layer 0, c of layer 0))"]),
        (changed(lambda o, s: (o, [(*p, p[0]) for p in s])), ["c of layer 0, h of layer 0),"]),
        (changed(lambda o, s: (o, [(h.tolist(), c) for h, c in s])), ["`float`"]),
        (
            changed(lambda o, s: (o, [(h, c[None]) for h, c in s])),
            ["(h of layer 0, (c of layer 0))"],
        ),
        (changed(lambda o, s: (o[1:], s)), ["the output has 5 time steps, x has 6"]),
        (changed(lambda o, s: (o.squeeze(), s)), ["a batch of one", "in one axis"]),
        (changed(lambda o, s: (o.to(torch.complex128) + 1j, s)), ["output at step 0 is off"]),
    ],
)
def test_what_is_no_output_and_states_is_told_what_is_expected(stack, words):
    report = check_stack(stack)
    assert report.verdict == "unrecognised"
    for word in words:
        assert word in str(report)


def test_what_has_no_name_is_located():
    def wrong_from_step_two(cells, x):
        output, states = run_cells(cells, x)
        (h, c), *rest = states
        return torch.cat([output[:2], 2 * output[2:]]), [(h, 3 * c), *rest]

    report = check_stack(wrong_from_step_two)
    assert report.verdict == "unrecognised"
    assert report.evidence["tried with"] == "two layers of equal sizes"
    assert report.evidence["first off"] == "output at step 2"
    assert report.headline == "output at step 2 is off"


def test_a_stack_wrong_only_in_part_is_told_where_it_is_right():
    def wrong_at_three(cells, x):
        output, states = run_cells(cells, x)
        return output + (len(cells) == 3), states

    report = check_stack(wrong_at_three)
    assert report.verdict == "unrecognised"
    assert "It is right with two layers of equal sizes" in report.message


def test_nan_is_not_right():
    assert not check_stack(changed(lambda o, s: (o * float("nan"), s)))


def test_a_state_kept_between_calls_is_told():
    kept = {}

    def keeps(cells, x):
        sizes = (x.size(1), *(cell.hidden_size for cell in cells), x.size(2))
        output, kept[sizes] = run_cells(cells, x, kept.get(sizes))
        return output, kept[sizes]

    report = check_stack(keeps)
    assert report.verdict == "unrecognised"
    assert report.headline.startswith("two calls")


def changes_x(cells, x):
    result = run_cells(cells, x)
    x.zero_()
    return result


def changes_weights(cells, x):
    result = run_cells(cells, x)
    for cell in cells:
        cell.bias_ih.data.add_(1)
    return result


def empties_the_list(cells, x):
    states = []
    while cells:
        x, state = run_cells([cells.pop(0)], x)
        states += state
    return x, states


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        (changes_x, "changes x itself"),
        (changes_weights, "changes the weights"),
        (empties_the_list, "changes the list `cells`"),
    ],
)
def test_a_stack_that_changes_what_it_is_lent_is_told(stack, words):
    report = check_stack(stack)
    assert report.verdict == "unrecognised"
    assert "agrees with" in report.message
    assert words in report.message


def test_evaluation_mode_and_a_cut_gradient_are_worth_a_sentence_only():
    def evaluates(cells, x):
        for cell in cells:
            cell.eval()
        output, states = run_cells(cells, x)
        return output.detach(), states

    report = check_stack(evaluates)
    assert report.ok
    assert "evaluation mode" in report.message
    assert "are not those of a right stack" in report.message


@pytest.mark.parametrize("form", [lambda o: o, list, lambda o: [[*step] for step in o]])
def test_a_right_stack_has_the_right_gradients_in_whatever_form_they_come(form):
    report = check_stack(changed(lambda o, s: (form(o), s)))
    assert report.ok
    assert "are not those of a right stack" not in report.message


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_callers_mode_does_not_look_like_a_cut_gradient(mode):
    with mode():
        report = check_stack(run_cells)
    assert report.ok
    assert "are not those of a right stack" not in report.message


def test_a_stack_in_inference_mode_is_right():
    assert check_stack(torch.inference_mode()(run_cells)).ok


def test_prints_are_kept_off_the_screen(capsys):
    def prints(cells, x):
        print("step <b>0</b>")
        return run_cells(cells, x)

    report = check_stack(prints)
    assert report.ok
    assert "prints" in report.message
    assert capsys.readouterr().out == ""
    assert "<b>0" not in report._repr_html_()


def test_a_slow_stack_is_judged_by_what_it_did_in_time(monkeypatch):
    monkeypatch.setattr(check, "_PATIENCE_IN_SECONDS", 0.03)

    def slow(cells, x):
        time.sleep(0.04)
        return run_cells(cells, x)

    report = check_stack(slow)
    assert report.ok
    assert report.evidence["stacks tried"] == 1
    assert "equal hidden sizes" not in report.message
    assert "took too long" in report.not_checked[0]
    assert "one layer" in report.not_checked[0]


def test_the_check_leaves_global_state_as_it_was():
    def disturbs(cells, x):
        torch.manual_seed(1)
        random.seed(1)
        torch.set_default_dtype(torch.float16)
        torch.set_grad_enabled(False)
        raise ValueError

    before = torch.get_rng_state(), random.getstate()
    check_stack(disturbs)
    check_stack(run_cells)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


def test_the_report_is_the_same_every_time():
    first = str(check_stack(stale))
    torch.manual_seed(1)
    assert str(check_stack(stale)) == first


def test_the_keyboard_interrupt_passes():
    def interrupted(cells, x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_stack(interrupted)


def two_cells_written_out(cells, x):
    first, second = cells[0], cells[1]
    state1 = state2 = None
    output = []
    for xt in x:
        state1 = first(xt, state1)
        state2 = second(state1[0], state2)
        output.append(state2[0])
    return torch.stack(output), [state1, state2]


def test_two_cells_written_out_are_right_for_two_and_told_so():
    assert "With two layers that is right" in check_stack(two_cells_written_out).message


@pytest.mark.skipif(sys.platform == "win32", reason="no alarm to stop it with")
def test_a_loop_that_never_moves_on_is_stopped(monkeypatch):
    monkeypatch.setattr("lstm_teach.checks.running.LONGEST", 0.2)
    monkeypatch.setattr(check, "_PATIENCE_IN_SECONDS", 0.1)

    def forgets_to_count(cells, x):
        t, states = 0, [None] * len(cells)
        while t < len(x):
            states[0] = cells[0](x[0], states[0])
        return x, states

    report = check_stack(forgets_to_count)
    assert report.verdict == "raises"
    assert "was stopped" in report.message


def test_an_empty_loop_is_still_a_stub():
    def stub(cells, x):
        output, states = [], [None for _ in cells]
        for _ in x:
            ...
        return output, states

    assert check_stack(stub).verdict == "not_attempted"


def starts_from(value, batch=None):
    """A stack that is right but for the h and c that every layer starts from."""

    def run(cells, x):
        rows = batch or x.shape[1]
        states = [(torch.full((rows, cell.hidden_size), value),) * 2 for cell in cells]
        output = []
        for below in x:
            for k, cell in enumerate(cells):
                states[k] = cell(below, states[k])
                below = states[k][0]
            output.append(below)
        return torch.stack(output), states

    return run


def test_a_stack_that_starts_from_zeros_is_right():
    assert check_stack(starts_from(0.0))


def test_zeros_for_a_batch_of_one_size_are_told_where_the_size_stands():
    report = check_stack(starts_from(0.0, batch=3))
    assert report.verdict == "raises"
    assert "it raises an error (x is [7, 2, 5])" in report.message


def test_a_layer_that_starts_from_ones_is_told_so():
    report = check_stack(starts_from(1.0))
    assert report.verdict == "unrecognised"
    assert report.headline == "layer 0 does not start from zeros"


@pytest.mark.skipif(sys.platform == "win32", reason="no alarm to stop it with")
def test_a_generator_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr("lstm_teach.checks.running.LONGEST", 0.2)
    monkeypatch.setattr(check, "_PATIENCE_IN_SECONDS", 0.1)
    assert "was stopped" in check_stack(lambda cells, x: (iter(lambda: x, None), [])).message


@pytest.mark.parametrize(
    ("output", "state", "words"),
    [
        ([torch.zeros(3, 4), "step"], 0, "you return (([3, 4], `str`), "),
        (torch.zeros(6, 3, 4), torch.tensor(0.0), "you return ([6, 3, 4], ([], []))"),
    ],
)
def test_odd_results_are_named(output, state, words):
    assert words in str(check_stack(lambda cells, x: (output, [state] * len(cells))))
