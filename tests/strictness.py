"""A pytest plugin for CI: a skipped test fails, since it tested nothing.

A user's machine may lack something (a second Python, say); there the skip and its reason are shown.
Invariant: with ``CI=true`` no outcome of a run is "skipped", unless ``SKIPS_ALLOWED`` names it.
"""

import os
from collections.abc import Generator

import pytest

SKIPS_ALLOWED: dict[str, str] = {}  # test id -> why it may be skipped in CI

IS_CI = os.environ.get("CI") == "true"


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    is_expected_failure = hasattr(report, "wasxfail")
    if IS_CI and report.skipped and not is_expected_failure and report.nodeid not in SKIPS_ALLOWED:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be missing: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test into a failure."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole module into a failure."""
    report = yield
    _fail_if_skipped(report)
    return report
