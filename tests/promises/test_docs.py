"""What README and docs show is true: commands run and print that, links lead somewhere."""

from pathlib import Path

import pytest

from tests.docs_pages import PageError, broken_links, pages_below, parse, unkept_commands
from tests.docs_runner import matches, problems

ROOT = Path(__file__).parents[2]
PAGES = [path.relative_to(ROOT).as_posix() for path in pages_below(ROOT)]


def _site(root: Path, readme: str, **pages: str) -> Path:
    (root / "docs").mkdir()
    (root / "README.md").write_text(readme, encoding="utf-8")
    for name, text in pages.items():
        (root / f"docs/{name}.md").write_text(text, encoding="utf-8")
    return root


def _page(*commands: str, above: str = "") -> str:
    return "\n".join(["# Page", above, "```console", *commands, "```", ""])


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_each_page_shows_what_happens(name: str) -> None:
    """Each command of a page exits and prints as the page shows."""
    assert not list(problems((ROOT / name).read_text("utf-8")))


def test_each_command_has_its_keeper() -> None:
    """What a page says another file runs, that file runs."""
    assert not list(unkept_commands(ROOT))


def test_each_link_leads_somewhere() -> None:
    """Links between pages, and to their headings, lead to something."""
    assert not list(broken_links(ROOT))


@pytest.mark.parametrize("name", PAGES)
def test_each_page_can_be_read(name: str) -> None:
    """Each test comment is understood, each console block has commands, each page has a reason."""
    page = parse((ROOT / name).read_text("utf-8"))
    commands = [list(block.commands()) for block in page.blocks if block.is_console]
    assert all(commands)
    assert not page.not_run or len(page.not_run) > 10


@pytest.mark.parametrize(
    ("page", "is_true"),
    [
        (_page("$ echo one", "one"), True),
        (_page("$ echo one", "two"), False),
        (_page("$ echo one"), False),
        (_page("$ true", "one"), False),
        (_page("$ false"), False),
        (_page("$ echo no; exit 3", "no", above="<!-- test: exit 3 -->"), True),
        (_page("$ true", above="<!-- test: exit 3 -->"), False),
        (_page("$ no-such-command-here", above="<!-- test: not run: it is not here -->"), True),
        (_page("$ echo one >&2", "one"), True),
        (_page("$ export A=1; mkdir b; cd b", '$ echo "$A ${PWD##*/}"', "1 b"), True),
        (_page("$ echo a \\", "> b", "a b"), True),
        (_page("$ comity --no-such-option", "..."), False),
        (
            "<!-- test: file a/b.txt -->\n```text\nin b\n```\n" + _page("$ cat a/b.txt", "in b"),
            True,
        ),
        ("<!-- test: page not run: it needs a server -->\n" + _page("$ false"), True),
        ("  ```console\n  $ echo indented\n  indented\n  ```\n", True),
        ("```python\n$ false\n```\n", True),
    ],
)
def test_the_runner_tells_true_pages_from_false_ones(page: str, *, is_true: bool) -> None:
    """A planted page that shows something else than what happens is found, a true one is not."""
    assert (not list(problems(page))) is is_true


@pytest.mark.parametrize(
    ("expected", "printed", "is_match"),
    [
        (("a ... z",), "a b c z\n", True),
        (("a ... z",), "a b c\n", False),
        (("a", "...", "z"), "a\nb\nc\nz\n", True),
        (("a", "...", "z"), "a\nz\n", True),
        (("a", "..."), "b\n", False),
        (("id <hex>",), "id 00ff\n", True),
        (("id <hex>",), "id 00xy\n", False),
        (("<number> rows",), "28,298 rows\n", True),
        (("<number> rows",), "no rows\n", False),
        (("at <time>",), "at 2026-11-22T21:40:11Z\n", True),
        (("at <time>",), "at 2026-11-22\n", False),
        (("a.c",), "abc\n", False),
        ((), "", True),
        ((), "a\n", False),
    ],
)
def test_placeholders_stand_for_what_they_say(
    expected: tuple[str, ...], printed: str, *, is_match: bool
) -> None:
    """Dots, hex and numbers match what they are for and nothing else."""
    assert matches(expected, printed) is is_match


@pytest.mark.parametrize(
    "page",
    [
        _page("$ true", above="<!-- test: not run: -->"),
        _page("$ true", above="<!-- test: not run: no -->"),
        _page("$ true", above="<!-- test: nonsense -->"),
        _page("$ true", above="<!-- test: exit one -->"),
        "<!-- test: exit 1 -->\n\n" + _page("$ true"),
    ],
)
def test_a_test_comment_that_says_nothing_is_found(page: str) -> None:
    """An unknown comment, one without a reason, and one above nothing are errors."""
    with pytest.raises(PageError):
        parse(page)


def test_a_page_may_leave_a_process_running(tmp_path: Path) -> None:
    """What a page started in the background is there for its next commands, and ended with the page."""
    file = tmp_path / "process"
    page = _page(f"$ sleep 1000 >/dev/null 2>&1 & echo $! >{file}", f"$ kill -0 $(cat {file})")
    assert not list(problems(page))
    state = Path(f"/proc/{file.read_text('utf-8').strip()}/stat")
    assert not state.exists() or state.read_text("utf-8").split()[2] == "Z"


def test_a_node_of_a_page_has_a_port_of_its_own() -> None:
    """A page says 7080; its node gets a free port, which no other command and no reader sees."""
    page = _page(
        "$ echo comity start at localhost:7080, $COMITY_PORT",
        "comity start at localhost:7080, 7080",
        "$ echo ${COMITY_PORT:-none}",
        "none",
    )
    assert not list(problems(page))


def test_output_without_a_command_is_found() -> None:
    """A console block that does not start with a command would test nothing."""
    with pytest.raises(PageError):
        list(problems(_page("true")))


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """A link to a missing page or heading is found; good ones, and outside ones, are not."""
    good = "[a](docs/a.md) [b](docs/a.md#the-title) [c](#start) [d](https://a.example)\n# Start\n"
    bad = "[e](docs/e.md) [f](docs/a.md#other) `[g](docs/g.md)`\n"
    root = _site(tmp_path, good + bad, a="# The `title`\n[h](../README.md)\n")
    assert list(broken_links(root)) == [
        "README.md:3: there is no docs/e.md",
        "README.md:3: there is no heading docs/a.md#other",
    ]


def test_a_command_without_a_keeper_is_found(tmp_path: Path) -> None:
    """A page cannot claim that a file runs a command which it does not name."""
    page = _page("$ make one", "$ make two", above="<!-- test: run by keeper -->")
    (tmp_path / "keeper").write_text("make one\n", encoding="utf-8")
    assert list(unkept_commands(_site(tmp_path, page))) == [
        "README.md:5: keeper does not run 'make two'"
    ]
