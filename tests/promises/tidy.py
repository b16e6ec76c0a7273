"""Tidy: what the house style demands of the source and no tool off the shelf checks.

Each rule has a name, says what to do instead, and has a planted violation in ``test_tidy.py`` that
must be caught. An exception is a comment on the line itself, ``# tidy: <rule>: reason``; one that
has no reason, or excuses nothing, is a finding too.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.promises import tidy_rules as rules

CORE = ("apps", "crypto", "errors", "kernel", "limits", "machine", "model", "sdk", "store")
MODULE_LINES_MAX = 500
DRAWERS = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}


@dataclass(frozen=True, order=True)
class Finding:
    """A place that breaks a rule: where it is, which rule, and what to do instead."""

    path: str
    line: int
    rule: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.instead}"


@dataclass(frozen=True)
class Rule:
    """A rule about the syntax tree of a module: what breaks it, and what to do instead."""

    name: str
    search: Callable[[ast.Module], Iterable[ast.AST]]
    instead: str


def _each(is_broken_by: Callable[[ast.AST], bool]) -> Callable[[ast.Module], Iterable[ast.AST]]:
    return lambda tree: (node for node in ast.walk(tree) if is_broken_by(node))


CORE_RULES = (
    Rule(
        "float", _each(rules.is_float), "rounding differs: count in int, divide with // or divmod"
    ),
    Rule("set-iteration", rules.iterated_sets, "a set has no order: iterate over sorted(...)"),
    Rule("hash", _each(rules.is_hash), "differs per process: use crypto.hashing.sha256"),
    Rule("id", _each(rules.is_id), "differs per process: use a key of the data"),
    Rule("assert", _each(rules.is_assert), "python -O removes it: raise an error of comity.errors"),
    Rule(
        "except",
        _each(rules.is_broad_except),
        "a full disk would become a refusal: catch the error that is meant",
    ),
    Rule(
        "unicode-method",
        _each(rules.is_unicode_method),
        "its table changes with Python: compare with a set of ASCII characters",
    ),
    Rule(
        "bare-strip",
        _each(rules.is_bare_strip),
        "white space changes with Python: name the characters",
    ),
    Rule(
        "unsafe-import",
        _each(rules.is_unsafe_import),
        "clock, chance, locale and Unicode tables differ: take an argument, or scan ASCII by hand",
    ),
    Rule("ambient", _each(rules.is_ambient), "take time, chance and settings as arguments"),
    Rule(
        "int-of-text",
        _each(rules.is_int_of_text),
        "int() takes '_', blanks and foreign digits: check for ASCII digits first and say so here",
    ),
    Rule("print", _each(rules.is_print), "return the text; cli prints it"),
)
SOURCE_RULES = (
    Rule("sql-text", rules.built_sql, "pass values as parameters, names through store.ddl.quote"),
    Rule("docstring", rules.undocumented, "a public name says in one sentence what it does"),
)
EVERYWHERE_RULES = (
    Rule(
        "function-size",
        rules.long_functions,
        f"over {rules.FUNCTION_LINES_MAX} lines without its docstring: find the part inside",
    ),
)
TEXT_RULES = {
    "module-size": f"over {MODULE_LINES_MAX} lines: one noun, one file",
    "module-docstring": "say why the module exists, then its invariant",
    "drawer": "a drawer is a missing noun: name the module for what it holds",
    "marker": "finish it, or file an issue",
    "suppression": "say why: '# noqa: CODE - reason', '# type: ignore[code]  # reason', or above",
    "exception": "write '# tidy: <rule>: reason' on a line that needs it, or remove it",
}
RULE_NAMES = (
    *(rule.name for rule in (*CORE_RULES, *SOURCE_RULES, *EVERYWHERE_RULES)),
    *TEXT_RULES,
)

_EXCEPTION = re.compile(r"#\s*tidy:\s*(?P<rule>[\w-]*)\s*:?\s*(?P<reason>.*)")
_SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b(?P<rest>.*)")
_CODES_AND_REASON = re.compile(
    r"(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[\w, -]+\])\s*[-#:]+\s*\S.{3,}"
)
_MARKER = re.compile(r"\b(TODO|FIXME|XXX)\b")


@dataclass(frozen=True)
class _Module:
    path: str
    source: str
    tree: ast.Module
    comments: dict[int, str]  # by line

    @property
    def is_source(self) -> bool:
        return self.path.startswith("src/")

    @property
    def is_core(self) -> bool:
        parts = Path(self.path).with_suffix("").parts
        return self.is_source and len(parts) > 2 and parts[2] in CORE

    def _is_comment(self, line: int) -> bool:
        return self.source.split("\n")[line - 1].lstrip().startswith("#")

    def broken_by_text(self) -> Iterator[tuple[int, str]]:
        """Yield the line and the name of each rule that the text breaks."""
        if self.source.count("\n") > MODULE_LINES_MAX:
            yield 1, "module-size"
        if {Path(self.path).stem, *Path(self.path).parent.parts} & DRAWERS:
            yield 1, "drawer"
        for line, comment in self.comments.items():
            suppression = _SUPPRESSION.search(comment)
            has_reason = suppression is None or _CODES_AND_REASON.match(suppression["rest"])
            if not has_reason and not self._is_comment(line - 1):
                yield line, "suppression"
        if self.is_source:
            if self.source.strip() and not rules.has_docstring(self.tree):
                yield 1, "module-docstring"
            for line, text in enumerate(self.source.split("\n"), 1):
                if _MARKER.search(text):
                    yield line, "marker"

    def broken_by_tree(self) -> Iterator[tuple[Rule, ast.AST]]:
        """Yield each node that breaks a rule, with that rule."""
        active = (
            *EVERYWHERE_RULES,
            *(SOURCE_RULES if self.is_source else ()),
            *(CORE_RULES if self.is_core else ()),
        )
        for rule in active:
            yield from ((rule, node) for node in rule.search(self.tree))


def findings(path: str, source: str) -> list[Finding]:
    """Return what is untidy in one module.

    Args:
        path: relative to the repository; it decides which rules hold.
        source: the text of the module.
    """
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    module = _Module(path, source, ast.parse(source, path), comments)
    excused = {
        (line, match["rule"])
        for line, comment in comments.items()
        if (match := _EXCEPTION.search(comment)) and match["reason"]
    }
    unused = {line for line, comment in comments.items() if _EXCEPTION.search(comment)}
    result = {Finding(path, line, rule, TEXT_RULES[rule]) for line, rule in module.broken_by_text()}
    statements = list(_statements(module.tree))
    for rule, node in module.broken_by_tree():
        line: int = getattr(node, "lineno", 1)
        around = max((lines for lines in statements if line in lines), key=lambda lines: lines[0])
        reasons = {(line, rule.name) for line in around} & excused
        unused -= {line for line, _ in reasons}
        if not reasons:
            result.add(Finding(path, line, rule.name, rule.instead))
    result |= {Finding(path, line, "exception", TEXT_RULES["exception"]) for line in unused}
    return sorted(result)


def _statements(tree: ast.Module) -> Iterator[range]:
    """Yield the lines of each statement; of one with a body, those of its head."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.ExceptHandler):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            yield range(node.lineno, max(last, node.lineno) + 1)


def findings_below(root: Path, folders: Iterable[str]) -> list[Finding]:
    """Return what is untidy in every module below some folders of a repository."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    return [
        finding
        for path in paths
        for finding in findings(path.relative_to(root).as_posix(), path.read_text("utf-8"))
    ]
