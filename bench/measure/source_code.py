"""The source of an application in figures, and how it differs from that of another.

A source is a folder of Python files. Folders `variants` and `steps` in it are left out: beside the parallel core of our two applications
they hold further ones that serve other comparisons. The figures:

- Source lines are radon's, which leave out blank lines and texts that stand alone (docstrings); comments are taken out first, since
  radon counts one between the lines of a statement as code.
- Functions are all that a `def` makes: methods and functions within functions, too. Each has its own cyclomatic complexity as radon
  counts it, without that of what is defined within it. Code outside of functions has none.
- A route is a decorator such as `@app.get("/path")`, whatever the object is called: two on one function are two routes. Routes that
  are added by a call are not seen.
"""

import ast
import difflib
import io
import tokenize
from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from radon.raw import analyze
from radon.visitors import ComplexityVisitor

LEFT_OUT = {"variants", "steps"}
ROUTE_DECORATORS = frozenset({"route", "api_route", "get", "post", "put", "patch", "delete", "head", "options", "trace", "websocket"})

Source = Mapping[str, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef


class CodeFigures(NamedTuple):
    """What is counted of a source; `most_complex` is the file and the function of the highest complexity."""

    files: int
    source_lines: int
    functions: int
    routes: int
    complexity: int
    highest_complexity: int
    most_complex: str


def read_source(folder: Path) -> Source:
    """Return the text of each file by its path in the folder; raise `OSError` or `UnicodeDecodeError` if one cannot be read."""
    paths = sorted(path for path in folder.rglob("*.py") if LEFT_OUT.isdisjoint(path.relative_to(folder).parts))
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in paths}


def count_code(source: Source) -> CodeFigures:
    """Return the figures of a source; raise `SyntaxError` if a file is no Python."""
    functions = [(name, function) for name, text in source.items() for function in _find_functions(text)]
    complexities = [(_own_complexity(function), f"{name}: {function.name}") for name, function in functions]
    highest, most_complex = max(complexities, key=itemgetter(0), default=(0, ""))
    return CodeFigures(
        files=len(source),
        source_lines=sum(_count_lines(text) for text in source.values()),
        functions=len(functions),
        routes=sum(_count_routes(function) for _, function in functions),
        complexity=sum(complexity for complexity, _ in complexities),
        highest_complexity=highest,
        most_complex=most_complex,
    )


def find_handlers(source: Source) -> list[Function]:
    """Return the functions that have a route; raise `SyntaxError` if a file is no Python."""
    return [function for text in source.values() for function in _find_functions(text) if _count_routes(function)]


def diff_sources(before: Path, after: Path) -> str:
    """Return the unified diff of the files that both folders have, ordered by name; raises as `read_source` does."""
    left, right = read_source(before), read_source(after)
    parts: list[str] = []
    for name in left:
        if name in right:
            names = (f"{before.name}/{name}", f"{after.name}/{name}")
            parts += difflib.unified_diff(left[name].splitlines(), right[name].splitlines(), *names, lineterm="")
    return "".join(f"{line}\n" for line in parts)


def _find_functions(text: str) -> Iterator[Function]:
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, Function)]
    yield from sorted(functions, key=lambda function: function.lineno)


def _own_complexity(function: Function) -> int:
    complexity: int = ComplexityVisitor.from_ast(function).functions[0].complexity
    return complexity


def _count_lines(text: str) -> int:
    lines = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    count: int = analyze("\n".join(lines)).sloc
    return count


def _count_routes(function: Function) -> int:
    return sum(_is_route(decorator) for decorator in function.decorator_list)


def _is_route(decorator: ast.expr) -> bool:
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute) and decorator.args):
        return False
    path = decorator.args[0]
    is_path = isinstance(path, ast.Constant) and isinstance(path.value, str) and path.value[:1] in {"", "/"}
    return is_path and decorator.func.attr in ROUTE_DECORATORS
