import json

import pytest

from comity.testing.page import main


def test_the_page_is_made_of_the_declarations(capsys: pytest.CaptureFixture[str]) -> None:
    """An installed app's page shows its tables, actions and refusals."""
    assert main(["members"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# members\n")
    assert "### `members.invite`" in shown
    assert "## Table `members__member`" in shown


def test_the_schemas_are_json_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows, arguments and results each have a schema by name; what only the machine calls has none."""
    assert main(["members", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["app"] == "members"
    assert found["tables"]["members__member"]["required"]
    assert set(found["actions"]["invite"]) == {"arguments", "result"}
    assert "public_key" in found["actions"]["invite"]["arguments"]["properties"]
    assert "ls" in found["views"]


@pytest.mark.parametrize("arguments", [[], ["--json"], ["nothing"], ["a", "b"], ["--help"]])
def test_what_cannot_be_shown_is_told(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing or unknown name ends with words on standard error."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err
    assert not captured.out
