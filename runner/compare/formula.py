"""The formula of a derived metric as factors, each a sum of metrics: what can be taken apart exactly."""

import ast
from collections.abc import Iterator
from fractions import Fraction

from mmrun.runner import metrics

Sum = dict[str, Fraction]
"""Coefficients by metric; a number stands under the empty name."""
Factor = tuple[Sum, int]
"""A sum, and the power that it has: 1 or -1."""


def factors(name: str) -> list[Factor]:
    """A metric as factors, numbers multiplied into the first; of one without a formula itself."""
    scoped = metrics.PREFIX.fullmatch(name)
    expression = metrics.metric(name).expression
    if expression is None:
        return [({name: Fraction(1)}, 1)]
    found = list(_factors(ast.parse(expression, mode="eval").body, 1))
    scale = Fraction(1)
    for total, power in found:
        if set(total) == {""}:
            scale *= total[""] ** power
    sums = [(total, power) for total, power in found if set(total) != {""}]
    first = next(place for place, (_, power) in enumerate(sums) if power > 0)
    prefix = f"{scoped[1]}." if scoped else ""
    return [
        ({prefix + each if each else each: number * (scale if place == first else 1) for each, number in total.items()},
         power)
        for place, (total, power) in enumerate(sums)
    ]  # fmt: skip


def _factors(node: ast.expr, power: int) -> Iterator[Factor]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        yield from _factors(node.left, power)
        yield from _factors(node.right, -power if isinstance(node.op, ast.Div) else power)
    else:
        yield _sum(node), power


def _sum(node: ast.expr) -> Sum:
    if isinstance(node, ast.Constant):
        return {"": Fraction(str(node.value))}
    if isinstance(node, ast.Name):
        return {node.id: Fraction(1)}
    assert isinstance(node, ast.BinOp), ast.dump(node)
    left, right = _sum(node.left), _sum(node.right)
    sign = -1 if isinstance(node.op, ast.Sub) else 1
    return left | {name: left.get(name, Fraction(0)) + sign * number for name, number in right.items()}
