"""How fast it is: ratios measured in one run, because milliseconds differ between machines."""
