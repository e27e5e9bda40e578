"""What the wheel holds: the packages `model` and `runner`, and `configs/` as the data package `mmrun_configs`."""

from setuptools import find_namespace_packages, setup

NO_CACHES = ["*.__pycache__", "*.__pycache__.*"]
SHIPPED = "model.library.shipped"  # machine code, where `python -m model.library build` has made it
CODE = find_namespace_packages(include=["model", "model.*", "runner", "runner.*"], exclude=NO_CACHES)
CONFIGS = ["mmrun_" + name for name in find_namespace_packages(include=["configs", "configs.*"])]

setup(
    packages=CODE + CONFIGS,
    package_dir={"mmrun_configs": "configs"},
    package_data={name: ["*"] for name in [*CONFIGS, *(name for name in CODE if name == SHIPPED)]},
)
