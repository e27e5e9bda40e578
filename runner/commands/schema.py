"""`mmrun schema`: JSON Schema of the experiment file, for editors."""

import json
from typing import Annotated

import typer


def command(
    machine: Annotated[bool, typer.Option("--machine", help="Schema of a machine file instead.")] = False,
) -> None:
    """Print the JSON Schema (draft-07) of experiment files, with descriptions and units."""
    from mmrun.runner.config.schema import experiment_schema, machine_schema

    print(json.dumps(machine_schema() if machine else experiment_schema(), indent=1))
