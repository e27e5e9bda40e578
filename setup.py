"""What is installed: the folders `model/`, `runner/` and `configs/` as parts of the one package `mmrun`."""

from setuptools import find_namespace_packages, setup

NO_CACHES = ["*.__pycache__", "*.__pycache__.*"]
FOLDERS = ("model", "runner", "configs")
PARTS = [
    name for folder in FOLDERS for name in find_namespace_packages(include=[folder, f"{folder}.*"], exclude=NO_CACHES)
]
# What is not Python: experiments, the recorder's source, and machine code where `python -m mmrun.model.library build`
# has made it.
OTHER = ("model.library.shipped", "model.trace.recorder")
DATA = [name for name in PARTS if name.split(".")[0] == "configs" or name in OTHER]

setup(
    packages=["mmrun", *(f"mmrun.{name}" for name in PARTS)],
    package_dir={"mmrun": "mmrun", **{f"mmrun.{folder}": folder for folder in FOLDERS}},
    package_data={f"mmrun.{name}": ["*"] for name in DATA},
)
