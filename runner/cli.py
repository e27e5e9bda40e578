"""The `mmrun` command. Each command is a module of `mmrun.runner.commands`, imported when it is used.

Data goes to stdout, talk to stderr. Exit codes: 0 ok, 1 some cells failed or a claim is not met, 2 bad configuration or
usage, 3 the environment, 130 interrupted.
"""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mmrun.model.core.kept import Unusable
from mmrun.runner.config.problems import ConfigErrors, EnvironmentProblem

COMMANDS = ("sweep", "run", "plan", "check", "status", "report", "trace", "explain", "schema", "doctor")
OK, FAILED, BAD_CONFIG, ENVIRONMENT, INTERRUPTED = 0, 1, 2, 3, 130
# Without markup typer does not import rich, which would be half the time of `mmrun --help`.
PLAIN: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "rich_markup_mode": None}


@dataclass(frozen=True)
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
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ConfigErrors as errors:
            print(errors, file=sys.stderr)
            count = len(errors.errors)
            print(f"{count} error{'s' * (count != 1)}; nothing was run", file=sys.stderr)
            raise SystemExit(BAD_CONFIG) from None
        except (EnvironmentProblem, Unusable) as problem:
            print(f"mmrun: {problem}", file=sys.stderr)
            raise SystemExit(ENVIRONMENT) from None
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            raise SystemExit(INTERRUPTED) from None


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
    try:
        app(args=argv, prog_name="mmrun")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else FAILED if stop.code else OK
    return OK


if __name__ == "__main__":
    sys.exit(main())
