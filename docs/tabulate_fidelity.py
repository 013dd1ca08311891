#!/usr/bin/python3
"""Prints the table of docs/fidelity.md: how far `sim.fidelity = analytic` is from `lt`.

    docs/tabulate_fidelity.py [--dpred PROGRAM] WORKLOAD...

Runs `dpred run` on each workload and memory preset at both, and writes Markdown to standard output.
"""

import argparse
import csv
import io
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRESETS = ["lpddr4-3200", "ddr4-3200", "hbm2"]


def layers(program, workload, *settings):
    command = [program, "run", str(workload), "--csv", "--sim.data=elided", *settings]
    try:
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"tabulate_fidelity.py: {error} {getattr(error, 'stderr', '')}")
    return [int(row["total_cycles"]) for row in csv.DictReader(io.StringIO(output, newline=""))]


def percent(closed_form, simulated):
    return 100 * (closed_form / simulated - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="+", type=pathlib.Path, metavar="WORKLOAD")
    parser.add_argument("--dpred", default=ROOT / "build/release/testbench/dpred", metavar="PROGRAM")
    arguments = parser.parse_args()
    print("| network | memory | lt, cycles | analytic | mean of layers | worst layer |")
    print("|---" * 6 + "|")
    every = []
    for workload in arguments.workloads:
        for preset in PRESETS:
            both = [
                layers(arguments.dpred, workload, f"--dram.preset={preset}", f"--sim.fidelity={fidelity}")
                for fidelity in ("analytic", "lt")
            ]
            gaps = [percent(a, b) for a, b in zip(*both)]
            every += gaps
            worst = max(range(len(gaps)), key=lambda layer: abs(gaps[layer]))
            print(
                f"| {workload.name} | {preset} | {sum(both[1])} | {percent(sum(both[0]), sum(both[1])):+.1f} % "
                f"| {sum(map(abs, gaps)) / len(gaps):.1f} % "
                f"| {gaps[worst]:+.0f} % of {both[1][worst]} cycles (layer {worst + 1}) |"
            )
    print(f"\nMean gap of a layer, either way: {sum(map(abs, every)) / len(every):.1f} %.")


if __name__ == "__main__":
    main()
