"""Table files for people to edit: each column on a line, the reason for its type beside it.

Invariant: ``parse_table_file(to_table_file(declarations))`` gives the same declarations back.
"""

import json
from collections.abc import Mapping, Sequence

from comity.client.files.decimals import scaled_text
from comity.client.files.declaration import TableDeclaration, type_words
from comity.model.column import Column


def to_table_file(
    declarations: Sequence[TableDeclaration], comments: Mapping[str, str] | None = None
) -> str:
    """Return the TOML of ``declarations``.

    Args:
        comments: sentence by column name, written after the column.
    """
    return "\n".join(_table(declaration, comments or {}) for declaration in declarations)


def _table(declaration: TableDeclaration, comments: Mapping[str, str]) -> str:
    schema = declaration.schema
    single = [index.columns[0] for index in schema.indexes if len(index.columns) == 1]
    several = [list(index.columns) for index in schema.indexes if len(index.columns) > 1]
    lines = [
        f"[table.{schema.name}]",
        f"key = {_quoted(list(schema.key))}",
        f'preset = "{declaration.preset}"',
    ]
    if schema.history != "all":
        lines.append(f"history = {_quoted(schema.history)}")
    if several:
        lines.append(f"unique = {_quoted(several)}")
    lines += ["", f"[table.{schema.name}.columns]"]
    for column in schema.columns:
        fields = _fields(column, column.name in schema.key, column.name in single)
        line = f"{column.name} = {{ {', '.join(fields)} }}"
        comment = comments.get(column.name, "")
        lines.append(f"{line}  # {_one_line(comment)}" if comment else line)
    return "\n".join(lines) + "\n"


def _fields(column: Column, is_key: bool, is_unique: bool) -> list[str]:
    type_ = column.type
    fields = [f'type = "{type_words(type_)}"']
    if column.required and not is_key:
        fields.append("required = true")
    if is_unique:
        fields.append("unique = true")
    if type_.kind == "text":
        if type_.minimum != 1:
            fields.append(f"min_length = {type_.minimum or 0}")
        fields.append(f"max_length = {type_.maximum}")
    elif type_.is_number:
        bounds = (("min", type_.minimum), ("max", type_.maximum))
        fields += [
            f"{name} = {_number(column, bound)}" for name, bound in bounds if bound is not None
        ]
    elif type_.kind == "enum":
        fields.append(f"values = {_quoted(list(type_.values))}")
    return fields


def _number(column: Column, bound: int) -> str:
    return (
        f'"{scaled_text(bound, column.type.scale)}"'
        if column.type.kind == "decimal"
        else str(bound)
    )


def _quoted(value: object) -> str:
    # JSON's strings and arrays are TOML's too; a schema has no delete character, which differs.
    return json.dumps(value, ensure_ascii=False)


def _one_line(comment: str) -> str:
    return "".join(character if character.isprintable() else " " for character in comment)
