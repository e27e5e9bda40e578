"""Running a policy of one's own: its modules see each other by the names they import, and nobody else sees them.

Each is kept in `sys.modules` under a name that holds the digest of the whole policy. So two policies with helpers of
one name do not meet, an edited one is another module, and so are its kernels: a kernel's machine code is looked up by
its module's name, among other things (`mmrun.model.library.key`). The text that runs is the very text that was hashed.
"""

import builtins
import importlib.util
import sys
from types import ModuleType
from typing import Any

from mmrun.model.sources.outside import PACKAGE, Outside, is_outside


class OutsideModules:
    """The modules of one policy, each run when it is first imported. `prefix`: the policy's name in `sys.modules`."""

    def __init__(self, policy: Outside, prefix: str) -> None:
        self.policy, self.prefix = policy, prefix
        names = [name.removesuffix(PACKAGE) for name in policy.sources if name]
        self.known = {name[:end] for name in names for end in (*_dots(name), len(name))}
        self.builtins = {**vars(builtins), "__import__": self.imported}

    def main(self) -> ModuleType:
        """The policy itself. Whatever its text raises; ImportError where it brought in what its text does not show."""
        full = self.prefix
        if full not in sys.modules:
            before = set(sys.modules)
            module = self.module("")
            strangers = [name for name in set(sys.modules) - before if is_outside(sys.modules[name], self.prefix)]
            if strangers:
                del sys.modules[full]
                raise ImportError(f"{min(strangers)} was imported in a way that cannot be read from the text")
            return module
        return sys.modules[full]

    def module(self, name: str) -> ModuleType:
        """A module of the policy, run if it has not been; a folder without a file is an empty one."""
        full = f"{self.prefix}.{name}" if name else self.prefix
        if full in sys.modules:
            return sys.modules[full]
        home = self.policy.home(name)
        module = ModuleType(full)
        package = home.endswith(PACKAGE) or (bool(name) and not home)
        module.__package__ = full if package else full.rpartition(".")[0] if "." in name else ""
        vars(module)["__builtins__"] = self.builtins
        if package:
            module.__path__ = []
        sys.modules[full] = module
        try:
            if home or not name:
                file = str(self.policy.files[home])
                module.__file__ = file
                exec(compile(self.policy.sources[home], file, "exec", dont_inherit=True), vars(module))
        except BaseException:
            del sys.modules[full]
            raise
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(self.module(parent), last, module)
        return module

    def imported(
        self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> ModuleType:
        """What an import statement in one of the modules gets: another of them, else what everybody gets."""
        package = (globals or {}).get("__package__") or ""
        if level and package.startswith(self.prefix + "."):
            name = importlib.util.resolve_name("." * level + name, package).removeprefix(self.prefix + ".")
        elif level or name.split(".")[0] not in self.known:
            return builtins.__import__(name, globals, locals, fromlist, level)
        if name not in self.known:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        found = [self.module(name[:end]) for end in (*_dots(name), len(name))]
        for each in fromlist or ():
            if f"{name}.{each}" in self.known and not hasattr(found[-1], each):
                self.module(f"{name}.{each}")
        return found[-1] if fromlist else found[0]


def _dots(name: str) -> list[int]:
    return [at for at, letter in enumerate(name) if letter == "."]
