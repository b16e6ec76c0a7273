"""Progress that nobody sees, for tests of what shows it."""

from typing import Self


class Silent:
    """A progress that shows nothing."""

    def __call__(self, title: str, total: int | None = None) -> Self:
        """Begin something."""
        return self

    def __enter__(self) -> type[int]:
        return int

    def __exit__(self, *error: object) -> None:
        pass
