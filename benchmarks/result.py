"""One measured figure with what it is compared with."""

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, kw_only=True)
class Result:
    """A figure of one case.

    Args:
        case: name of the case; what: what was measured, in words.
        value, unit: of Comity.
        beside: what the baseline is; beside_value: in the same unit, measured in the same run.
        bar: the most that ``ratio`` may be, or ``value`` where there is no baseline; None where no bar was set.
        detail: parts of the figure, by name.
    """

    case: str
    what: str
    value: float
    unit: str
    beside: str = ""
    beside_value: float | None = None
    bar: float | None = None
    detail: dict[str, float | str] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Return value divided by baseline."""
        return self.value / self.beside_value if self.beside_value else None

    @property
    def is_within(self) -> bool | None:
        """Tell whether the bar is met; None where there is none."""
        if self.bar is None:
            return None
        measured = self.value if self.ratio is None else self.ratio
        return measured <= self.bar

    def to_record(self) -> dict[str, object]:
        """Return the figure for a line of JSON."""
        return {**asdict(self), "ratio": self.ratio, "is_within": self.is_within}
