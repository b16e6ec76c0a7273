"""What the code of an application may not name, and what to write instead.

Invariant: each entry tells the author what to do; each has a planted violation in the tests.
"""

import builtins
from collections.abc import Mapping

from comity import sdk

NAMES_OF: Mapping[str, tuple[str, ...] | None] = {  # None: every name
    "__future__": None,
    "collections.abc": None,
    "comity.sdk": tuple(sdk.__all__),
    "dataclasses": ("dataclass", "field"),
    "enum": ("Enum", "IntEnum", "StrEnum", "auto", "unique"),
    "functools": ("partial", "reduce"),
    "itertools": (
        *("accumulate", "chain", "combinations", "combinations_with_replacement", "compress"),
        *("dropwhile", "filterfalse", "groupby", "islice", "pairwise", "permutations", "product"),
        *("starmap", "takewhile", "tee", "zip_longest"),  # all but those that never end
    ),
    "math": ("comb", "factorial", "gcd", "isqrt", "lcm", "perm", "prod"),
    "operator": ("itemgetter",),
    "typing": (
        *("Annotated", "Any", "ClassVar", "Final", "Generic", "Literal", "NamedTuple", "Never"),
        *("NewType", "NoReturn", "Optional", "ParamSpec", "Protocol", "Self", "TYPE_CHECKING"),
        *("TypeAlias", "TypeGuard", "TypeVar", "TypedDict", "Union", "assert_never", "cast"),
        *("final", "overload"),
    ),
}
KERNEL = "comity.kernel"

_NO_WORLD = "an action sees nothing but its arguments and ctx"
_NO_TRICKS = "write the name out, so that a reader sees what is used"
_NO_PROCESS = "differs from process to process: use sha256 of the bytes, or a key"
_NO_FLOAT = "floats differ between machines: count in the smallest unit, divide with //"
_NO_REPR = "differs between Pythons and processes: write the text out"
_NO_STOP = "it means that this node's disk or memory fails, and stops the node: raise a Refusal"
_NODE_FAULTS = [
    name
    for name, kind in sorted(vars(builtins).items())
    if isinstance(kind, type) and issubclass(kind, OSError | MemoryError | KeyboardInterrupt)
]

BUILTINS: Mapping[str, str] = {
    **dict.fromkeys(("open", "input", "print", "breakpoint", "exit", "quit", "help"), _NO_WORLD),
    **dict.fromkeys(("eval", "exec", "compile", "globals", "locals", "vars", "dir"), _NO_TRICKS),
    **dict.fromkeys(("getattr", "setattr", "delattr"), _NO_TRICKS),
    **dict.fromkeys(("hash", "id"), _NO_PROCESS),
    **dict.fromkeys(("float", "complex"), _NO_FLOAT),
    **dict.fromkeys(("repr", "ascii"), _NO_REPR),
    **dict.fromkeys((*_NODE_FAULTS, "BaseException", "BaseExceptionGroup"), _NO_STOP),
    "format": "write an f-string",
}
DUNDERS = ("__all__", "__name__")  # the only names of this kind that code may use

_NO_UNICODE = "its table changes with Python: compare code points, or let the client normalise"
METHODS: Mapping[str, str] = {
    **dict.fromkeys(("capitalize", "casefold", "lower", "swapcase", "title", "upper"), _NO_UNICODE),
    **dict.fromkeys(("isalnum", "isalpha", "isdecimal", "isdigit", "isidentifier"), _NO_UNICODE),
    **dict.fromkeys(("islower", "isnumeric", "isprintable", "isspace"), _NO_UNICODE),
    **dict.fromkeys(("istitle", "isupper", "splitlines"), _NO_UNICODE),
    **dict.fromkeys(("format", "format_map"), "write an f-string"),
}
BARE_METHODS = ("lstrip", "rsplit", "rstrip", "split", "strip")
BARE_METHOD = "white space changes with Python: name the characters, as in .split(' ')"

MUTATORS = (  # of lists and maps; sets are refused as such
    *("append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse"),
    *("setdefault", "sort", "update"),
)
COPIERS = (  # builtins that read a list or map that they are given, and keep nothing of it
    *("all", "any", "dict", "enumerate", "filter", "isinstance", "len", "list", "map", "max"),
    *("min", "reversed", "sorted", "sum", "tuple", "zip"),
)
ITERATORS = ("enumerate", "filter", "iter", "map", "reversed", "zip")
METHOD_NAMES = (  # the methods of this kind that a class may have
    *("__add__", "__bool__", "__call__", "__contains__", "__eq__", "__floordiv__", "__ge__"),
    *("__getitem__", "__gt__", "__init__", "__iter__", "__le__", "__len__", "__lt__", "__mod__"),
    *("__mul__", "__ne__", "__neg__", "__next__", "__post_init__", "__str__", "__sub__"),
)
FRAMES = ("cr_frame", "f_back", "f_builtins", "f_globals", "f_locals", "gi_frame", "tb_frame")
CATCHABLE = (
    *("IndexError", "KeyError", "StopIteration", "UnicodeDecodeError", "ValueError"),
    "ZeroDivisionError",
)

IMPORT = (
    "an application imports comity.sdk, comity.kernel, its own modules, and by `from` some names "
    "of the standard library: " + ", ".join(name for name in NAMES_OF if name[:6] != "comity")
)
SET = "a set has no order: use a tuple, or dict.fromkeys(...)"
FLOAT = _NO_FLOAT
INT = (
    "int(text) reads the digits of every script: use digits_of(text); for a flag, 1 if flag else 0"
)
REPR = _NO_REPR
ADDRESS = (
    "Python writes where in memory it is: write out what you mean, or tuple(...) of what it gives"
)
PRIVATE = "names that begin with _ belong to others: use what is public"
STATE = "state outside the tables is lost on a restart and differs between nodes: keep it in a row"
CATCH = (
    "this would hide a fault or keep half of what was refused: use db.find or db.exists, or catch "
    "one of " + ", ".join(CATCHABLE)
)
COPY = "others could change it: hand on a copy, as list(x) or dict(x), or make it a tuple"
METHOD = "Python calls it at moments that nobody sees: write a plain method"
FINALLY = (
    "this would hide a fault, or run when memory is freed: a refusal takes everything back itself"
)
WITH = "what ends a block may hide a fault: an action has nothing to close"
WORDS = "its words change with Python: tell what is wrong in a Refusal of your own"
ASSERT = "python -O removes it: use require(condition, refusal)"
ENDLESS = "a block waits for it: loop over range(n), or over rows with a limit"
RECURSION = (
    "how deep Python may recurse differs between nodes: write a loop over a list with a bound"
)
ASYNC = "an action runs to its end at once: write a plain function"
FORMAT = "follows the locale: leave the n out"
DELETER = "runs when memory is freed, at another moment on each node: do it in the action"
OUTSIDE = "leaves the application's own package: import comity.sdk, or move the module in"
STAR = "import each name, so that a reader sees what is used"
