"""Lines that a node writes: what they hold, and what they can never hold."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from comity.errors import ConfigError, InvariantViolated, Malformed
from comity.limits import LOG_VALUE_CHARS_MAX, REQUEST_ID_CHARS_MAX
from comity.node.logs import FIELDS, REQUEST, Log, capture_libraries, new_request_id
from comity.store.store import Store


@pytest.fixture
def libraries() -> Iterator[None]:
    """Give the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def _written(log_stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log_stream.getvalue().splitlines()]


def test_json_is_one_object_a_line() -> None:
    """Each event is one line of JSON with time, level, event and fields."""
    stream = io.StringIO()
    log = Log(stream, is_json=True)
    log.info("block", height=4, outcome="line\nbreak")
    log.warning("busy", limit="in_flight_max")
    first, second = _written(stream)
    assert str(first.pop("time")).endswith("Z")
    assert first == {"level": "info", "event": "block", "height": 4, "outcome": "line break"}
    assert second["limit"] == "in_flight_max"


def test_words_are_one_line_an_event() -> None:
    """On a terminal an event is a line of words, whatever its fields hold."""
    stream = io.StringIO()
    Log(stream).info("block", reason="a\x1b[31m\nb\u2028c")
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("info    block      reason a [31m b c\n")


def test_a_field_that_is_not_declared_is_refused() -> None:
    """No line can hold a field that nobody agreed to: a secret or an argument has no name here."""
    stream = io.StringIO()
    for name in ("passphrase", "token", "arguments", "row", "key", "body"):
        assert name not in FIELDS
        with pytest.raises(ValueError, match="has no field"):
            Log(stream).debug("call", **{name: "value"})
    assert stream.getvalue() == ""


def test_only_the_asked_level_is_written() -> None:
    """Events below the level are not written."""
    stream = io.StringIO()
    log = Log(stream, level="warning")
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d")
    assert [line.split()[2] for line in stream.getvalue().splitlines()] == ["c", "d"]


def test_a_long_value_is_cut() -> None:
    """A field is bounded, so a line is."""
    stream = io.StringIO()
    Log(stream, is_json=True).info("a", reason="x" * 10_000)
    assert len(str(_written(stream)[0]["reason"])) == LOG_VALUE_CHARS_MAX


def test_lines_carry_the_id_of_their_request() -> None:
    """Inside of a request each line has its id; outside none."""
    stream = io.StringIO()
    log = Log(stream, is_json=True)
    token = REQUEST.set("abc")
    log.info("inside")
    REQUEST.reset(token)
    log.info("outside")
    inside, outside = _written(stream)
    assert inside["request"] == "abc"
    assert "request" not in outside


@pytest.mark.parametrize(
    "given", [None, "", "a b", "a\nb", "x" * (REQUEST_ID_CHARS_MAX + 1), "é", '"']
)
def test_an_unfit_request_id_is_replaced(given: str | None) -> None:
    """What a caller gives as an id cannot break a line or a header."""
    assert new_request_id(given) != given
    assert len(new_request_id(given)) == 16


def test_a_fit_request_id_is_kept() -> None:
    """A short plain id is the caller's own, so that both find the same line."""
    assert new_request_id("a-1.B_2") == "a-1.B_2"
    assert new_request_id() != new_request_id()


def test_a_stream_that_fails_does_not_stop_the_node() -> None:
    """A closed pipe or a full disk under the log loses lines, which are counted."""
    stream = io.StringIO()
    stream.close()
    log = Log(stream)
    log.info("a")
    log.error("b")
    assert log.lost_count == 2


def test_an_error_is_told_without_what_it_may_hold() -> None:
    """Of an error that is not Comity's own only class and place are told: its text may hold a row."""
    stream = io.StringIO()
    log = Log(stream, is_json=True)
    log.fault("a", KeyError("secret row"))
    log.fault("a", Malformed("'secret row' is no date"))
    log.fault("b", InvariantViolated("an earlier write failed"))
    log.fault("c", OSError(28, "No space left on device", "secret-name"))
    try:
        Store.in_memory().versions("no table")
    except KeyError as error:
        log.fault("d", error)
    assert "secret" not in stream.getvalue()
    first, malformed, own, full, inside = _written(stream)
    assert (first["error"], "reason" in first) == ("KeyError", False)
    assert (malformed["error"], "reason" in malformed) == ("Malformed", False)
    assert own["reason"] == "an earlier write failed"
    assert full["reason"] == "No space left on device"
    assert str(inside["where"]).startswith("store/store.py:")


def test_the_place_of_an_error_leads_from_the_innermost_frame_outward() -> None:
    """Where an error arose and who called that is told, so that a fault can be found from its line."""
    stream = io.StringIO()
    try:
        Store.open("/nowhere/node.sqlite")
    except ConfigError as error:
        Log(stream, is_json=True).fault("a", error)
    (line,) = _written(stream)
    frames = str(line["where"]).split(" < ")
    assert len(frames) >= 2
    assert all(frame.startswith("store/store.py:") for frame in frames)


@pytest.mark.usefixtures("libraries")
def test_libraries_speak_through_the_log() -> None:
    """Warnings of libraries are lines of the same form; the text of an exception is left out."""
    stream = io.StringIO()
    capture_libraries(Log(stream, is_json=True))
    other = logging.getLogger("some.library")
    other.info("not told")
    other.warning("slow: %s", "reader")
    try:
        raise RuntimeError("secret row")
    except RuntimeError:
        other.exception("request failed")
    try:
        raise InvariantViolated("a page is lost")
    except InvariantViolated:
        other.exception("engine")
    warned, failed, stopped = _written(stream)
    assert (warned["source"], warned["reason"]) == ("some.library", "slow: reader")
    assert (failed["error"], failed["reason"]) == ("RuntimeError", "request failed")
    assert (stopped["error"], stopped["reason"]) == ("InvariantViolated", "engine: a page is lost")
    assert "secret" not in stream.getvalue()


def test_the_form_follows_the_stream() -> None:
    """``auto`` is JSON where nobody sits at a terminal, and words where somebody does."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, form, is_json in (
        (io.StringIO(), "auto", True),
        (Terminal(), "auto", False),
        (Terminal(), "json", True),
        (io.StringIO(), "text", False),
    ):
        Log.from_settings("info", form, stream).info("a")
        assert stream.getvalue().startswith("{") is is_json
