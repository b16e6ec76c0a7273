"""The source keeps the house rules, and each rule is shown to catch what it is for."""

from pathlib import Path
from textwrap import dedent

import pytest

from tests.promises import tidy

ROOT = Path(__file__).parents[2]
CORE_MODULE = "src/comity/store/planted.py"
OUTER_MODULE = "src/comity/node/planted.py"

# rule, a planted violation, a near miss: each the body of a module of the core.
CANARIES = [
    ("float", "half = 0.5", "half = 5"),
    ("float", "mean = 7 / 2", "mean = 7 // 2"),
    ("float", "def mean(x: float) -> None: '''A.'''", "def mean(x: int) -> None: '''A.'''"),
    ("float", "mean = a / b", "path = a / 'b'"),
    ("float", "total = 1\ntotal /= 2", "total = 1\ntotal //= 2"),
    ("set-iteration", "for x in {1, 2}: y = x", "for x in (1, 2): y = x"),
    ("set-iteration", "xs = [x for x in set((1, 2))]", "xs = [x for x in sorted(set((1, 2)))]"),
    ("set-iteration", "s = {1} | {2}\nxs = tuple(s)", "s = {1} | {2}\nxs = tuple(sorted(s))"),
    ("set-iteration", "s = {'a'}\nt = ','.join(s)", "s = ['a']\nt = ','.join(s)"),
    (
        "set-iteration",
        "def _f(names: frozenset[str]) -> None:\n    for x in names: y = x",
        "def _f(names: frozenset[str]) -> None:\n    for x in sorted(names): y = x",
    ),
    (
        "set-iteration",
        "class _A:\n    names: set[str]\n    def f(self):\n        return [x for x in self.names]",
        "class _A:\n    names: set[str]\n    def f(self):\n        return {x for x in self.names}",
    ),
    ("set-iteration", "s = {1}\nx = s.pop()", "s = [1]\nx = s.pop()"),
    ("set-iteration", "s = {1}\nxs = [*s]", "s = {1}\nok = all(x > 0 for x in s)"),
    (
        "set-iteration",
        "s = {1}\ndef _f():\n    return list(s)",
        "s = {1}\ndef _f(s):\n    return list(s)",
    ),
    ("hash", "x = hash('a')", "def _f(hashed): return hashed('a')"),
    ("id", "x = id(object())", "x = 'id'"),
    ("assert", "assert 1", "x = 'assert'"),
    (
        "except",
        "try: x = 1\nexcept Exception: x = 2",
        "try: x = 1\nexcept ValueError: x = 2",
    ),
    ("except", "try: x = 1\nexcept: x = 2", "try: x = 1\nexcept (KeyError, OSError): x = 2"),
    (
        "except",
        "try: x = 1\nexcept (ValueError, BaseException): x = 2",
        "try: x = 1\nfinally: x = 2",
    ),
    (
        "sql-text",
        "def _f(db, t): db.execute(f'SELECT {t}')",
        "def _f(db): db.execute('SELECT ?', (1,))",
    ),
    (
        "sql-text",
        "def _f(db, t): db.execute(f'SELECT {t}')",
        "def _f(db, t): db.execute(f'SELECT {quote(t)}')",
    ),
    (
        "except",
        "try: x = 1\nexcept: raise OSError",
        "try: x = 1\nexcept:\n    x = 2\n    raise",
    ),
    ("sql-text", "def _f(db, t): db.execute('SELECT %s' % t)", "def _f(db, t): db.execute(t)"),
    (
        "sql-text",
        "def _f(db, t): db.executemany('A' + t, [])",
        "def _f(db): db.executemany('A', [])",
    ),
    (
        "sql-text",
        "def _f(db, t): db.execute('SELECT ' + t)",
        "def _f(db, t):\n    name = quote(t)\n    db.execute('A ' + name + self._where)",
    ),
    (
        "sql-text",
        "def _f(db, ts): db.execute('A ' + ','.join(ts))",
        "def _f(db, ts): db.execute('A ' + ','.join(map(quote, ts)))",
    ),
    (
        "sql-text",
        "def _f(db, ts): db.execute('A ' + ','.join(t for t in ts))",
        "def _f(db, ts): db.execute('A ' + ','.join(quote(t) + ' = ?' for t in ts))",
    ),
    ("sql-text", "def _f(db, t): db.execute('{}'.format(t))", "def _f(t): return '{}'.format(t)"),
    (
        "sql-text",
        "def _f(db, t):\n    sql = f'SELECT {t}'\n    db.execute(sql)",
        "def _f(db, t):\n    sql = f'SELECT {ddl.quote(t)}'\n    db.execute(sql)",
    ),
    ("unicode-method", "x = 'A'.lower()", "x = 'lower'"),
    ("unicode-method", "x = 'A'.isdigit()", "x = 'A'.isascii()"),
    ("bare-strip", "x = ' a'.strip()", "x = ' a'.strip(' ')"),
    ("bare-strip", "x = 'a b'.split()", "x = 'a b'.split(' ')"),
    ("bare-strip", "x = 'a b'.split(None, 1)", "x = 'a b'.split(sep=',', maxsplit=1)"),
    ("bare-strip", "x = 'a b'.split(maxsplit=1)", "x = 'a b'.removeprefix('a')"),
    ("unsafe-import", "import random", "import struct"),
    ("unsafe-import", "from time import time_ns", "from timeline import time_ns"),
    ("unsafe-import", "import re", "from . import re"),
    ("ambient", "x = datetime.datetime.now()", "x = datetime.datetime(2020, 1, 1)"),
    ("ambient", "x = date.today()", "def _f(ctx): return ctx.now"),
    ("ambient", "x = os.environ['A']", "x = os.fspath('A')"),
    ("int-of-text", "def _f(x): return int(x)", "x = int(1)"),
    ("int-of-text", "def _f(x): return int(x, 16)", "def _f(x, y): return int(x > y)"),
    ("print", "print(1)", "x = 'print'"),
    ("docstring", "def shown(): return 1", "def _hidden(): return 1"),
    ("docstring", "class Shown:\n    '''A.'''\n    def f(self): return 1", "class _Hidden: x = 1"),
    (
        "function-size",
        "def _f():\n" + "    x = 1\n" * 70,
        "def _f():\n    '''A.\n" + "\n" * 70 + "    '''\n" + "    x = 1\n" * 69,
    ),
    ("module-size", "x = 1\n" * 501, "x = 1\n" * 400),
    ("marker", "x = 1  # TODO: more", "x = 1  # to do: more"),
    ("marker", "'FIXME'", "'FIXMEUP'"),
    ("suppression", "x = 1  # noqa", "x = 1  # noqa: E501 - the table reads better on one line"),
    ("suppression", "x = 1  # noqa: E501", "x = 1  # noqa: E501, B006 # both are meant here"),
    ("suppression", "\nx = 1  # noqa: E501", "# Both are meant here.\nx = 1  # noqa: E501"),
    ("suppression", "x = 1  # type: ignore", "x = 1  # type: ignore[misc]  # the stub is wrong"),
    ("suppression", "x = 1  # type: ignore[misc]", "x = 'type: ignore'"),
    ("exception", "x = 1  # tidy: float: not needed", "x = 'tidy: float'"),
    ("float", "x = 1  # tidy: float: no\ny = 0.5", "x = (\n    0.5\n)  # tidy: float: a test"),
    (
        "float",
        "if 0.5 < 1:\n    x = 1  # tidy: float: no",
        "if 0.5 < 1:  # tidy: float: a test\n    x = 1",
    ),
    ("exception", "x = 0.5  # tidy: float:", "x = 0.5  # tidy: float: a test of the exception"),
    ("exception", "x = 1  # tidy: nonsense", "x = 1  # tidied up"),
]


def _rules_broken(body: str, path: str = CORE_MODULE) -> set[str]:
    return {finding.rule for finding in tidy.findings(path, f'"""A module."""\n{body}\n')}


def test_the_repository_is_tidy() -> None:
    """Every module keeps every rule, or says beside the line why not."""
    folders = ("benchmarks", "demo", "examples", "scripts", "src", "tests")
    found = tidy.findings_below(ROOT, folders)
    assert not found, "\n".join(map(str, found))


def test_the_walk_reads_what_is_there(tmp_path: Path) -> None:
    """A planted file below a folder is found: the walk looks at the folders that exist."""
    planted = tmp_path / CORE_MODULE
    planted.parent.mkdir(parents=True)
    planted.write_text('"""A module."""\nx = 0.5\n', encoding="utf-8")
    assert [str(finding) for finding in tidy.findings_below(tmp_path, ["src"])] == [
        f"{CORE_MODULE}:2: float: rounding differs: count in int, divide with // or divmod"
    ]
    assert (ROOT / "src/comity/store").is_dir()
    assert len(list((ROOT / "src").rglob("*.py"))) > 20


@pytest.mark.parametrize(("rule", "violation", "near_miss"), CANARIES)
def test_each_rule_catches_what_it_is_for(rule: str, violation: str, near_miss: str) -> None:
    """A planted violation is reported under its rule; a near miss is not reported at all."""
    assert rule in _rules_broken(violation)
    assert _rules_broken(near_miss) == set()


def test_each_rule_has_a_canary() -> None:
    """No rule is a wish: each is in the list of planted violations, or has a test of its own."""
    own_test = {"drawer", "module-docstring"}
    assert {rule for rule, _, _ in CANARIES} | own_test == set(tidy.RULE_NAMES)


@pytest.mark.parametrize("path", ["src/comity/utils.py", "src/comity/helpers/rows.py"])
def test_a_drawer_is_found(path: str) -> None:
    """A module or a package named for nothing is reported."""
    assert _rules_broken("x = 1", path) == {"drawer"}
    assert _rules_broken("x = 1", "src/comity/utility_bill.py") == set()


def test_a_module_without_a_docstring_is_found() -> None:
    """A module that does not say why it exists is reported; an empty one has nothing to say."""
    assert [finding.rule for finding in tidy.findings(CORE_MODULE, "x = 1\n")] == [
        "module-docstring"
    ]
    assert tidy.findings("src/comity/store/__init__.py", "") == []


def test_the_rules_of_the_core_hold_in_the_core_only() -> None:
    """What is banned in the core is left to judgement outside it."""
    body = "import time\nx = 0.5"
    assert _rules_broken(body, CORE_MODULE) == {"float", "unsafe-import"}
    assert _rules_broken(body, "src/comity/limits.py") == {"float", "unsafe-import"}
    assert _rules_broken(body, OUTER_MODULE) == set()
    assert _rules_broken(body, "tests/unit/store/test_planted.py") == set()


def test_an_exception_holds_for_its_line_only() -> None:
    """A reason on one line does not excuse the next."""
    body = dedent("""\
        x = 0.5  # tidy: float: the reason
        y = 0.5
        """)
    assert [f.line for f in tidy.findings(CORE_MODULE, f'"""A."""\n{body}')] == [3]
