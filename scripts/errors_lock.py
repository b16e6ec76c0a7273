"""Give the numbers of new refusals a line in ``errors.lock``; says what departs from it otherwise.

Run it as ``.venv/bin/python scripts/errors_lock.py`` after declaring a refusal.
"""

import sys
from pathlib import Path

from comity.sdk.load import load_apps
from comity.sdk.lock import extended, problems_of
from comity.sdk.standard import STANDARD

LOCK = Path(__file__).parents[1] / "errors.lock"


def main() -> int:
    """Write the lock anew and return the exit code: 1 when a number was reused or removed."""
    apps = load_apps(distribution="comity").values()
    refusals = [*STANDARD, *(one for app in apps for one in app.declaration.refusals.values())]
    LOCK.write_text(extended(LOCK.read_text(), refusals))
    problems = problems_of(LOCK.read_text(), refusals)
    print("\n".join(problems) or f"{LOCK.name} names every refusal")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
