"""What documents repeat of the code: listings, and the table of steps. Each stands below a comment that names its source.

`<!-- code: PATH NAME ... -->` is followed by a block of Python: the whole file, or the functions, classes and assignments of these
names. `<!-- table: steps -->` is followed by the table that the report has, counted from the files.
"""

import ast
import re
import textwrap
from pathlib import Path

from bench.errors import ConfigError
from bench.measure.steps import measure_steps
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from bench.records import AS_DEPLOYED
from bench.show.outputs.markdown import table_lines
from bench.show.topics.code import steps_table

_CODE = re.compile(r"(<!-- code: (\S+)((?: \w+)*) -->\n```python\n).*?(```\n)", re.DOTALL)
_TABLE = re.compile(r"(<!-- table: steps -->\n)(?:\|.*\n)*")


def fill_document(text: str, root: Path) -> str:
    """Return a document with its listings and tables as the files below `root` have them now.

    Raises `ConfigError` where a file or a name is not there.
    """
    text = _CODE.sub(lambda found: f"{found[1]}{cut_listing(root / found[2], found[3].split())}\n{found[4]}", text)
    return _TABLE.sub(lambda found: f"{found[1]}{_steps_lines()}\n", text) if _TABLE.search(text) else text


def cut_listing(path: Path, names: list[str]) -> str:
    """Return the source of these names, one after the other; without names that of the whole file."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        message = f"{path.name} cannot be read ({error.strerror})."
        raise ConfigError(message) from None
    if not names:
        return text.strip()
    found = {name: node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt) for name in _names_of(node)}
    if missing := [name for name in names if name not in found]:
        message = f"{path.name} has no {missing[0]}."
        raise ConfigError(message)
    lines = text.splitlines()
    return "\n\n".join(textwrap.dedent("\n".join(lines[_first_line(found[name]) - 1 : found[name].end_lineno])) for name in names)


def _names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return decorators[0].lineno if decorators else node.lineno


def _steps_lines() -> str:
    stacks = load_stacks(BUNDLED_STACKS)
    steps = [step for name in AS_DEPLOYED for step in measure_steps(stacks[name])]
    labels = {name: {"framework": stack.framework, "label": stack.label} for name, stack in stacks.items()}
    return "\n".join(line for line in table_lines(steps_table(steps, labels), has_caption=False) if line)
