"""The page on faults names a test for each of them, and each of these tests is there."""

import ast
import re

import pytest
from serving import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| fault |", "| --- |"))]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", PAGE)))


@pytest.mark.parametrize("row", ROWS)
def test_a_fault_has_a_test(row):
    assert re.search(r"\| `[\w/]+\.py::test_\w+`(, `[\w/]+\.py::test_\w+`)* \|$", row)


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_is_named_exists(named):
    path, _, name = named.partition("::")
    tree = ast.parse((ROOT / "tests" / path).read_text("utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
