"""`python -m tests.fidelity`: replay every recorded case in the model and write docs/validation.md and its figures."""

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.fidelity.cases import modelled
from tests.fidelity.compare import Result, replay
from tests.fidelity.figures import write_figures
from tests.fidelity.recorded import cases
from tests.fidelity.report import report

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


def main() -> int:
    """Simulate, compare, write."""
    wanted = [case for case in cases() if modelled(case)]
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="mmrun-validation-") as folder:
        for number, case in enumerate(wanted, start=1):
            started = time.perf_counter()
            results.append(replay(case, Path(folder)))
            print(f"{number}/{len(wanted)} {case.name}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    figures = write_figures(results, DOCS / "figures")
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    (DOCS / "validation.md").write_text(report(results, figures, date), encoding="utf-8")
    print(DOCS / "validation.md")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
