"""`python -m tests.faults [NAME ...]`: disturb sweeps in every way there is, resume them, print what became of each.

Exit status 1 if a sweep did not end as it should. Takes about a quarter of an hour on two cores.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.cases import FAULTS, Fault
from tests.faults.sweeps import Outcome, Sweep, undisturbed, write_config

REPLICATES = 200  # enough for a sweep to outlast what is done to it
HEADER = """\
| fault | exit | after s | kept / at fault | run again | says | left | verdict |
|---|---:|---:|---:|---:|---|---|---|"""


def main(names: list[str]) -> int:
    """Run the named faults, or all."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="mmrun-faults-") as folder:
        config = write_config(Path(folder), REPLICATES)
        expected = undisturbed(config, Path(folder) / "undisturbed")
        print(HEADER, flush=True)
        for number, fault in enumerate(FAULTS):
            if names and fault.name not in names:
                continue
            out = Path(folder) / f"out-{number}"
            sweep = Sweep(config, out, "--workers", "2")
            try:
                fault.happen(sweep)
                found = sweep.resume(expected)
                wrong = fault.as_it_should(found, 4 * REPLICATES)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                found, wrong = sweep.outcome, f"not done: {error}"
            finally:
                if out.is_mount():
                    subprocess.run(["umount", str(out)], check=True)
            failed += bool(wrong)
            print(row(fault, found, wrong), flush=True)
    return int(failed > 0)


def row(fault: Fault, found: Outcome, wrong: str) -> str:
    """A line of the table."""
    said = next((line for line in found.said if fault.says and fault.says in line), "")
    left = f"{len(found.left)} processes, {found.litter} files" if found.left or found.litter else "nothing"
    kept = f"{found.kept} / {found.at_fault}"
    verdict = wrong or "as it should"
    return (
        f"| {fault.name} | {found.exit} | {found.seconds:.1f} | {kept} | {found.again} | {said} | {left} | {verdict} |"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
