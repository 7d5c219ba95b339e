"""The source of an application in figures, and its difference from another source.

A source is a folder of Python files. Its folders `variants` and `steps` are left out: they hold applications for other comparisons. The
figures:

- Source lines are radon's, which leave out blank lines and texts that stand alone (docstrings). Comments are removed first, since radon
  counts a comment between the lines of a statement as code.
- Functions are all objects made by `def`, including methods and functions within functions. Each has its own cyclomatic complexity as
  radon counts it, without that of functions defined within it. Code outside of functions has none.
- A route is a decorator such as `@app.get("/path")`, whatever the object is called: two on one function are two routes. Routes that
  are added by a call are not found.
"""

import ast
import difflib
import io
import textwrap
import tokenize
from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from radon.raw import analyze
from radon.visitors import ComplexityVisitor

LEFT_OUT = frozenset({"variants", "steps"})
ROUTE_DECORATORS = frozenset({"route", "api_route", "get", "post", "put", "patch", "delete", "head", "options", "trace", "websocket"})

Source = Mapping[str, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef


class CodeFigures(NamedTuple):
    """The figures of a source; `most_complex` is the file and the function of the highest complexity."""

    files: int
    source_lines: int
    functions: int
    routes: int
    complexity: int
    highest_complexity: int
    most_complex: str


def read_source(folder: Path) -> Source:
    """Return the text of each file by its path in the folder; raise `OSError` or `UnicodeDecodeError` if one cannot be read."""
    paths = sorted(path for path in folder.rglob("*.py") if not LEFT_OUT & set(path.relative_to(folder).parts))
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


def find_post_handler(source: Source) -> str:
    """Return the text of the first handler of a POST, with its decorators; empty where there is none."""
    for text in source.values():
        for function in _find_functions(text):
            if any(_method_of(decorator) == "post" for decorator in function.decorator_list):
                lines = text.splitlines()[function.decorator_list[0].lineno - 1 : function.end_lineno]
                return textwrap.dedent("\n".join(lines))
    return ""


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


def without_comments(text: str) -> list[str]:
    """Return the lines of a file with their comments taken out."""
    lines = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return lines


def _count_lines(text: str) -> int:
    count: int = analyze("\n".join(without_comments(text))).sloc
    return count


def _count_routes(function: Function) -> int:
    return sum(bool(_method_of(decorator)) for decorator in function.decorator_list)


def _method_of(decorator: ast.expr) -> str:
    """Return by which method of an application or router a decorator makes a route; empty where it makes none."""
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute) and decorator.args):
        return ""
    path = decorator.args[0]
    is_path = isinstance(path, ast.Constant) and isinstance(path.value, str) and path.value[:1] in {"", "/"}
    return decorator.func.attr if is_path and decorator.func.attr in ROUTE_DECORATORS else ""
