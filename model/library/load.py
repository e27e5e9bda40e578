"""An object file becomes addresses in this process, and functions that Python can call."""

import ctypes
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from mmrun.model.core.frozen import frozen
from mmrun.model.core.guard import described
from mmrun.model.library.codes import dimensions, split
from mmrun.model.library.machine import here

OBVAL = 24  # where numpy's scalar of a record keeps the address of its data (CPython, 64 bits)
NO_ERROR = (0, -2)  # numba's status for a result, and for None


@frozen
class Image:
    """A library as it is kept on disk: machine code, and the result codes of the symbols it shows."""

    code: bytes
    results: dict[str, str]


_loaded: list["Library"] = []


class Library:
    """Machine code in this process, for as long as the process lives: hook tables hold its addresses."""

    def __init__(self, image: Image) -> None:
        machine = here().machine()
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self.engine.add_object_file(llvm.ObjectFileRef.from_data(image.code))
        self.engine.finalize_object()
        self.results = image.results
        _loaded.append(self)

    def address(self, symbol: str) -> int:
        """Where the code of a symbol is; KeyError if the library does not show it."""
        self.results[symbol]
        return int(self.engine.get_function_address(symbol))

    def function(self, symbol: str, arguments: str) -> "Function":
        """What Python can call."""
        return Function(self.address(symbol), arguments, self.results[symbol])


class Function:
    """A kernel as numba compiles them: pointers to result and exception, then the arguments; answers a status."""

    def __init__(self, address: int, arguments: str, result: str) -> None:
        self.passed = [_passed(code) for code in split(arguments)]
        kinds = [kind for _, passed in self.passed for kind in passed]
        self.call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *kinds)(address)
        self.result = _result(result)

    def __call__(self, *values: Any) -> Any:
        answer, described = self.result(), ctypes.c_void_p()
        passed: list[Any] = []
        for value, (spread, _) in zip(values, self.passed, strict=True):
            passed += spread(value)
        status = self.call(ctypes.addressof(answer), ctypes.addressof(described), *passed)
        if status not in NO_ERROR:
            raise _exception(described.value, status)
        return _plain(answer)


def address_of(record: Any) -> int:
    """Where the data of a numpy record is. numpy's own way spells the type out, which takes a millisecond."""
    if _SCALAR_AS_KNOWN:
        return int(ctypes.c_void_p.from_address(id(record) + OBVAL).value or 0)
    return int(record.__array_interface__["data"][0])


def _scalar_as_known() -> bool:
    small = np.zeros(2, np.dtype([("a", "i8")])).view(np.recarray)[1]
    return bool(ctypes.c_void_p.from_address(id(small) + OBVAL).value == small.__array_interface__["data"][0])


_SCALAR_AS_KNOWN = _scalar_as_known()


def _array(value: np.ndarray) -> list[int | None]:
    """Numba's array: owner and its reference, number and size of elements, data, shape and strides."""
    return [None, None, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides]


_PASSED: dict[str, tuple[Any, list[Any]]] = {
    "M": (lambda value: [address_of(value)], [ctypes.c_void_p]),
    "R": (lambda value: [address_of(value)], [ctypes.c_void_p]),
    "i": (lambda value: [int(value)], [ctypes.c_int64]),
    "u": (lambda value: [int(value)], [ctypes.c_uint64]),
    "f": (lambda value: [float(value)], [ctypes.c_double]),
    "A": (_array, [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 2 + [ctypes.c_void_p]),
}
_RESULTS = {"i": ctypes.c_int64, "u": ctypes.c_uint64, "f": ctypes.c_double, "b": ctypes.c_bool, "n": ctypes.c_void_p}


def _passed(code: str) -> tuple[Any, list[Any]]:
    """How a value is passed: what is made of it, and the C types of that."""
    if code[0] == "A":
        return _array, [*_PASSED["A"][1], *[ctypes.c_int64] * (2 * dimensions(code))]
    if code[0] not in _PASSED:
        raise TypeError(f"Python cannot pass an argument of type {code}")
    return _PASSED[code[0]]


def _result(code: str) -> Any:
    """The C type of a result."""
    if code.startswith("("):
        fields = [(f"f{i}", _result(inner)) for i, inner in enumerate(split(code[1:-1]))]
        return type("Tuple", (ctypes.Structure,), {"_fields_": fields})
    if code.startswith("N"):
        return np.ctypeslib.as_ctypes_type(np.dtype(code[1:-1]))
    if code not in _RESULTS:
        raise TypeError(f"Python cannot take a result of type {code}")
    return _RESULTS[code]


def _plain(answer: Any) -> Any:
    """The Python value of a result."""
    if isinstance(answer, ctypes.Structure):
        return tuple(getattr(answer, name) for name, *_ in answer._fields_)
    return None if isinstance(answer, ctypes.c_void_p) else answer.value


def _exception(address: int | None, status: int) -> BaseException:
    """The exception that a kernel raised, with its place."""
    if not address or status <= 0:
        return SystemError(f"a kernel ended with status {status}")
    raised = described(address)
    error: Any = raised.kind(*raised.arguments)
    error.place = raised.place
    if raised.place:
        error.add_note(f"raised in {raised.place}")
    found: BaseException = error
    return found
