"""Wrong answers to the exercises of notebook 01."""

LSTM = "lstm = nn.LSTM(8, 6, num_layers=2, bidirectional=True, batch_first=True)\n"

WRONG = {
    "one-shape": [
        (LSTM + "guess = (5, 4, 6)", "batch_first_moves_state"),
        (LSTM + "guess = (2, 5, 6)", "forgot_directions"),
        (LSTM + "guess = (2, 7, 6)", "unrecognised"),
        (LSTM + "guess = '4, 5, 8'", "input_size_for_hidden_size"),
    ],
    "right-edge": [
        (
            "def h_n_shape(lstm, batch):\n    return lstm.num_layers, batch, lstm.hidden_size",
            "forgot_directions",
        ),
        (
            "def h_n_shape(lstm, batch):\n"
            "    return lstm.num_layers * (1 + lstm.bidirectional), batch, lstm.hidden_size",
            "proj_size_ignored",
        ),
        ("def h_n_shape(lstm, batch):\n    return 1, batch, lstm.hidden_size", "forgot_layers"),
    ],
    "top-edge": [
        (
            "def output_shape(lstm, seq_len, batch):\n    return seq_len, batch, lstm.hidden_size",
            "time_batch_swapped",
        ),
        (
            "def output_shape(lstm, seq_len, batch):\n"
            "    leading = (batch, seq_len) if lstm.batch_first else (seq_len, batch)\n"
            "    return *leading, lstm.hidden_size",
            "forgot_directions",
        ),
    ],
}
