"""Operations on configuration trees: merging, reading and setting dotted paths. Trees never change; copies share parts.

`null` means "not set": merged over a value it removes the value, so that the default holds again.
"""

from collections.abc import Callable, Iterator
from typing import Any

from mmrun.runner.config.problems import Place
from mmrun.runner.config.yaml_nodes import Item, Mapping, Scalar, Sequence

Dotted = tuple[str, ...]


class PathError(ValueError):
    """A dotted path that leads nowhere in a tree; the text says why."""


def is_null(item: Item | None) -> bool:
    """Whether the item is an explicit null."""
    return isinstance(item, Scalar) and item.value is None


def merge(base: Mapping, over: Mapping) -> Mapping:
    """`over` laid on `base`: mappings merge key by key, everything else is replaced, null removes."""
    items, keys = dict(base.items), dict(base.keys)
    for key, item in over.items.items():
        old = items.get(key)
        keys[key] = over.keys[key]
        if is_null(item) and old is not None:
            del items[key], keys[key]
        elif isinstance(item, Mapping) and isinstance(old, Mapping):
            items[key] = merge(old, item)
        else:
            items[key] = item
    return Mapping(over.place, items, keys)


def without(tree: Mapping, *names: str) -> Mapping:
    """The mapping without some keys."""
    left = {key: item for key, item in tree.items.items() if key not in names}
    return Mapping(tree.place, left, {key: tree.keys[key] for key in left})


def replace_key(tree: Mapping, key: str, item: Item | None, place: Place) -> Mapping:
    """The mapping with `key` set, or removed when `item` is None."""
    items, keys = dict(tree.items), dict(tree.keys)
    items.pop(key, None)
    keys.pop(key, None)
    if item is not None:
        items[key], keys[key] = item, place
    return Mapping(tree.place, items, keys)


def expand(tree: Mapping, path: Dotted) -> list[Dotted]:
    """The paths that `path` stands for: `*` matches every key or index that is there. PathError when none is."""
    found: list[Dotted] = [()]
    for depth, part in enumerate(path):
        if part != "*":
            found = [(*known, part) for known in found]
            continue
        found = [(*known, child) for known in found for child in children(find(tree, known))]
        if not found:
            raise PathError(f"`{'.'.join(path)}`: nothing to match at `{'.'.join(path[: depth + 1])}`")
    return found


def children(item: Item | None) -> list[str]:
    """Keys of a mapping, indexes of a list, nothing for other values."""
    if isinstance(item, Mapping):
        return list(item.items)
    return [str(index) for index in range(len(item.items))] if isinstance(item, Sequence) else []


def find(item: Item | None, path: Dotted) -> Item | None:
    """The item at a path, or None."""
    for part in path:
        if isinstance(item, Mapping):
            item = item.items.get(part)
        elif isinstance(item, Sequence) and (at := index(part, item)) is not None:
            item = item.items[at]
        else:
            return None
    return item


def index(part: str, items: Sequence) -> int | None:
    """The part of a path as an index of a list; None for what is none, such as `²` or five thousand digits."""
    found = int(part) if part.isascii() and part.isdecimal() and len(part) < 9 else len(items.items)
    return found if found < len(items.items) else None


def place_of(item: Item, *path: str | int) -> Place:
    """The place of the deepest existing part of a path, of its key when the last step is a key."""
    place = item.place
    for part in path:
        if isinstance(item, Mapping) and str(part) in item.items:
            place, item = item.keys[str(part)], item.items[str(part)]
        elif isinstance(item, Sequence) and isinstance(part, int) and part < len(item.items):
            item = item.items[part]
            place = item.place
        else:
            return place
    return item.place if isinstance(item, Scalar) else place


class Setter:
    """Sets values at paths; equal requests on equal parts give the same object, so that later stages can reuse work.

    `lift` turns a scalar that stands for a mapping (a variant's name) into that mapping before something is set in it.
    """

    def __init__(self, lift: Callable[[Dotted, Scalar], Mapping | None]) -> None:
        self.lift = lift
        self.known: dict[tuple[int, Dotted, int], tuple[Any, ...]] = {}

    def put(self, tree: Item, path: Dotted, item: Item, place: Place, above: Dotted = ()) -> Item:
        """The tree with `item` at `path` (null removes). PathError when the path runs through a plain value."""
        key = (id(tree), path, id(item))
        if above and key in self.known:
            return self.known[key][0]
        made = self.set_below(tree, path, item, place, above)
        if above:
            self.known[key] = (made, tree, item)  # tree and item are kept so that their ids stay theirs
        return made

    def set_below(self, tree: Item, path: Dotted, item: Item, place: Place, above: Dotted) -> Item:
        if not path:
            return item
        first, rest = path[0], path[1:]
        here = (*above, first)
        if isinstance(tree, Scalar) and tree.value is not None:
            lifted = self.lift(above, tree)
            if lifted is None:
                raise PathError(f"`{'.'.join(above)}` is the plain value `{tree.text}`, nothing can be set inside it")
            tree = lifted
        if isinstance(tree, Sequence):
            return self.set_in_list(tree, path, item, place, above)
        mapping = tree if isinstance(tree, Mapping) else Mapping(place, {}, {})
        if not rest:
            return replace_key(mapping, first, None if is_null(item) else item, place)
        below = mapping.get(first) or Mapping(place, {}, {})
        value = self.put(below, rest, item, place, here)
        return replace_key(mapping, first, value, mapping.keys.get(first, place))

    def set_in_list(self, tree: Sequence, path: Dotted, item: Item, place: Place, above: Dotted) -> Sequence:
        first = path[0]
        at = index(first, tree)
        if at is None:
            raise PathError(f"`{'.'.join(above)}` is a list of {len(tree.items)}: `{first}` is not an index of it")
        items = list(tree.items)
        items[at] = self.put(items[at], path[1:], item, place, (*above, first))
        return Sequence(tree.place, tuple(items))


def to_plain(item: Item) -> Any:
    """The tree as Python data."""
    if isinstance(item, Mapping):
        return {key: to_plain(value) for key, value in item.items.items()}
    if isinstance(item, Sequence):
        return [to_plain(value) for value in item.items]
    return item.value


def from_plain(value: Any, place: Place) -> Item:
    """Python data as a tree, all of it at one place."""
    if isinstance(value, dict):
        return Mapping(
            place, {key: from_plain(part, place) for key, part in value.items()}, dict.fromkeys(value, place)
        )
    if isinstance(value, list | tuple):
        return Sequence(place, tuple(from_plain(part, place) for part in value))
    return Scalar(place, value, str(value), quoted=isinstance(value, str))


def show(item: Item) -> str:
    """The item in one line, as in YAML's flow style: what tables print as an axis label."""
    if isinstance(item, Mapping):
        return "{" + ", ".join(f"{key}: {show(value)}" for key, value in item.items.items()) + "}"
    if isinstance(item, Sequence):
        return "[" + ", ".join(map(show, item.items)) + "]"
    return item.text


def scalars(item: Item) -> Iterator[Scalar]:
    """Every scalar below an item."""
    if isinstance(item, Scalar):
        yield item
        return
    for child in item.items.values() if isinstance(item, Mapping) else item.items:
        yield from scalars(child)
