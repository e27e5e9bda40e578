"""The `mmrun` command. Each command is a module of `mmrun.runner.commands`, imported when it is used.

Data goes to stdout, talk to stderr. Exit codes: 0 ok, 1 some cells failed or a claim is not met, 2 bad configuration or
usage, 3 the environment, 70 an error of mmrun itself, 130 interrupted, 141 nobody reads the output any more.
"""

import gc
import importlib
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mmrun.model.core.frozen import frozen
from mmrun.runner.config.problems import ConfigErrors, EnvironmentProblem
from mmrun.runner.terminal import give_up, in_words, one_line, screens

COMMANDS = (
    "sweep", "run", "diff", "why", "plan", "check", "status", "report", "sense", "trace", "explain", "schema", "doctor",
)  # fmt: skip
OK, FAILED, BAD_CONFIG, ENVIRONMENT, INTERNAL, INTERRUPTED, UNREAD = 0, 1, 2, 3, 70, 130, 141
HOME = Path(__file__).resolve().parents[1]
PARTS = ("mmrun", "model", "runner")
# What the library of the command line handles itself; its ClickException, which typer does not name, is the third.
USAGE: tuple[Any, ...] = (typer.BadParameter.__mro__[2], typer.Exit, typer.Abort)
REPORT = (
    "Nothing that was stored is lost. Please report this line, with the command and its files; "
    "with MMRUN_DEBUG=1 in the environment the same command shows where it comes from."
)
OBJECTS = 100_000  # made until cycles are looked for, 10 MB or so; reading an experiment makes many and no cycle
# Without markup typer does not import rich, which would be half the time of `mmrun --help`.
PLAIN: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "rich_markup_mode": None}


@frozen
class Direct:
    """Takes an argument's text as text or as a path."""

    kind: type

    def coerce(self, value: Any, param: Any = None, ctx: Any = None) -> Any:
        """The value; None for one that is not given."""
        return value if value is None else self.kind(value)


def direct(parameter: Any) -> Any:
    """The parameter, taken directly where nothing has to be checked.

    Typer converts every value with Pydantic, whose import takes as long as checking an experiment.
    """
    kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    if kind in (bool, str, Path) and parameter.nargs == 1 and getattr(parameter, "_runtime_param", parameter) is None:
        parameter._runtime_param = Direct(kind)
    return parameter


class Command(TyperCommand):
    """One command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its arguments and options, `--help` among them."""
        return [direct(parameter) for parameter in super().get_params(ctx)]


class CommandTable(TyperGroup):
    """The commands by name; turns known exceptions into messages and exit codes."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Options before the command's name."""
        return [direct(parameter) for parameter in super().get_params(ctx)]

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order in which help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"mmrun.runner.commands.{cmd_name}")
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(**PLAIN)
            app.command(cmd_name, cls=Command)(module.command)
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run the command; whatever stops it becomes a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except USAGE:
            raise
        except (Exception, KeyboardInterrupt) as error:
            raise SystemExit(stopped_by(error)) from None


def stopped_by(error: BaseException) -> int:
    """Say what stopped a command; the exit code."""
    if os.environ.get("MMRUN_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, ConfigErrors):
        count = len(error.errors)
        return say(BAD_CONFIG, f"{error}\n{count} error{'s' * (count != 1)}; nothing was run")
    if isinstance(error, KeyboardInterrupt):
        return say(INTERRUPTED, "interrupted")
    if isinstance(error, BrokenPipeError) and error.filename in (None, "standard output"):
        return UNREAD
    if isinstance(error, EnvironmentProblem) or _unusable(error):
        return say(ENVIRONMENT, f"mmrun: {error}")
    if isinstance(error, OSError):
        return say(ENVIRONMENT, f"mmrun: {in_words(error)}")
    if isinstance(error, MemoryError):
        return say(ENVIRONMENT, f"mmrun: not enough memory ({place(error)}); results that are stored are kept")
    what = f"internal error in {place(error)} ({type(error).__name__}: {one_line(str(error), 300)})"
    return say(INTERNAL, f"mmrun: {what}\n{REPORT}")


def _unusable(error: BaseException) -> bool:
    """Whether it is about the cache of kernels; nobody can have raised that who has not imported it."""
    kept = sys.modules.get("mmrun.model.core.kept")
    return kept is not None and isinstance(error, kept.Unusable)


def place(error: BaseException) -> str:
    """FILE:LINE of the last line of ours on the way to the error."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if os.path.relpath(frame.filename, HOME).split(os.sep)[0] in PARTS] or frames
    return f"{os.path.relpath(ours[-1].filename, HOME)}:{ours[-1].lineno}" if ours else "an unknown place"


def say(code: int, text: str) -> int:
    """Print a sentence on stderr, unless that is gone too; the code."""
    try:
        print(text, file=sys.stderr)
    except OSError:
        give_up(sys.stderr)
    return code


app = typer.Typer(
    cls=CommandTable,
    name="mmrun",
    help="A laboratory for Linux memory management: sweeps of machines and policies over one page-accurate model.",
    no_args_is_help=True,
    **PLAIN,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"mmrun {version('mmrun')}")
        except PackageNotFoundError:
            print("mmrun, not installed, from its source tree")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """A laboratory for Linux memory management: sweeps of machines and policies over one page-accurate model."""


def main(argv: list[str] | None = None) -> int:
    """Run `mmrun` with the given arguments (default: those of the process) and return its exit code."""
    with screens():
        try:
            code = _code(argv)
            flush()
        except (Exception, KeyboardInterrupt) as error:
            code = stopped_by(error)
        try:
            flush()
        except OSError:
            give_up(sys.stdout)
        return code


def program() -> int:
    """`main` for a process that ends with it: nothing is looked through once more for cycles that could be freed."""
    gc.set_threshold(OBJECTS)
    code = main()
    gc.freeze()
    return code


def flush() -> None:
    """Write what is held back for stdout; a full disk shows only now."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _code(argv: list[str] | None) -> int:
    try:
        app(args=argv, prog_name="mmrun")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else FAILED if stop.code else OK
    return OK


if __name__ == "__main__":
    sys.exit(program())
