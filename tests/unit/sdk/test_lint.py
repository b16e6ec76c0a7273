"""The check of an application's source: for each rule a planted violation, and a near miss."""

from pathlib import Path

import pytest

from comity.sdk import lint_rules
from comity.sdk.lint import findings_in, lines_of

TAB = Path(__file__).with_name("tab.py")


def _rules(source: str, depth: int = 0) -> list[str]:
    return [finding.rule for finding in findings_in(source, "actions.py", "tab", depth)]


def _in_action(*lines: str) -> str:
    return "\n".join(["def act(ctx, rows):", *(f"    {line}" for line in lines)])


def test_the_tab_passes() -> None:
    """The tutorial's application is what the rules let through."""
    assert findings_in(TAB.read_text(), "tab.py", "tab") == []


def test_a_finding_says_where_and_what_instead() -> None:
    """File, line, what it is, and what to write; several in the order of lines."""
    source = "import random\n\n\ndef act(ctx):\n    return 1 / 2\n"
    shown = lines_of(findings_in(source, "tab/actions.py", "tab"))
    first, second = shown.split("\n")
    assert first.startswith("tab/actions.py:1: import random: an application imports comity.sdk")
    assert (
        second
        == "tab/actions.py:5: float: floats differ between machines: count in the smallest unit, divide with //"
    )


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "import random",
        "import comity.sdk",
        "import comity.store",
        "import typing",
        "from time import time",
        "from os import environ",
        "from pathlib import Path",
        "from socket import socket",
        "from datetime import datetime",
        "from secrets import token_bytes",
        "from decimal import Decimal",
        "from math import sqrt",
        "from itertools import count",
        "from itertools import cycle",
        "from itertools import batched",  # Python 3.12 has it, 3.11 has not
        "from comity.sdk import load",
        "from comity.sdk import compiler",
        "from typing import sys",
        "from functools import cache",
        "from comity.machine import state",
        "from comity.sdk.standard import STANDARD",
        "from comity import sdk",
        "from tablature import x",
        "from comity.sdk import *",
        "from .. import other",
    ],
)
def test_nothing_else_is_imported(line: str) -> None:
    """P10: clock, chance, environment, files and sockets cannot be reached by an import."""
    (rule,) = _rules(line)
    assert rule.startswith("import ")


@pytest.mark.parametrize(
    "line",
    [
        "from comity.sdk import App, Row",
        "from comity.kernel import assets",
        "from comity.kernel.assets import move",
        "from __future__ import annotations",
        "from typing import Annotated, Literal",
        "from collections.abc import Iterator",
        "from math import isqrt, gcd",
        "from itertools import pairwise",
        "import tab.rules",
        "from tab.tables import Member",
        "from .tables import Member",
        "from . import rules",
    ],
)
def test_what_an_application_may_import(line: str) -> None:
    """The SDK, the kernel, its own modules, and what gives the same everywhere."""
    assert _rules(line) == []


def test_a_module_in_a_folder_reaches_its_own_package_and_no_further() -> None:
    """Relative imports end at the application's own package."""
    assert _rules("from ..tables import Member", depth=1) == []
    assert _rules("from ...tables import Member", depth=1) == ["import ...tables"]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("open('x')", "open"),
        ("input()", "input"),
        ("print(rows)", "print"),
        ("eval('1')", "eval"),
        ("exec('1')", "exec"),
        ("compile('1', '', 'eval')", "compile"),
        ("globals()", "globals"),
        ("getattr(ctx, 'db')", "getattr"),
        ("setattr(ctx, 'db', 1)", "setattr"),
        ("hash(rows)", "hash"),
        ("id(rows)", "id"),
        ("sorted(rows, key=hash)", "hash"),
        ("repr(rows)", "repr"),
        ("float('1')", "float"),
        ("__import__('os')", "__import__"),
        ("__builtins__", "__builtins__"),
        ("if __debug__: pass", "__debug__"),
        ("ctx.__class__", "__class__"),
        ("ctx._state", "_state"),
        ("(x for x in rows).gi_frame", "gi_frame"),
        ("x = 0.5", "float"),
        ("x = 1e9", "float"),
        ("x = 2j", "float"),
        ("x = rows / 2", "float"),
        ("x = 10\n    x /= 2", "float"),
        ("x = 10 ** -2", "float"),
        ("for x in {1, 2}: pass", "set"),
        ("for x in set(rows): pass", "set"),
        ("x = {row for row in rows}", "set"),
        ("x = list(frozenset(rows))", "set"),
        ("x = sorted(set(rows), key=len)", "set"),
        ("x = rows.keys() & rows.keys()", "set"),
        ("x = rows.keys() - [1]", "set"),
        ("'a'.lower()", ".lower"),
        ("sorted(rows, key=str.casefold)", ".casefold"),
        ("rows[0].isdigit()", ".isdigit"),
        ("'{}'.format(rows)", ".format"),
        ("'a b'.splitlines()", ".splitlines"),
        ("'a b'.split()", ".split()"),
        ("' a'.strip()", ".strip()"),
        ("int(rows[0])", "int"),
        ("f'{rows!r}'", "repr"),
        ("f'{rows:>8n}'", "format"),
        ("assert rows", "assert"),
        ("while True: pass", "endless"),
        ("while 1: pass", "endless"),
        ("global x", "state"),
        ("try: pass\n    except Exception: pass", "except"),
        ("try: pass\n    except: pass", "except"),
        ("try: pass\n    except (KeyError, RowNotFound): pass", "except"),
        ("try: pass\n    except OSError: pass", "except"),
        ("try: pass\n    except* KeyError: pass", "except"),
        ("KeyError = ValueError\n    try: pass\n    except KeyError: pass", "except"),
        ("try: pass\n    except KeyError as error: return str(error)", "except as"),
        ("try: ctx.call('x', {})\n    finally: return 1", "finally"),
        ("with rows: ctx.call('x', {})", "with"),
        ("raise PermissionError('only the owner')", "PermissionError"),
        ("raise TimeoutError", "TimeoutError"),
        ("class Stop(BaseException): pass", "BaseException"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("'%r' % rows", "percent"),
        ("f'%a' % rows", "percent"),
        ("format(rows, 'n')", "format"),
        ("x = rows.keys()\n    x -= rows", "set"),
        ("x = rows.keys()\n    y = x & rows", "set"),
        ("nonlocal x", "state"),
        ("class A:\n        def __enter__(self): pass", "__enter__"),
        ("class A:\n        def __exit__(self, *error): return True", "__exit__"),
        ("class A:\n        def __getattr__(self, name): pass", "__getattr__"),
        ("class A:\n        def __new__(cls): pass", "__new__"),
    ],
)
def test_what_differs_between_nodes_is_refused(line: str, rule: str) -> None:
    """P09: each rule finds its planted violation inside an action."""
    assert rule in _rules(_in_action(line))


@pytest.mark.parametrize(
    "line",
    [
        "if rows in {1, 2}: pass",
        "if rows not in frozenset(rows): pass",
        "len(set(rows)) == len(rows)",
        "x = sorted(set(rows))",
        "x = dict.fromkeys(rows)",
        "x = {'a': 1}",
        "x = rows.keys()",
        "x = 7 // 2 + 7 % 2 + 10**6",
        "x = 'a b'.split(' ')",
        "x = ' a'.strip(' ')",
        "x = f'{rows:>8}'",
        "x = rows[0].title",
        "x = int.from_bytes(b'a', 'big')",
        "ctx.timers.set(1, 'act', {})",
        "ctx.db.add(rows)",
        "rows.append(1)",
        "rows[0] = 1",
        "x = []\n    x.append(1)",
        "id, hash = 1, 2\n    return id + hash",
        "return [id for id in rows if id]",
        "try: pass\n    except (KeyError, ValueError): pass",
        "match rows:\n        case [id, *hash]: return id + hash",
        "def inner(*id, **hash): return id + hash",
        "while rows: rows = rows[1:]",
        "for _ in range(9): pass",
    ],
)
def test_what_is_the_same_everywhere_passes(line: str) -> None:
    """A near miss of each rule passes, so that a rule kept needs no trick."""
    assert _rules(_in_action(line)) == []


@pytest.mark.parametrize(
    "source",
    [
        "SEEN = {}\ndef act(ctx):\n    SEEN['a'] = 1",
        "SEEN = {}\ndef act(ctx):\n    del SEEN['a']",
        "SEEN = []\ndef act(ctx):\n    SEEN.append(1)",
        "SEEN = [0]\ndef act(ctx):\n    SEEN[0] += 1",
        "class Member:\n    pass\ndef act(ctx):\n    Member.count = 1",
        "def act(ctx):\n    act.count = 1",
        "def act(ctx, seen=[]):\n    pass",
        "def act(ctx, *, seen={}):\n    pass",
        "def act(ctx):\n    def inner():\n        SEEN.clear()\nSEEN = []",
        "act = lambda ctx, seen=[]: seen",
        "SEEN = []\ndef act(ctx, seen=SEEN):\n    pass",
        "def act(ctx, seen=[x for x in 'ab']):\n    pass",
        "SEEN = {'a': []}\ndef act(ctx):\n    SEEN['a'].append(1)",
        "SEEN = {'a': {}}\ndef act(ctx):\n    SEEN['a']['b'] = 1",
        "SEEN = {}\ndef act(ctx):\n    x, SEEN['a'] = 1, 2",
        "SEEN = {}\ndef act(ctx):\n    for SEEN['a'] in 'ab': pass",
        "SEEN = {}\ndef act(ctx):\n    return [1 for SEEN['a'] in 'ab']",
        "SEEN = {}\ndef act(ctx):\n    SEEN['a']: int = 1",
        "SEEN = {}\ndef act(ctx):\n    seen = SEEN\n    seen['a'] = 1",
        "SEEN = {}\ndef act(ctx):\n    remember(SEEN)",
        "SEEN: dict[str, int] = dict()\ndef act(ctx):\n    return SEEN",
        "class Cache:\n    seen = []\ndef act(ctx):\n    Cache.seen.append(1)",
        "class Cache:\n    seen = []\n    def add(self, x): self.seen.append(x)",
        "class Cache:\n    seen: dict = {}",
        "class Cache:\n    @classmethod\n    def note(cls): cls.count = 1",
        "class Cache:\n    def note(self): type(self).count = 1",
        "class Cache:\n    def put(self, x): self.last = x\nCACHE = Cache()",
        "class Cache:\n    def put(self, x): self.all[x] = 1\nclass B:\n    cache = Cache()",
        "class Cache:\n    def put(self, x): self.all.append(x)\nCACHE: Cache = Cache()",
        "def memo(f):\n    seen = {}\n    def g(x):\n        seen[x] = f(x)\n    return g",
        "def memo(f):\n    seen = []\n    return lambda x: seen.append(x)",
        "def counter():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n    return g",
        "from itertools import accumulate\nSUMS = accumulate('ab')\ndef act(ctx): return next(SUMS)",
        "NEXT = iter('ab')",
        "NEXT = (x for x in 'ab')",
        "from . import other\ndef act(ctx):\n    other.SEEN['a'] = 1",
    ],
)
def test_state_outside_the_tables_is_refused(source: str) -> None:
    """What one call leaves for the next must be a row, or a restarted node decides otherwise."""
    assert "state" in _rules(source)


def test_constants_of_a_module_are_no_state() -> None:
    """Tables of constants may be read, and built when the module is imported."""
    source = (
        "FEES = {}\nFEES['a'] = 1\ndef act(ctx):\n    FEES = {}\n    FEES['a'] = 2\n    return FEES"
    )
    assert _rules(source) == []


@pytest.mark.parametrize(
    "line",
    [
        "return FEES['a']",
        "return FEES.get('a')",
        "return 'a' in FEES",
        "return [FEES[x] for x in FEES]",
        "for x in FEES: pass",
        "return sorted(FEES) + list(FEES.values())",
        "return {**FEES, 'b': 1}",
        "return [*FEES]",
        "return dict(FEES)",
        "return f'{FEES}' if FEES else ''",
        "fees = dict(FEES)\n    fees['b'] = 1\n    return fees",
        "def inner(found): found.append(1)\n    return inner([])",
        "def inner(): ctx.db.add(1)\n    return inner()",
        "box = Box()\n    box.put(1)",
    ],
)
def test_reading_a_constant_is_no_state(line: str) -> None:
    """A module's lists and maps may be read in every way that hands none of them on."""
    source = (
        "FEES = {'a': 1}\nNAMES = tuple(x for x in 'ab')\n"
        "class Box:\n    def __init__(self): self.all = []\n    def put(self, x): self.all.append(x)\n"
    )
    assert _rules(source + _in_action(line)) == []


@pytest.mark.parametrize(
    "value",
    [
        *("ctx", "ctx.db", "act", "Box", "ctx.db.range(Box, limit=1)", "(x for x in 'ab')"),
        *("map(act, 'ab')", "lambda: 1"),
    ],
)
def test_what_has_no_text_is_refused(value: str) -> None:
    """An object without words is its place in memory to Python, another one on each node."""
    source = "class Box: pass\ndef act(ctx: Context, name: Name):\n    return "
    assert "address" in _rules(f"{source}str({value})")
    if "'" not in value and "lambda" not in value:
        assert "address" in _rules(f"{source}f'{{{value}}}'")


def test_what_has_text_is_written() -> None:
    """Text, numbers and local names, also those that a class elsewhere has."""
    source = "class Box: pass\ndef act(ctx: Context, name: Name):\n    Box = 1\n    return "
    assert _rules(source + "f'{name} {ctx.height} {Box}' + str(name)") == []


def test_other_shapes_of_code() -> None:
    """Coroutines and finalisers run at moments that differ."""
    assert _rules("async def act(ctx): pass") == ["async"]
    assert _rules("class A:\n    def __del__(self): pass") == ["deleter"]
    assert _rules("class A:\n    def f(self): return self._x") == []
    assert _rules("class A:\n    def f(self): return self.__class__") == ["__class__"]


def test_a_column_may_be_called_id() -> None:
    """A name that the class binds is not the builtin, inside the class; outside it is."""
    source = "class Thing:\n    id: int = 1\n    other = id\n    def f(self): return id"
    assert [(found.line, found.rule) for found in findings_in(source, "x.py", "x")] == [(4, "id")]


def test_what_is_no_python_is_a_finding() -> None:
    """A file that cannot be parsed is refused with its line."""
    (found,) = findings_in("x = 1\ndef (", "x.py", "x")
    assert (found.line, found.rule) == (2, "syntax")


def test_every_builtin_and_method_that_is_named_is_caught() -> None:
    """Each entry of the tables catches what it names."""
    for name in lint_rules.BUILTINS:
        assert _rules(_in_action(f"{name}(rows)")) == [name]
    for name in lint_rules.METHODS:
        assert _rules(_in_action(f"rows.{name}(1)")) == [f".{name}"]
    for name in lint_rules.BARE_METHODS:
        assert _rules(_in_action(f"rows.{name}()")) == [f".{name}()"]
    for name in lint_rules.FRAMES:
        assert _rules(_in_action(f"rows.{name}")) == [name]
    for name in lint_rules.CATCHABLE:
        assert _rules(_in_action(f"try: pass\n    except {name}: pass")) == []
    for name in lint_rules.MUTATORS:
        assert _rules(f"X = []\ndef act(): X.{name}(1)") == ["state"]


@pytest.mark.parametrize(
    "source",
    [
        "def f(n):\n    return f(n - 1)",
        "def f(n):\n    return g(n)\ndef g(n):\n    return f(n)",
        "class A:\n    def f(self):\n        return self.f()",
    ],
)
def test_recursion_is_refused(source: str) -> None:
    """How deep a function may call itself differs between nodes, also by way of another one."""
    assert dict.fromkeys(_rules(source)) == {"recursion": None}


def test_functions_that_call_others_pass() -> None:
    """A chain of calls that ends is fine."""
    assert _rules("def f(n):\n    return g(n)\ndef g(n):\n    return n") == []
