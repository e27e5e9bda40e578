"""What Python calls: which library holds it, and how arguments get there."""

from typing import Any

from model.jit import Hook, Kernel
from model.library import codes, main
from model.library.key import standard
from model.library.entry import symbol
from model.library.key import name
from model.library.link import c_name
from model.library.load import Function, Library
from model.library.machine import here

_functions: dict[tuple[Kernel, str], Function] = {}
_libraries: dict[str, Library] = {}


def call(of: Kernel, args: tuple[Any, ...]) -> Any:
    """Call a kernel from Python."""
    code = codes.of_values(args)
    function = _functions.get((of, code)) if code or not args else None
    if function is None:
        function = _functions[of, code] = _function(of, code, args)
    return function(*args)


def address(of: Hook) -> int:
    """The address of a hook's C entry."""
    library = _library(of, standard(of))
    return library.address(c_name(symbol(name(of), standard(of))))


def _function(of: Kernel, code: str, args: tuple[Any, ...]) -> Function:
    if args and not code:
        from model.library import frontend

        code = frontend.codes_of(frontend.types_of_values(args))
    return _library(of, code).function(symbol(name(of), code), code)


def _library(of: Kernel | Hook, arguments: str) -> Library:
    """The library that shows it: the one of everything built in, or a small one of its own."""
    if main.is_entry(of, arguments):
        return main.main_library()
    wanted = [(of, arguments)]
    path = str(main.file_of(wanted, here()))
    if path not in _libraries:
        _libraries[path] = Library(main.obtain(wanted, here()))
    return _libraries[path]
