"""What of a module outlives a call: code that keeps something there decides otherwise after a restart.

Invariant: nothing here refuses; it tells what a piece of syntax is.
"""

import ast
from collections.abc import Iterator, Mapping

from comity.sdk import lint_rules as rules

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_MAKERS = ("bytearray", "dict", "list", "set")
_PARTS = ("accounts", "db", "schema", "timers")  # of a context
_HANDED = ("Context", "Reader", "Writer")
_PASSING = (
    *(ast.Subscript, ast.Attribute, ast.Compare, ast.For, ast.comprehension, ast.Starred),
    *(ast.FormattedValue, ast.UnaryOp, ast.BoolOp, ast.BinOp, ast.If, ast.While, ast.Dict),
)


def inside(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope without those of the scopes inside it."""
    left: list[ast.AST] = list(ast.iter_child_nodes(scope))
    while left:
        node = left.pop()
        yield node
        if not isinstance(node, Function | ast.ClassDef):
            left.extend(ast.iter_child_nodes(node))


def assigned_in(scope: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield (target, value) of the assignments of a scope."""
    for node in inside(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield target, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield node.target, node.value


def root_of(node: ast.AST) -> ast.Name | None:
    """Return the name at the beginning of ``name.attribute[index]...``, or None."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node if isinstance(node, ast.Name) else None


def is_call(value: ast.AST, names: tuple[str, ...]) -> bool:
    """Tell whether a value is what one of some functions returns, called by its name."""
    return (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in names
    )


def is_container(value: ast.AST) -> bool:
    """Tell whether a value is a list, map or set that can be changed."""
    return isinstance(value, _DISPLAYS) or is_call(value, _MAKERS)


def is_iterator(value: ast.AST) -> bool:
    """Tell whether a value is used up by reading it."""
    return isinstance(value, ast.GeneratorExp) or is_call(
        value, (*rules.ITERATORS, *(rules.NAMES_OF["itertools"] or ()))
    )


def has_no_text(value: ast.AST, faceless: Mapping[str, bool]) -> bool:
    """Tell whether a value as text is its place in memory. Args: faceless: names of such values."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.attr == "range"
    if isinstance(value, ast.Attribute):
        return has_no_text(value.value, faceless) and value.attr in _PARTS
    is_named = isinstance(value, ast.Name) and value.id in faceless
    return is_named or isinstance(value, ast.Lambda) or is_iterator(value)


def faceless_in(tree: ast.Module) -> Mapping[str, bool]:
    """Return the names of functions and classes (true), and of contexts and readers that functions are handed."""
    found: dict[str, bool] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = True
        elif isinstance(node, ast.arg) and _is_name(node.annotation, _HANDED):
            found[node.arg] = False
    return found


def containers_of(tree: ast.Module) -> Mapping[str, None]:
    """Return the names of a module's lists and maps."""
    pairs = assigned_in(tree)
    names = [
        target.id for target, value in pairs if isinstance(target, ast.Name) and is_container(value)
    ]
    return dict.fromkeys(names)


def keepers_of(tree: ast.Module) -> Mapping[str, None]:
    """Return the names of a module's classes whose methods change their own objects."""
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            if any(_changes_self(method) for method in methods if method.name != "__init__"):
                found[node.name] = None
    return found


def is_made_of(value: ast.AST, classes: Mapping[str, None]) -> bool:
    """Tell whether a value is a new object of one of ``classes``."""
    return is_call(value, tuple(classes))


def only_reads(parent: ast.AST | None, node: ast.AST) -> bool:
    """Tell whether a list or map that stands in ``parent`` is read there and not handed on."""
    if isinstance(parent, ast.Call):
        return node is not parent.func and is_call(parent, rules.COPIERS)
    if isinstance(parent, ast.IfExp):
        return node is parent.test
    if isinstance(parent, ast.keyword):
        return parent.arg is None
    return isinstance(parent, _PASSING)


def parents_of(tree: ast.Module) -> Mapping[ast.AST, ast.AST]:
    """Return the node around each node."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def _is_name(value: ast.AST | None, names: tuple[str, ...]) -> bool:
    return isinstance(value, ast.Name) and value.id in names


def _changes_self(method: ast.FunctionDef) -> bool:
    for node in ast.walk(method):
        changed: list[ast.AST] = []
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            changed.append(node)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in rules.MUTATORS
        ):
            changed.append(node.func.value)
        roots = [root_of(one) for one in changed]
        if any(root is not None and root.id == "self" for root in roots):
            return True
    return False
