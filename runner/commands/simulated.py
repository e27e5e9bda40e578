"""Running a cell for a command: an error of the model ends it in a sentence."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from mmrun.model.api import Outcome
    from mmrun.model.description import Cell


def simulates(command: str) -> "Callable[..., Outcome]":
    """`api.simulate` for the command of this name: a model's error ends it with 1."""

    def simulate(cell: "Cell", **options: Any) -> "Outcome":
        from mmrun.model import api
        from mmrun.runner.execute.work import message

        try:
            return api.simulate(cell, **options)
        except (OSError, MemoryError):
            raise
        except Exception as error:
            typer.echo(f"mmrun {command}: {message(error)}", err=True)
            raise typer.Exit(1) from error

    return simulate
