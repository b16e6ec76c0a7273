"""A plugin for pytest: the fixture ``ledger``, on which the application under test runs.

The application is ``app`` of the test's module; else what the setting ``comity_app`` names, as
``package:app``. Nothing of Comity is imported until a test asks for the fixture.

Invariant: a project that has Comity installed and does not use the fixture sees no difference.
"""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from comity.testing.ledger import Ledger

_SETTING = "comity_app"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a project name its application."""
    parser.addini(_SETTING, "application of the fixture `ledger`, as package:app", default="")


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> "Iterator[Ledger]":
    """Give an empty ledger that runs the application under test."""
    from comity.testing.ledger import Ledger  # noqa: PLC0415 - only who asks for it pays for it

    with Ledger(_app_of(request)) as made:
        yield made


def _app_of(request: pytest.FixtureRequest) -> Any:
    from comity.sdk.app import App  # noqa: PLC0415 - only who asks for it pays for it

    named = getattr(request.module, "app", None)
    if isinstance(named, App):
        return named
    setting = request.config.getini(_SETTING)
    if not setting:
        raise pytest.UsageError(
            "the fixture `ledger` does not know the application: import it as `app` in the test's"
            f' module, or set {_SETTING} = "package:app" under [tool.pytest.ini_options]'
        )
    found = _imported(setting)
    if not isinstance(found, App):
        raise pytest.UsageError(f"{_SETTING} = {setting!r}: this is no App")
    return found


def _imported(setting: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - only who asks for it pays for it

    module, colon, name = setting.partition(":")
    if not colon:
        raise pytest.UsageError(f'{_SETTING} = {setting!r}: write "package:app"')
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise pytest.UsageError(f"{_SETTING} = {setting!r}: {error}") from error
