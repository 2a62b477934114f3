"""A tree as lines of text, and as a picture (SVG) that needs nothing else to be shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import final
from xml.sax import saxutils

from premade.boosted_trees.readable import ReadableNode

_LETTER, _LINE = 7.3, 16  # pixels of a letter, which all are as wide, and of a line
_PADDING, _GAP, _LEVEL_GAP = 8, 14, 46


def text_of(root: ReadableNode) -> str:
    """Returns a tree as text, a line for each node.

    >>> leaves = ReadableNode((0.5,), 4.0), ReadableNode((-0.25,), 6.0)
    >>> root = ReadableNode((0.0,), 10.0, 1.5, "age < 30", True, leaves)
    >>> print(text_of(root))
    age < 30 or missing  (gain 1.5, cover 10)
    ├─ yes: 0.5  (cover 4)
    └─ no: -0.25  (cover 6)
    """
    return "\n".join(_lines(root, first="", rest=""))


def _lines(node: ReadableNode, first: str, rest: str) -> Iterator[str]:
    """Yields the lines of a node and those below it, `first` before its own, `rest` before them."""
    if not node.children:
        yield f"{first}{_value(node)}  (cover {node.cover:.6g})"
        return
    missing = " or missing" if node.missing_left else ""
    worth = f"(gain {node.gain:.6g}, cover {node.cover:.6g})"
    yield f"{first}{node.condition}{missing}  {worth}"
    left, right = node.children
    yield from _lines(left, f"{rest}├─ yes: ", f"{rest}│  ")
    yield from _lines(right, f"{rest}└─ no: ", f"{rest}   ")


def _value(node: ReadableNode) -> str:
    return ", ".join(f"{each + 0.0:.6g}" for each in node.value)  # -0.0 is 0


def svg_of(root: ReadableNode) -> str:
    """Returns a tree as a picture: the text of an SVG file.

    >>> leaves = ReadableNode((0.5,), 4.0), ReadableNode((-0.25,), 6.0)
    >>> root = ReadableNode((0.0,), 10.0, 1.5, "age < 30", True, leaves)
    >>> "age &lt; 30" in svg_of(root)
    True
    """
    letters = max(len(line) for placed in _placed(root) for line in _label(placed.node))
    box = _Box(letters * _LETTER + 2 * _PADDING, 3 * _LINE + 2 * _PADDING)
    nodes = _placed(root)
    width = _GAP + (box.width + _GAP) * (1 + max(each.slot for each in nodes))
    height = 2 * _GAP + box.height + max(each.level for each in nodes) * box.step
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="monospace" font-size="12" '
            'text-anchor="middle">',
            '<rect width="100%" height="100%" fill="white"/>',
            *(line for each in nodes for line in box.edges(each)),
            *(line for each in nodes for line in box.drawn(each)),
            "</svg>",
        ]
    )


@final
@dataclasses.dataclass(frozen=True)
class _Placed:
    """A node and its place: leaves have whole slots from left to right, others are amid theirs."""

    node: ReadableNode
    slot: float
    level: int
    children: tuple[_Placed, ...] = ()


def _placed(root: ReadableNode) -> list[_Placed]:
    """Returns all nodes with their places, the root last."""
    found: list[_Placed] = []
    leaves = 0

    def place(node: ReadableNode, level: int) -> _Placed:
        nonlocal leaves
        children = tuple(place(child, level + 1) for child in node.children)
        slot = float(leaves)
        if children:
            slot = sum(child.slot for child in children) / len(children)
        else:
            leaves += 1
        found.append(_Placed(node, slot, level, children))
        return found[-1]

    place(root, 0)
    return found


def _label(node: ReadableNode) -> list[str]:
    head = [node.condition, f"gain {node.gain:.4g}"] if node.children else [_value(node)]
    return [*head, f"cover {node.cover:.4g}"]


@final
@dataclasses.dataclass(frozen=True)
class _Box:
    """Draws nodes, all in boxes of one size.

    Attributes:
        width: in pixels.
        height: in pixels.
    """

    width: float
    height: float

    @property
    def step(self) -> float:
        """From one level to the next."""
        return self.height + _LEVEL_GAP

    def drawn(self, placed: _Placed) -> Iterator[str]:
        """Yields the box and its words."""
        x, y = self._top(placed)
        lines = _label(placed.node)
        fill = "#eef3fb" if placed.node.children else "#eef7ea"
        yield (
            f'<rect x="{x - self.width / 2:.1f}" y="{y:.1f}" width="{self.width:.1f}" '
            f'height="{self.height:.1f}" rx="5" fill="{fill}" stroke="#667"/>'
        )
        first = y + self.height / 2 - (len(lines) / 2 - 0.75) * _LINE
        for i, line in enumerate(lines):
            text = saxutils.escape(line)
            yield f'<text x="{x:.1f}" y="{first + i * _LINE:.1f}">{text}</text>'

    def edges(self, placed: _Placed) -> Iterator[str]:
        """Yields lines to the children, and who goes there."""
        x, y = self._top(placed)
        y += self.height
        for child, answer in zip(placed.children, ("yes", "no"), strict=False):
            to_x, to_y = self._top(child)
            yield f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" stroke="#667"/>'
            goes_missing = placed.node.missing_left == (answer == "yes")
            text = f"{answer}, missing" if goes_missing else answer
            # Beside the line, on its outer side and near the child: no other line comes there.
            side, anchor = (-8, "end") if answer == "yes" else (8, "start")
            at_x, at_y = x + 0.6 * (to_x - x) + side, y + 0.6 * (to_y - y)
            yield f'<text x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="{anchor}">{text}</text>'

    def _top(self, placed: _Placed) -> tuple[float, float]:
        """Returns the middle of the upper edge."""
        x = _GAP + self.width / 2 + placed.slot * (self.width + _GAP)
        return x, _GAP + placed.level * self.step
