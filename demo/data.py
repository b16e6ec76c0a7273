"""The demo's data: a real register, dealt to three organisations."""

import csv
from importlib.resources import files
from pathlib import Path

ORGANISATIONS = ("atlas", "borea", "cirrus")
_LAST_LETTERS = {"atlas": "F", "borea": "T", "cirrus": "Z"}  # of the countries that each one keeps


def deal_airports(folder: Path) -> dict[str, int]:
    """Write the airports register as one file for each organisation, by country; return how many rows each has."""
    text = files("airportsdata").joinpath("airports.csv").read_text("utf-8")
    rows = list(csv.reader(text.splitlines()))
    country = rows[0].index("country")
    return _deal(folder, rows[0], [(_keeper(row[country]), row) for row in rows[1:]])


def deal_file(path: Path, folder: Path) -> dict[str, int]:
    """Write a file of the user's as one file for each organisation, a third of its lines each.

    The lines stay as they are; reading them is the import's work.
    """
    lines = path.read_bytes().splitlines(keepends=True)
    head, body = lines[:1], lines[1:]
    third = -(-len(body) // len(ORGANISATIONS))
    counts = {}
    for number, name in enumerate(ORGANISATIONS):
        part = body[number * third : (number + 1) * third]
        (folder / f"{name}.csv").write_bytes(b"".join(head + part))
        counts[name] = len(part)
    return counts


def _keeper(country: str) -> str:
    return next(name for name in ORGANISATIONS if country[:1] <= _LAST_LETTERS[name])


def _deal(folder: Path, header: list[str], rows: list[tuple[str, list[str]]]) -> dict[str, int]:
    counts = {}
    for name in ORGANISATIONS:
        own = [row for keeper, row in rows if keeper == name]
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *own])
        counts[name] = len(own)
    return counts
