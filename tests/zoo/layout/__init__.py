"""Models with a recurrent layer for `check_layout`: right ones that may look wrong, and wrong."""
