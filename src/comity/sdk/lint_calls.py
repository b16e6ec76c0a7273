"""Which functions of a module call themselves, straight or by way of others.

How deep Python may recurse depends on the host and on who called, so what recurses can end on one node and fault on
another. Invariant: every cycle among the functions of one module that call each other by name is found.
"""

import ast
from collections.abc import Iterator

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def recursive_functions(tree: ast.Module) -> Iterator[_Function]:
    """Yield each function of ``tree`` that can come back to itself, in order of lines."""
    functions = [node for node in ast.walk(tree) if isinstance(node, _Function)]
    calls = {function.name: _names_called(function) for function in functions}
    for function in sorted(functions, key=lambda node: node.lineno):
        if function.name in _reached(calls, function.name):
            yield function


def _names_called(function: _Function) -> dict[str, None]:
    """Return the names that a function calls, also as methods: ``self.walk(...)`` calls ``walk``."""
    found: dict[str, None] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                found[node.func.id] = None
            elif isinstance(node.func, ast.Attribute) and _is_own(node.func.value):
                found[node.func.attr] = None
    return found


def _reached(calls: dict[str, dict[str, None]], start: str) -> dict[str, None]:
    reached: dict[str, None] = {}
    waiting = list(calls[start])
    while waiting:
        name = waiting.pop()
        if name in reached or name not in calls:
            continue
        reached[name] = None
        waiting += calls[name]
    return reached


def _is_own(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")
