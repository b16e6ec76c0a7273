"""Arguments of a call: checked against what the action declares, before the action runs.

Invariant: an action is called with every argument that it declares and no other, each within its
bounds; what is wrong is a refusal that names the argument.
"""

from collections.abc import Mapping
from typing import Any

from comity.sdk.declaration import Function
from comity.sdk.standard import BadArgument, UnknownArgument

_MUTABLE = (list, dict)


def check_arguments(function: Function, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments for ``function.function``.

    Args:
        arguments: values by name, as decoded from CBOR.

    Raises: UnknownArgument, BadArgument.
    """
    checked: dict[str, Any] = {}
    found = 0
    for parameter in function.parameters:
        name = parameter.name
        if name not in arguments:
            if parameter.is_required:
                raise _first_refusal(function, arguments, name, "is missing")
            checked[name] = _own(parameter.default)
            continue
        value = arguments[name]
        problem = parameter.check(value)
        if problem is not None:
            raise _first_refusal(function, arguments, name, problem)
        checked[name] = _own(value) if parameter.build is None else parameter.build(value)
        found += 1
    if found != len(arguments):
        raise _first_refusal(function, arguments, "", "")
    return checked


def _own(value: Any) -> Any:
    """Return ``value`` in lists and maps of its own: an action may change them, and a block may run twice.

    Recursion is bounded by the nesting of arguments.
    """
    if type(value) is list:
        return [_own(item) if type(item) in _MUTABLE else item for item in value]
    if type(value) is dict:
        return {
            name: _own(item) if type(item) in _MUTABLE else item for name, item in value.items()
        }
    return value


def _first_refusal(
    function: Function, arguments: Mapping[str, Any], name: str, problem: str
) -> UnknownArgument | BadArgument:
    """Return what precedes: an argument that is not declared, else ``problem`` of ``name``."""
    for given in arguments:
        if given not in function.parameter_names:
            return UnknownArgument(argument=str(given))
    return BadArgument(argument=name, problem=problem)
