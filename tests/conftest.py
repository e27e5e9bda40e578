"""Options and marks of the test suite.

`--slow` also runs tests that take minutes. `NUMBA_BOUNDSCHECK=1` (what `make test` sets) runs every kernel with array
bounds checks; kernels compiled with and without them are cached apart.
"""

import importlib.util
import os

import pytest

# Small machines share cores with Ray's workers; a test must not depend on numba's or BLAS's threads either.
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(threads, "1")
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run tests marked slow")


def pytest_report_header(config: pytest.Config) -> str:
    checked = os.environ.get("NUMBA_BOUNDSCHECK") == "1"
    return f"kernels: array bounds {'checked' if checked else 'not checked (NUMBA_BOUNDSCHECK=1 checks them)'}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    absent = {"slow": "takes minutes; --slow runs it"} if not config.getoption("--slow") else {}
    for mark, package in (("oracle", "libcachesim"), ("ray", "ray")):
        if importlib.util.find_spec(package) is None:
            absent[mark] = f"{package} is not installed"
    for item in items:
        for mark, reason in absent.items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))
