#!/usr/bin/python3
"""Draws docs/images/dram_utilisation.svg: use of the data bus by preset, mapping and pattern.

    docs/plot_dram.py [--dpred PROGRAM] [-o FILE.svg]

Runs `dpred memory all` once for each mapping. Needs python3-matplotlib.
"""

import argparse
import csv
import io
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

MAPPINGS = {
    "ddr4-3200": ["Ro Ba Co Bg", "Ro Ba Bg Co", "Ro Co Ba Bg"],
    "lpddr4-3200": ["Ro Co Ba Co:3", "Ro Ba Co", "Ro Co Ba"],
    "hbm2": ["Ro Ba Co Bg", "Ro Ba Bg Co", "Ro Co Ba Bg"],
}
# Of the Okabe-Ito palette, which colour-blind readers can tell apart, as lines of a bar from the bus's data up.
PARTS = [
    ("utilisation", "data", "#0072B2"),
    ("loss_refresh", "refresh", "#999999"),
    ("loss_turnaround", "turn-around", "#E69F00"),
    ("loss_bank_group", "bank group", "#CC79A7"),
    ("loss_activate", "activate", "#D55E00"),
    ("loss_idle", "idle", "#F0E442"),
]


def measure(program, preset, mapping):
    command = [program, "memory", "all", "--csv", f"--dram.preset={preset}", f"--dram.mapping={mapping}"]
    try:
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"plot_dram.py: {error}{getattr(error, 'stderr', '')}")
    return list(csv.DictReader(io.StringIO(output)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dpred", default=ROOT / "build/release/testbench/dpred", help="the program to run")
    parser.add_argument("-o", default=ROOT / "docs/images/dram_utilisation.svg", help="the picture to write")
    arguments = parser.parse_args()

    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "dpred", "font.size": 8, "svg.fonttype": "none"})
    import matplotlib.pyplot as plt

    figure, rows = plt.subplots(len(MAPPINGS), 1, figsize=(9, 8), sharey=True)
    for axes, (preset, mappings) in zip(rows, MAPPINGS.items()):
        results = [measure(arguments.dpred, preset, mapping) for mapping in mappings]
        patterns = [row["pattern"] for row in results[0]]
        width = 0.8 / len(mappings)
        for index, result in enumerate(results):
            centres = [p + (index - (len(mappings) - 1) / 2) * width for p in range(len(patterns))]
            bottom = [0.0] * len(patterns)
            for column, label, colour in PARTS:
                heights = [100 * float(row[column]) for row in result]
                name = label if index == 0 and axes is rows[0] else None
                axes.bar(centres, heights, width * 0.92, bottom, color=colour, label=name)
                bottom = [b + h for b, h in zip(bottom, heights)]
            for centre, row in zip(centres, result):
                axes.text(centre, 2, f"{100 * float(row['utilisation']):.0f}", ha="center", color="white")
        axes.set_xticks(range(len(patterns)), patterns)
        axes.set_ylabel("% of peak")
        axes.set_title(f"{preset}: bars from the left {'   '.join(mappings)}", loc="left")
        axes.set_ylim(0, 100)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.legend(loc="upper center", ncol=len(PARTS), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.96))
    output = pathlib.Path(arguments.o)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, metadata={"Date": None} if output.suffix == ".svg" else None, dpi=130)


if __name__ == "__main__":
    main()
