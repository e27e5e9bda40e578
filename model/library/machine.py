"""CPUs and versions that machine code is made for."""

import sys
from functools import cache
from importlib.metadata import version
from typing import Any

import llvmlite.binding as llvm

from mmrun.model.core.frozen import frozen
from mmrun.model.library.key import digest

LEVELS = {  # CPUs that code is shipped for: triple, LLVM's name, what a machine must have to run it
    "x86-64-v3": (
        "x86_64-unknown-linux-gnu", "x86-64-v3",
        ("avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "avx", "popcnt", "sse4.2", "cx16", "sahf"),
    ),
    "aarch64": ("aarch64-unknown-linux-gnu", "generic", ("neon",)),
}  # fmt: skip


@frozen
class Target:
    """A kind of CPU: what LLVM needs to make code for it."""

    triple: str
    cpu: str
    features: str

    @property
    def text(self) -> str:
        """It in a few characters."""
        return digest(f"{self.triple} {self.cpu} {self.features}")[:12]

    def machine(self, jit: bool = True) -> Any:
        """LLVM's code generator for it."""
        static = self.triple.startswith("x86")
        return llvm.Target.from_triple(self.triple).create_target_machine(
            cpu=self.cpu, features=self.features, opt=3, reloc="static" if static else "default",
            codemodel="jitdefault", jit=jit,
        )  # fmt: skip


@cache
def prepare() -> None:
    """Let LLVM make and load code for this machine."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@cache
def here() -> Target:
    """The CPU of this machine."""
    prepare()
    return Target(llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


def shipped(level: str) -> Target:
    """A CPU that code is shipped for, by name; ValueError for others or where this LLVM has no such target."""
    if level not in LEVELS:
        raise ValueError(f"no CPU level {level!r}; known: {', '.join(LEVELS)}")
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    triple, cpu, _ = LEVELS[level]
    try:
        llvm.Target.from_triple(triple)
    except RuntimeError as error:
        raise ValueError(f"this LLVM cannot make code for {level}: {error}") from error
    return Target(triple, cpu, "")


def runs_here(level: str) -> bool:
    """Whether this machine can run code made for a level."""
    prepare()
    triple, _, needed = LEVELS[level]
    features = llvm.get_host_cpu_features()
    same = llvm.get_process_triple().split("-")[0] == triple.split("-")[0] and sys.platform == "linux"
    return same and all(features.get(feature, False) for feature in needed)


@cache
def versions() -> str:
    """What the front end's results depend on besides the kernels: interpreter and packages."""
    packages = ("numba", "llvmlite", "numpy")
    return " ".join([sys.implementation.cache_tag or "", *(f"{name}-{version(name)}" for name in packages)])
