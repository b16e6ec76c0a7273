"""A check of an application's source when it is loaded: no clock, chance, files, floats.

It guards against accidents: code that gives one result on this node and another on that one. It is
no sandbox; who can install an application on a node can do anything on that node.

Invariant: a finding names file, line and what to write instead; a finding means the app is refused.
"""

import ast
from collections.abc import Iterable, Iterator

import msgspec

from comity.sdk import lint_rules as rules
from comity.sdk import lint_state as state
from comity.sdk.lint_calls import recursive_functions
from comity.sdk.lint_state import Function, inside

_VIEWS = ("items", "keys")


class Finding(msgspec.Struct, frozen=True, order=True):
    """A place in an application's source that is refused, and what to write instead."""

    path: str
    line: int
    rule: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.instead}"


def findings_in(source: str, path: str, package: str, depth: int = 0) -> list[Finding]:
    """Return what is refused in one module, in order of lines.

    Args:
        source: text of the module.
        path: shown in the findings.
        package: the application's own package, or its own module when it is in none.
        depth: how many folders below the package the module is.

    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return [Finding(path, error.lineno or 1, "syntax", error.msg)]
    linter = _Linter(tree, package, depth)
    linter.visit(tree)
    for function in recursive_functions(tree):
        linter.refuse(function, "recursion", rules.RECURSION)
    found = [Finding(path, line, rule, instead) for line, rule, instead in linter.found]
    return sorted(dict.fromkeys(found))


class _Linter(ast.NodeVisitor):
    """Walks one module, knowing what each scope binds: a column may be called ``id``."""

    def __init__(self, tree: ast.Module, package: str, depth: int) -> None:
        self.parents = state.parents_of(tree)
        self.containers = state.containers_of(tree)
        self.keepers = state.keepers_of(tree)
        self.faceless = state.faceless_in(tree)
        self.package = package
        self.depth = depth
        self.found: list[tuple[int, str, str]] = []
        self.scopes: list[tuple[ast.AST, dict[str, None]]] = []  # from the module inward
        self.views: list[dict[str, None]] = []  # names of what .keys() and .items() gave, of each

    def refuse(self, node: ast.AST, rule: str, instead: str) -> None:
        """Note a finding at ``node``."""
        self.found.append((getattr(node, "lineno", 1), rule, instead))

    # --- scopes ---

    def visit_Module(self, node: ast.Module) -> None:
        self._kept(node, is_module=True)
        self._enter(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._kept(node, is_module=False)
        self._enter(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name == "__del__":
            self.refuse(node, "deleter", rules.DELETER)
        elif node.name.startswith("__") and node.name not in rules.METHOD_NAMES:
            self.refuse(node, node.name, rules.METHOD)
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.refuse(node, "async", rules.ASYNC)
        self._function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node)

    def _function(self, node: Function) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is None:
                continue
            is_named = isinstance(default, ast.Name) and default.id in self.containers
            if is_named or isinstance(default, ast.Call) or state.is_container(default):
                self.refuse(default, "state", rules.STATE)
        self._enter(node)

    def _kept(self, scope: ast.Module | ast.ClassDef, *, is_module: bool) -> None:
        """Refuse what a module or class holds that reading or calling it changes."""
        for target, value in state.assigned_in(scope):
            is_list = not is_module and state.is_container(value)
            if is_list or state.is_iterator(value) or state.is_made_of(value, self.keepers):
                self.refuse(target, "state", rules.STATE)

    def _enter(self, node: ast.AST) -> None:
        self.scopes.append((node, dict.fromkeys(_bound_in(node))))
        self.views.append(dict.fromkeys(_views_in(node)))
        self.generic_visit(node)
        self.views.pop()
        self.scopes.pop()

    def _home_of(self, name: str) -> ast.AST | None:
        """Return the scope that binds ``name``, or None; a class binds for its own lines alone."""
        for depth, (scope, names) in enumerate(reversed(self.scopes)):
            if name in names and (depth == 0 or not isinstance(scope, ast.ClassDef)):
                return scope
        return None

    def _outlives(self, node: ast.AST) -> bool:
        """Tell whether ``node`` begins with a name of the module or of a function around this one."""
        functions = [scope for scope, _ in self.scopes if isinstance(scope, Function)]
        root = state.root_of(node)
        if not functions or root is None:
            return False
        home = self._home_of(root.id)
        is_outer = isinstance(home, Function) and home is not functions[-1]
        return isinstance(home, ast.Module) or is_outer or root.id == "cls"

    # --- imports ---

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if not self._is_own(alias.name):
                self.refuse(node, f"import {alias.name}", rules.IMPORT)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if any(alias.name == "*" for alias in node.names):
            self.refuse(node, f"import * of {module or '.'}", rules.STAR)
        elif node.level > self.depth + 1:
            self.refuse(node, f"import {'.' * node.level}{module}", rules.OUTSIDE)
        elif not node.level and not self._is_own(module) and not _is_within(module, rules.KERNEL):
            names = rules.NAMES_OF.get(module, ())
            for alias in node.names:
                if names is not None and alias.name not in names:
                    self.refuse(node, f"import {module}.{alias.name}", rules.IMPORT)

    def _is_own(self, module: str) -> bool:
        return _is_within(module, self.package)

    # --- names, attributes, calls ---

    def visit_Name(self, node: ast.Name) -> None:
        name = node.id
        if name.startswith("__") and name not in rules.DUNDERS:
            self.refuse(node, name, rules.PRIVATE)
        elif self._home_of(name) is None:
            if name in rules.BUILTINS:
                self.refuse(node, name, rules.BUILTINS[name])
            elif name in ("set", "frozenset"):
                self.refuse(node, "set", rules.SET)
        elif name in self.containers and self._outlives(node) and isinstance(node.ctx, ast.Load):
            is_module = isinstance(self._home_of(name), ast.Module)
            if is_module and not state.only_reads(self.parents.get(node), node):
                self.refuse(node, "state", rules.COPY)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        if node.attr in rules.FRAMES or node.attr.startswith("_" if not is_own else "__"):
            self.refuse(node, node.attr, rules.PRIVATE)
        if isinstance(node.value, ast.Name) and node.value.id == "str":
            self._method(node, node.attr)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Attribute):
            self._method(node, function.attr)
            if function.attr in rules.BARE_METHODS and not node.args and not node.keywords:
                self.refuse(node, f".{function.attr}()", rules.BARE_METHOD)
            if function.attr in rules.MUTATORS and self._outlives(function.value):
                self.refuse(node, "state", rules.STATE)
        elif isinstance(function, ast.Name) and self._home_of(function.id) is None:
            if function.id == "str" and node.args:
                self._text(node.args[0])
            if function.id == "int" and node.args:
                self.refuse(node, "int", rules.INT)
            if function.id in ("len", "sorted") and len(node.args) == 1 and not node.keywords:
                self._order_free(node.args[0])
                return
        self.generic_visit(node)

    def _method(self, node: ast.AST, name: str) -> None:
        if name in rules.METHODS:
            self.refuse(node, f".{name}", rules.METHODS[name])

    # --- sets, numbers, text ---

    def _order_free(self, node: ast.expr) -> None:
        """Visit what stands where order does not matter; a set may stand there."""
        function = node.func if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Set | ast.SetComp):
            self.generic_visit(node)
        elif isinstance(function, ast.Name) and function.id in ("set", "frozenset"):
            for argument in node.args:  # type: ignore[attr-defined]  # a function makes it a Call
                self.visit(argument)
        else:
            self.visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        self.visit(node.left)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.In | ast.NotIn):
                self._order_free(right)
            else:
                self.visit(right)

    def visit_Set(self, node: ast.Set) -> None:
        self.refuse(node, "set", rules.SET)
        self.generic_visit(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self.refuse(node, "set", rules.SET)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Div) or (
            isinstance(node.op, ast.Pow)
            and isinstance(node.right, ast.UnaryOp)
            and isinstance(node.right.op, ast.USub)
        ):
            self.refuse(node, "float", rules.FLOAT)
        if isinstance(node.op, ast.Mod) and (
            isinstance(node.left, ast.JoinedStr)
            or (isinstance(node.left, ast.Constant) and isinstance(node.left.value, str))
        ):
            self.refuse(node, "percent", rules.BUILTINS["format"])
        self._set_operation(node, node.op, node.left, node.right)
        self.generic_visit(node)

    def _set_operation(self, node: ast.AST, operator: ast.operator, *sides: ast.expr) -> None:
        if not isinstance(operator, ast.BitAnd | ast.BitOr | ast.BitXor | ast.Sub):
            return
        for side in sides:
            is_named = isinstance(side, ast.Name) and side.id in self.views[-1]
            if is_named or _is_view(side):
                self.refuse(node, "set", rules.SET)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, float | complex):  # tidy: float: named to refuse it
            self.refuse(node, "float", rules.FLOAT)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> None:
        if node.conversion in (ord("r"), ord("a")):
            self.refuse(node, "repr", rules.REPR)
        self._text(node.value)
        spec = node.format_spec.values if isinstance(node.format_spec, ast.JoinedStr) else []
        if any(isinstance(part, ast.Constant) and str(part.value)[-1:] == "n" for part in spec):
            self.refuse(node, "format", rules.FORMAT)
        self.generic_visit(node)

    def _text(self, value: ast.expr) -> None:
        root = state.root_of(value)
        is_module = root is None or isinstance(self._home_of(root.id), ast.Module)
        if root is not None and self.faceless.get(root.id) and not is_module:
            return  # a local name that a function or class elsewhere in the module has too
        if state.has_no_text(value, self.faceless):
            self.refuse(value, "address", rules.ADDRESS)

    # --- statements ---

    def visit_Global(self, node: ast.Global) -> None:
        self.refuse(node, "state", rules.STATE)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.refuse(node, "state", rules.STATE)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._target(target)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.op, ast.Div):
            self.refuse(node, "float", rules.FLOAT)
        self._set_operation(node, node.op, node.target, node.value)
        self._target(node.target)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._target(node.target)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._target(node.target)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._target(node.target)
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._target(target)
        self.generic_visit(node)

    def _target(self, target: ast.AST) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for item in target.elts:
                self._target(item)
        elif isinstance(target, ast.Subscript | ast.Attribute | ast.Starred) and (
            self._outlives(target) or state.is_call(target.value, ("type",))
        ):
            self.refuse(target, "state", rules.STATE)

    def visit_Assert(self, node: ast.Assert) -> None:
        self.refuse(node, "assert", rules.ASSERT)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        if isinstance(node.test, ast.Constant) and node.test.value:
            self.refuse(node, "endless", rules.ENDLESS)
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        if node.finalbody:
            self.refuse(node.finalbody[0], "finally", rules.FINALLY)
        self.generic_visit(node)

    def visit_TryStar(self, node: ast.TryStar) -> None:
        self.refuse(node, "except", rules.CATCH)
        self.generic_visit(node)

    def visit_With(self, node: ast.With) -> None:
        self.refuse(node, "with", rules.WITH)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if not all(isinstance(one, ast.Name) and self._is_catchable(one.id) for one in caught):
            self.refuse(node, "except", rules.CATCH)
        if node.name is not None:
            self.refuse(node, "except as", rules.WORDS)
        self.generic_visit(node)

    def _is_catchable(self, name: str) -> bool:
        return name in rules.CATCHABLE and self._home_of(name) is None


def _bound_in(scope: ast.AST) -> Iterator[str]:
    """Yield the names that a scope binds itself: arguments, assignments, imports, definitions."""
    if isinstance(scope, Function):
        arguments = scope.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            yield argument.arg
        for extra in (arguments.vararg, arguments.kwarg):
            if extra is not None:
                yield extra.arg
    for node in inside(scope):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name


def _views_in(scope: ast.AST) -> Iterator[str]:
    """Yield the names that a scope gives to what ``.keys()`` or ``.items()`` returned."""
    for target, value in state.assigned_in(scope):
        if isinstance(target, ast.Name) and _is_view(value):
            yield target.id


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def _is_view(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _VIEWS
    )


def lines_of(findings: Iterable[Finding]) -> str:
    """Return the findings as text, one a line."""
    return "\n".join(str(finding) for finding in findings)
