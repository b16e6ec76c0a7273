"""``comity config``: the settings of a node, what they mean and where each comes from.

Invariant: what is shown is what ``comity start`` would run with in the same folder and environment.
"""

import os
from typing import Any

import click

from comity.cli.group import Command, LazyGroup
from comity.cli.output import pairs, table
from comity.cli.session import current
from comity.errors import ConfigError
from comity.node.config import (
    CONFIG_FILE,
    Configured,
    Setting,
    nearest,
    read_config,
    settings,
    stray_variables,
)


@click.group(
    cls=LazyGroup,
    short_help="Explain the settings of a node.",
    examples="""
    comity config explain
    comity config explain port
    """,
)
def config() -> None:
    """Explain the settings of a node: its file comity.toml, COMITY_* variables and flags."""


@config.command(
    cls=Command,
    short_help="Show each setting and where it comes from.",
    examples="""
    comity config explain
    comity config explain query_time_ms
    COMITY_PORT=8080 comity config explain port --json
    """,
)
@click.argument("key", required=False)
def explain(key: str | None) -> None:
    """Show each setting: what it means, what it may be, its value now and where that came from.

    Without KEY, all of them. A later source wins: default, comity.toml, environment, flag of 'comity start'.
    """
    session = current()
    known = settings()
    if key is not None and key not in known:
        hint = nearest(key, list(known)) or " See them all: comity config explain"
        raise ConfigError(f"there is no setting {key}.{hint}")
    configured = read_config(session.node, environment=os.environ)
    for sentence in stray_variables(os.environ):
        session.out.words(f"note  {sentence}")
    if key is not None:
        session.out.data(_one(known[key], configured), _document(known[key], configured))
        return
    rows = [(name, _shown(configured, name), _origin(configured, name)) for name in known]
    text = table(("setting", "value", "from"), rows)
    session.out.data(text, [_document(one, configured) for one in known.values()])
    session.out.words(
        f"next  comity config explain KEY; change one in {session.node / CONFIG_FILE}"
    )


def _one(setting: Setting, configured: Configured) -> str:
    return pairs(
        [
            ("setting", setting.key),
            ("meaning", setting.meaning),
            ("allowed", setting.allowed),
            ("default", shown_value(setting.default)),
            ("value", _shown(configured, setting.key)),
            ("from", _origin(configured, setting.key)),
            ("change", f"{setting.key} = ... in {CONFIG_FILE}, or {setting.variable}"),
        ]
    )


def _document(setting: Setting, configured: Configured) -> dict[str, Any]:
    return {
        "key": setting.key,
        "meaning": setting.meaning,
        "allowed": setting.allowed,
        "default": setting.default,
        "value": getattr(configured.config, setting.key),
        "from": configured.origins[setting.key],
        "variable": setting.variable,
    }


def _shown(configured: Configured, key: str) -> str:
    return shown_value(getattr(configured.config, key))


def _origin(configured: Configured, key: str) -> str:
    return configured.origins[key]


def shown_value(value: int | str | bool) -> str:
    """Return a value as ``comity.toml`` writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else f"{value:_}"
