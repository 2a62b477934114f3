"""Draws what `boosted_growth` measured. Needs matplotlib only, which has a Python of its own.

Run as `python growth_plot.py picture.svg`, with the panels as JSON at standard input.
"""

from __future__ import annotations

import json
import sys

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt  # noqa: E402


def main() -> None:
    """Draws."""
    panels = json.load(sys.stdin)
    plt.rcParams.update({"font.size": 9, "svg.hashsalt": "growth", "svg.fonttype": "none"})
    figure, axes = plt.subplots(1, len(panels), figsize=(9, 3.6), sharey=True)
    for axis, panel in zip(axes, panels, strict=True):
        for i, (name, secs) in enumerate(panel["lines"].items()):
            # The first one is what the picture is about.
            style = {"linewidth": 2.5, "zorder": 3} if i == 0 else {"linewidth": 1.2}
            axis.plot(panel["x"], secs, marker="o", markersize=4, label=name, **style)
        axis.set(xscale="log", yscale="log", xlabel=panel["label"])
        axis.set_xticks(panel["x"], [f"{x:,}" for x in panel["x"]])
        axis.minorticks_off()
        axis.grid(visible=True, color="0.9")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("seconds")
    axes[0].set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
    axes[-1].legend(frameon=False, loc="upper left")
    figure.tight_layout()
    figure.savefig(sys.argv[1], metadata={"Date": None})


if __name__ == "__main__":
    main()
