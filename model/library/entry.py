"""What the front end makes of one kernel for arguments of certain types."""

from typing import NamedTuple

from mmrun.model.core.frozen import frozen


class Use(NamedTuple):
    """A callee as its caller saw it: name, codes of its arguments' types and of its result's."""

    name: str
    arguments: str
    result: str


@frozen
class Entry:
    """One kernel, typed and lowered; `module` is its IR as bitcode.

    Types are written as short codes (`mmrun.model.library.codes`). `restype` is numba's own result type, pickled, for
    callers that are compiled later.
    """

    name: str
    arguments: str
    version: str
    result: str
    restype: bytes
    uses: tuple[Use, ...]
    module: bytes

    @property
    def symbol(self) -> str:
        """Its name in machine code."""
        return symbol(self.name, self.arguments)


def symbol(name: str, arguments: str) -> str:
    """The name in machine code of a kernel for arguments of these types."""
    return f"{name}({arguments})"
