"""The reference says what the code says."""

import re

import pytest

from comity import limits
from comity.node.config import Config
from comity.node.logs import FIELDS
from comity.node.metrics import COUNTERS, GAUGES, HISTOGRAMS, INFO, PROCESS
from scripts import reference


@pytest.mark.parametrize("page", reference.PAGES)
def test_each_page_is_what_the_code_says(page: str) -> None:
    """A page of the reference is what ``make docs`` would write now."""
    path = reference.FOLDER / page
    assert path.read_text("utf-8") == reference.text_of(page), "run make docs"


def test_the_reference_holds_what_is_there() -> None:
    """No page is left over from something that is gone."""
    pages = (path for path in reference.FOLDER.rglob("*") if path.is_file())
    assert {path.relative_to(reference.FOLDER).as_posix() for path in pages} == set(reference.PAGES)


def test_every_limit_is_on_its_page() -> None:
    """Each constant of the module of limits is listed with its value: the page misses none."""
    listed = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", reference.text_of("limits.md"), re.MULTILINE)
    constants = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert len(constants) > 50
    assert {name: int(value.replace(",", "")) for name, value in listed} == constants


def test_every_setting_metric_and_log_field_is_on_its_page() -> None:
    """Whatever a node can be told, measures or logs is explained: the pages miss none."""
    listed = [
        re.findall(r"^\| `(\w+)` \|", reference.text_of(page), re.MULTILINE)
        for page in ("settings.md", "metrics.md")
    ]
    assert listed[0] == list(Config.__struct_fields__)
    metrics = {*COUNTERS, *GAUGES, *HISTOGRAMS, *PROCESS, INFO}
    assert {*listed[1]} == metrics | {*FIELDS}
    assert len(listed[1]) == len(metrics) + len(FIELDS)
