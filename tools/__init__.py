"""What is run beside the tests: the notebooks' normaliser, the cheat sheet, figures, a class."""
