"""What the tidy rules look for in a syntax tree; ``tidy`` gives each its name and its advice.

Each search errs on the side of silence: it reports what it can see in one module, so that a rule
kept in spirit needs no comment. ``test_tidy.py`` proves what it sees: a planted violation and a
near miss for each.
"""

import ast
from collections.abc import Iterable, Iterator

FUNCTION_LINES_MAX = 70

_SET_TYPES = {"set", "frozenset", "Set", "FrozenSet", "AbstractSet", "MutableSet"}
_SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
_ORDER_FREE = {"all", "any", "frozenset", "len", "max", "min", "set", "sorted", "sum"}
_ORDERED = {
    *("dict", "enumerate", "filter", "fromkeys", "iter", "join", "list", "map", "tuple", "zip"),
}
_UNICODE_METHODS = {
    *("capitalize", "casefold", "lower", "swapcase", "title", "upper"),
    *("isalnum", "isalpha", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric"),
    *("isprintable", "isspace", "istitle", "isupper"),
}
_STRIP_METHODS = {"lstrip", "rsplit", "rstrip", "split", "strip"}
_CLOCK_METHODS = {"fromtimestamp", "now", "today", "utcnow"}
_OS_AMBIENT = {"environ", "environb", "getenv", "getrandom", "urandom"}
_UNSAFE_MODULES = {"locale", "random", "re", "secrets", "time", "unicodedata", "uuid"}
_SQL_METHODS = {"execute", "executemany"}

_Function = ast.FunctionDef | ast.AsyncFunctionDef


# --- What the rules of the core look for: each tells whether one node breaks it.


def _called(node: ast.AST) -> str:
    """Return the last name of what ``node`` calls, or the empty string when it is not a call."""
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _calls_builtin(node: ast.AST, *names: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _calls_method(node: ast.AST, names: set[str]) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and _called(node) in names
    )


def _is_text(node: ast.AST) -> bool:
    is_literal = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_literal or isinstance(node, ast.JoinedStr)


def is_float(node: ast.AST) -> bool:
    """Tell whether ``node`` is a float literal, the type, or a true division."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float | complex)
    if isinstance(node, ast.BinOp | ast.AugAssign):
        is_path = isinstance(node, ast.BinOp) and (_is_text(node.left) or _is_text(node.right))
        return isinstance(node.op, ast.Div) and not is_path
    return isinstance(node, ast.Name) and node.id in {"float", "complex"}


def is_hash(node: ast.AST) -> bool:
    """Tell whether ``node`` is a call of hash()."""
    return _calls_builtin(node, "hash")


def is_id(node: ast.AST) -> bool:
    """Tell whether ``node`` is a call of id()."""
    return _calls_builtin(node, "id")


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def is_broad_except(node: ast.AST) -> bool:
    """Tell whether ``node`` is an except clause that catches everything and keeps it."""
    if not isinstance(node, ast.ExceptHandler) or _raises_again(node):
        return False
    types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
        for kind in types
    )


def is_unicode_method(node: ast.AST) -> bool:
    """Tell whether ``node`` is a text method whose table changes with Python."""
    return _calls_method(node, _UNICODE_METHODS)


def is_bare_strip(node: ast.AST) -> bool:
    """Tell whether ``node`` is a strip or split at white space."""
    if not isinstance(node, ast.Call) or not _calls_method(node, _STRIP_METHODS):
        return False
    separators = node.args[:1] + [
        word.value for word in node.keywords if word.arg in {"sep", "chars"}
    ]
    return not separators or (
        isinstance(separators[0], ast.Constant) and separators[0].value is None
    )


def is_unsafe_import(node: ast.AST) -> bool:
    """Tell whether ``node`` is an import of a module that differs from node to node."""
    if isinstance(node, ast.Import):
        return any(name.name.partition(".")[0] in _UNSAFE_MODULES for name in node.names)
    return (
        isinstance(node, ast.ImportFrom)
        and (node.module or "").partition(".")[0] in _UNSAFE_MODULES
    )


def is_ambient(node: ast.AST) -> bool:
    """Tell whether ``node`` reads the clock through datetime, or settings or chance through os."""
    if not isinstance(node, ast.Attribute):
        return False
    owner = (
        node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    )
    if owner == "os":
        return node.attr in _OS_AMBIENT
    return owner in {"date", "datetime"} and node.attr in _CLOCK_METHODS


def is_int_of_text(node: ast.AST) -> bool:
    """Tell whether ``node`` is ``int(x)`` where ``x`` may be text."""
    if not isinstance(node, ast.Call) or not _calls_builtin(node, "int") or not node.args:
        return False
    return not isinstance(node.args[0], ast.Constant | ast.Compare) and not _calls_builtin(
        node.args[0], "len", "ord"
    )


def is_assert(node: ast.AST) -> bool:
    """Tell whether ``node`` is an assertion."""
    return isinstance(node, ast.Assert)


def is_print(node: ast.AST) -> bool:
    """Tell whether ``node`` is a call that prints or asks."""
    return _calls_builtin(node, "print", "input")


# --- Rules that need to know what a name in the same function stands for.

Values = dict[
    str, ast.expr
]  # a name or an attribute's name -> what was last assigned to it in this scope
SetNames = set[str]


def _is_set_annotation(node: ast.expr | None) -> bool:
    base = node.value if isinstance(node, ast.Subscript) else node
    name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
    return name in _SET_TYPES


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f".{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope without those of the functions inside it."""
    waiting: list[ast.AST] = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _Function):
            waiting.extend(ast.iter_child_nodes(node))
        else:
            waiting.extend(node.decorator_list)


class _Scope:
    """What the names of one function or module are known to hold."""

    def __init__(self, node: ast.AST, outer: "_Scope | None") -> None:
        self.nodes = list(_own_nodes(node))
        self.sets: SetNames = set(outer.sets) if outer else set()
        self.values: Values = dict(outer.values) if outer else {}
        if isinstance(node, _Function):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            self.sets -= {argument.arg for argument in arguments}
            self.sets |= {
                argument.arg for argument in arguments if _is_set_annotation(argument.annotation)
            }
        for child in self.nodes:
            if isinstance(child, ast.AnnAssign) and _is_set_annotation(child.annotation):
                self.sets |= {_name_of(child.target), f".{_name_of(child.target)}"}
        for child in self.nodes:
            if isinstance(child, ast.Assign):
                for target in child.targets:
                    self._assign(_name_of(target), child.value)

    def _assign(self, name: str, value: ast.expr) -> None:
        if name:
            self.values[name] = value
            if self.is_set(value):
                self.sets.add(name)

    def is_set(self, node: ast.expr) -> bool:
        """Tell whether an expression is known to be a set."""
        if isinstance(node, ast.Set | ast.SetComp):
            return True
        if isinstance(node, ast.BinOp) and isinstance(
            node.op, ast.BitAnd | ast.BitOr | ast.BitXor | ast.Sub
        ):
            return self.is_set(node.left) or self.is_set(node.right)
        if _calls_builtin(node, "set", "frozenset") or _calls_method(node, _SET_METHODS):
            return True
        return _name_of(node) in self.sets and bool(_name_of(node))

    def iterated_sets(self) -> Iterator[ast.AST]:
        """Yield each place where the order of a set's members can show."""
        harmless = {
            generator
            for node in self.nodes
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in _ORDER_FREE
            for generator in node.args[:1]
        } | {node for node in self.nodes if isinstance(node, ast.SetComp)}
        for node in self.nodes:
            if isinstance(node, ast.For | ast.Starred | ast.YieldFrom):
                sources = [node.iter if isinstance(node, ast.For) else node.value]
            elif (
                isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp)
                and node not in harmless
            ):
                sources = [generator.iter for generator in node.generators]
            elif _called(node) in _ORDERED and isinstance(node, ast.Call):
                sources = node.args
            elif isinstance(node, ast.Call) and _called(node) == "pop" and not node.args:
                sources = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            else:
                continue
            if any(self.is_set(source) for source in sources):
                yield node

    def _is_quoted(self, node: ast.expr) -> bool:
        """Tell whether text is made of constants, quoted names and prepared attributes alone."""
        if isinstance(node, ast.Name):
            value = self.values.get(node.id)
            return node.id == "quote" or (value is not None and self._is_quoted(value))
        if isinstance(node, ast.JoinedStr):
            return all(self._is_quoted(part) for part in node.values)
        if isinstance(node, ast.FormattedValue):
            return self._is_quoted(node.value)
        if isinstance(node, ast.BinOp):
            is_sum = isinstance(node.op, ast.Add)
            return is_sum and self._is_quoted(node.left) and self._is_quoted(node.right)
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            return self._is_quoted(node.elt)
        if isinstance(node, ast.Call) and _called(node) in {"join", "map"}:
            return all(self._is_quoted(part) for part in node.args[:1])
        return isinstance(node, ast.Constant | ast.Attribute) or _called(node) == "quote"

    def _is_built_text(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name) and node.id in self.values:
            return self._is_built_text(self.values[node.id])
        is_built = isinstance(node, ast.JoinedStr | ast.BinOp) or _calls_method(node, {"format"})
        return is_built and not self._is_quoted(node)

    def built_sql(self) -> Iterator[ast.AST]:
        """Yield each call that executes text put together from more than constants and quotes."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and _calls_method(node, _SQL_METHODS):
                yield from (node for text in node.args[:1] if self._is_built_text(text))


def _scopes(tree: ast.AST, outer: _Scope | None = None) -> Iterator[_Scope]:
    scope = _Scope(tree, outer)
    yield scope
    for node in scope.nodes:
        if isinstance(node, _Function):
            yield from _scopes(node, scope)


def iterated_sets(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield each place where the order of a set's members can show."""
    for scope in _scopes(tree):
        yield from scope.iterated_sets()


def built_sql(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield each call that executes text put together from more than constants and quotes."""
    for scope in _scopes(tree):
        yield from scope.built_sql()


# --- Rules about size, names and docstrings.


def has_docstring(node: ast.Module | ast.ClassDef | _Function) -> bool:
    """Tell whether ``node`` has a docstring with a word in it."""
    return bool((ast.get_docstring(node) or "").strip())


def long_functions(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the functions that are too long without their docstring."""
    for node in ast.walk(tree):
        if isinstance(node, _Function) and node.end_lineno:
            docstring = node.body[0] if has_docstring(node) else None
            documented = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
            if node.end_lineno - node.lineno + 1 - documented > FUNCTION_LINES_MAX:
                yield node


def undocumented(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the public functions, classes and methods that have no docstring."""

    def visit(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
        for node in body:
            if not isinstance(node, ast.ClassDef | _Function) or node.name.startswith("_"):
                continue
            decorators = {
                getattr(item, "attr", getattr(item, "id", "")) for item in node.decorator_list
            }
            if not has_docstring(node) and not decorators & {"overload", "setter", "override"}:
                yield node
            if isinstance(node, ast.ClassDef):
                yield from visit(node.body)

    yield from visit(tree.body)
