"""Every example gets the verdict that it deserves; a right one is never called wrong."""

import pytest

from tests.zoo import Example, load

LOADED = load()


@pytest.mark.parametrize("example", LOADED, ids=lambda e: f"{e.check}-{e.verdict}-{e.name}")
def test_every_example_gets_its_verdict(example: Example):
    report = example.run()
    assert report.verdict == example.verdict, report
    assert example.says in str(report)
