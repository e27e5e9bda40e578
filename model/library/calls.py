"""What Python calls: which library holds it, and how arguments get there."""

from typing import Any

from mmrun.model.core.jit import Hook, Kernel
from mmrun.model.library import codes, main
from mmrun.model.library.entry import symbol
from mmrun.model.library.key import name, standard
from mmrun.model.library.link import c_name
from mmrun.model.library.load import Function, Library
from mmrun.model.library.machine import here
from mmrun.model.library.schedule import Root

_libraries: dict[str, Library] = {}


def call(of: Kernel, args: tuple[Any, ...]) -> Any:
    """Call a kernel from Python."""
    code = codes.of_values(args)
    function = of.memo.get(f"called with {code}") if code or not args else None
    if function is None:
        function = of.memo[f"called with {code}"] = _function(of, code, args)
    return function(*args)


def address(of: Hook) -> int:
    """The address of a hook's C entry."""
    arguments = standard(of)
    library = main.main_library() if main.is_entry(of, arguments) else _library(main.siblings(of))
    return library.address(c_name(symbol(name(of), arguments)))


def _function(of: Kernel, code: str, args: tuple[Any, ...]) -> Function:
    if args and not code:
        from mmrun.model.library import frontend

        code = frontend.codes_of(frontend.types_of_values(args))
    library = main.main_library() if main.is_entry(of, code) else _library([(of, code)])
    return library.function(symbol(name(of), code), code)


def _library(wanted: list[Root]) -> Library:
    """A library of these roots alone."""
    path = str(main.file_of(wanted, here()))
    if path not in _libraries:
        _libraries[path] = Library(main.obtain(wanted, here()))
    return _libraries[path]
