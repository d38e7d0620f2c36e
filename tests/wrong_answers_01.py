"""Wrong answers to the exercises of notebook 01."""

LSTM = "lstm = nn.LSTM(8, 9, num_layers=3, bidirectional=True, batch_first=True)\n"
H_N = "def h_n_shape(lstm, seq_len, batch):\n    return "
OUTPUT = "def output_shape(lstm, seq_len, batch):\n"

WRONG = {
    "one-shape": [
        (LSTM + "guess = (5, 6, 9)", "batch_first_moves_state"),
        (LSTM + "guess = (3, 5, 9)", "forgot_directions"),
        (LSTM + "guess = (2, 5, 9)", "forgot_layers"),
        (LSTM + "guess = (6, 7, 9)", "time_batch_swapped"),
        (LSTM + "guess = '6, 5, 8'", "input_size_for_hidden_size"),
        (LSTM + "guess = (6, 9)", "wrong_rank"),
    ],
    "right-edge": [
        (H_N + "lstm.num_layers, batch, lstm.hidden_size", "forgot_directions"),
        (H_N + "1, batch, lstm.hidden_size", "forgot_layers"),
        (H_N + "1 + lstm.bidirectional, batch, lstm.hidden_size", "forgot_layers"),
        (H_N + "1, 3, 20", "unrecognised"),
        (H_N + "num_layers, batch, hidden_size", "raises"),
        (H_N + "2 * lstm.num_layers, batch, lstm.hidden_size", "unrecognised"),
        (H_N + "lstm.num_layers + 1 + lstm.bidirectional, batch, lstm.hidden_size", "unrecognised"),
        (H_N.replace(", batch", "") + "lstm.num_layers, lstm.hidden_size", "cannot_check"),
    ],
    "top-edge": [
        (OUTPUT + "    return seq_len, batch, lstm.hidden_size", "time_batch_swapped"),
        (
            OUTPUT + "    leading = (batch, seq_len) if lstm.batch_first else (seq_len, batch)\n"
            "    return *leading, lstm.hidden_size",
            "forgot_directions",
        ),
        (OUTPUT + "    return lstm.num_layers, batch, lstm.hidden_size", "last_step_only"),
        (OUTPUT + "    return seq_len, batch, lstm.input_size", "input_size_for_hidden_size"),
        (OUTPUT + "    return batch, seq_len, lstm.hidden_size", "time_batch_swapped"),
    ],
}
