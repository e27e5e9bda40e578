"""`python -m tests.fidelity`: replay every recorded case in the model and write docs/validation.md and its figures."""

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tests.fidelity import contiguity
from tests.fidelity.cases import modelled
from tests.fidelity.compare import Result, replay
from tests.fidelity.figures import write_figures
from tests.fidelity.recorded import Case, cases
from tests.fidelity.report import report

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


def main() -> int:
    """Simulate, compare, write."""
    wanted = [case for case in cases() if modelled(case)]
    results: list[Result] = []
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="mmrun-validation-") as folder, ProcessPoolExecutor() as pool:
        for number, result in enumerate(pool.map(_replay, wanted, [folder] * len(wanted)), start=1):
            results.append(result)
            passed = time.perf_counter() - started
            print(f"{number}/{len(wanted)} {result.case.name}: after {passed:.0f} s", file=sys.stderr)
    figures = write_figures(results, DOCS / "figures")
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    (DOCS / "validation.md").write_text(report(results, figures, date), encoding="utf-8")
    print(DOCS / "validation.md")
    print(contiguity.write())
    return 0


def _replay(case: Case, folder: str) -> Result:
    """In a process of its own, which derives its traces in a folder of its own."""
    own = Path(folder) / str(os.getpid())
    own.mkdir(exist_ok=True)
    return replay(case, own)


if __name__ == "__main__":
    raise SystemExit(main())
