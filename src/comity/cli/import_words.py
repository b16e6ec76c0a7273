"""What an import says: before anything is written, and of the lines that did not become rows.

Invariant: each line that is no row is told with its number and reason, here or in the file of rejects.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from comity.client.files.declaration import TableDeclaration, type_words
from comity.client.files.inference import Inference
from comity.client.files.rejects import Rejects, rejects_path, write_rejects
from comity.client.files.table_writer import to_table_file
from comity.client.files.texts import counted
from comity.client.files.typed_rows import TypedRows
from comity.client.importing import Plan


def declared_lines(
    declaration: TableDeclaration, names: Sequence[str], formats: Mapping[str, str]
) -> list[str]:
    """Return a declared table beside what the file has, a line for each column.

    Args:
        names: columns of the file.
        formats: pattern of days by column, as the file writes them.
    """
    schema = declaration.schema
    columns = [(column.name, type_words(column.type)) for column in schema.columns]
    widths = [max(map(len, cells)) for cells in zip(*columns, strict=True)]
    lines = [f"table {schema.name}, rules {declaration.preset}"]
    for name, words in columns:
        notes = ["key"] if name in schema.key else []
        notes += [f"written {formats[name]} in the file"] if name in formats else []
        notes += ["not in the file"] if name not in names else []
        line = f"  {name.ljust(widths[0])}  {words.ljust(widths[1])}  {', '.join(notes)}"
        lines.append(line.rstrip())
    return lines


def dry_words(plan: Plan, rows: TypedRows, rejects: Rejects) -> str:
    """Return what an import into a table that is there would do."""
    if rows.is_numbered:
        return f"would add {counted(sum(1 for _ in rows.rows()), 'row')}"
    note = f"  (unlike in the file: {plan.differing:,}; --update)" if plan.differing else ""
    return (
        f"would: +{len(plan.adds):,} add  ~{len(plan.changes):,} change  ={plan.same:,} same"
        f"  !{len(rejects):,} reject{note}"
    )


def dry_document(plan: Plan, rejects: Rejects) -> dict[str, int]:
    """Return the same for ``--json``."""
    return {
        "adds": len(plan.adds),
        "changes": len(plan.changes),
        "same": plan.same,
        "differing": plan.differing,
        "rejected": len(rejects),
    }


def write_declaration(file: Path, declaration: TableDeclaration, inference: Inference) -> str:
    """Write a table file to edit beside ``file``, if there is none; return what was done, in words."""
    path = file.with_suffix(".table.toml")
    if path.exists():
        return f"{path} stands as it is"
    try:
        path.write_text(to_table_file([declaration], inference.comments), encoding="utf-8")
    except OSError as error:
        return f"{path}, to edit, cannot be written ({error.strerror})"
    return f"wrote {path} to edit, for --declaration {path}"


def rejected_words(file: Path, titles: Sequence[str], rejects: Rejects) -> str:
    """Write the rejects beside ``file``; return how many, why the first, and where all are."""
    path, first = rejects_path(file), rejects[0]
    where = f"all in {path}"
    try:
        write_rejects(path, titles, rejects)
    except OSError as error:
        where = f"{path}, for all of them, cannot be written ({error.strerror})"
    return (
        f"rejected {counted(len(rejects), 'line')}, the first is line {first.line}:"
        f" {first.reason}; {where}"
    )
