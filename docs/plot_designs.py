#!/usr/bin/python3
"""Draws docs/images/compute_designs.svg: the same four windows on each compute design.

    docs/plot_designs.py [-o FILE.svg]

Example: values of four bits, four windows of three steps, lock step and one column register. Needs
python3-matplotlib.
"""

import argparse
import pathlib

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

ROOT = pathlib.Path(__file__).resolve().parent.parent

BITS = 4
WIDTHS = [[1, 2, 1], [2, 1, 3], [1, 2, 1], [3, 1, 2]]  # of the activation brick, by window and step
WEIGHT_WIDTHS = [2, 3, 1]  # the widest of the filter set, by step
PA = max(max(steps) for steps in WIDTHS)
PW = max(WEIGHT_WIDTHS)

# Of the Okabe-Ito palette, which colour-blind readers can tell apart.
USEFUL, WIDER, WAIT = "#0072B2", "#E69F00", "#E5E5E5"

DESIGNS = [
    # name, width an activation costs, width a weight costs, registers, filters at a time
    ("stripes", "layer", None, 0, "F·T"),
    ("dpred-stripes", "brick", None, 0, "F·T"),
    ("dpred-stripes, array.column_registers = 1", "brick", None, 1, "F·T"),
    ("loom", "layer", "layer", 0, "F·B·T"),
    ("loom-dynamic", "brick", "layer", 0, "F·B·T"),
    ("dpred-loom", "brick", "brick", 0, "F·B·T"),
]


def schedule(activation, weight, registers):
    """(column, step, start, end of the step's time, end of what its own widths need)."""
    blocks = []
    ends = [0] * len(WIDTHS)
    all_ended = []
    for step, weight_width in enumerate(WEIGHT_WIDTHS):
        before = all_ended[step - 1 - registers] if step - 1 - registers >= 0 else 0
        for column, widths in enumerate(WIDTHS):
            start = max(ends[column], before)
            taken = PA if activation == "layer" else widths[step]
            needed = widths[step]
            if weight is not None:
                taken *= PW if weight == "layer" else weight_width
                needed *= weight_width
            blocks.append((column, step, start, start + taken, start + needed))
            ends[column] = start + taken
        all_ended.append(max(ends))
    return blocks, max(ends)


def bit_parallel():
    """One column takes the windows one after another, a cycle a step."""
    cycles = len(WEIGHT_WIDTHS) * len(WIDTHS)
    return [(0, n, n, n + 1, n + 1) for n in range(cycles)], cycles


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", default=ROOT / "docs/images/compute_designs.svg", type=pathlib.Path, metavar="FILE")
    output = parser.parse_args().o
    plt.rcParams.update({"svg.hashsalt": "dpred", "font.size": 9, "svg.fonttype": "none"})
    panels = [("bit-parallel", *bit_parallel(), 1, "F·T")]
    for name, activation, weight, registers, filters in DESIGNS:
        panels.append((name, *schedule(activation, weight, registers), len(WIDTHS), filters))
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(8, 10), gridspec_kw={"height_ratios": [panel[3] + 1.5 for panel in panels]}
    )
    for (name, blocks, total, columns, filters), axis in zip(panels, axes):
        axis.barh(range(columns), total, height=0.9, color=WAIT)
        for column, step, start, end, needed in blocks:
            axis.barh(column, needed - start, left=start, height=0.9, color=USEFUL, edgecolor="white", linewidth=0.6)
            axis.barh(column, end - needed, left=needed, height=0.9, color=WIDER, edgecolor="white", linewidth=0.6)
            axis.text(start + 0.15, column, str(step % len(WEIGHT_WIDTHS)), va="center", fontsize=7, color="white")
        axis.set_xlim(0, 28)
        axis.set_ylim(columns - 0.5, -0.5)
        axis.set_yticks(range(columns))
        axis.set_yticklabels(["windows 0-3"] if columns == 1 else [f"window {c}" for c in range(columns)], fontsize=7)
        axis.set_title(f"{name}: {total} cycles for {filters} filters", loc="left", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("cycle")
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in (USEFUL, WIDER, WAIT)]
    figure.legend(
        handles,
        ["needed by the brick's own widths", "taken because the layer's width is wider", "waiting for other columns"],
        loc="lower center",
        ncol=3,
        frameon=False,
        fontsize=8,
    )
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
