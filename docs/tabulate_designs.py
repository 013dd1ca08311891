#!/usr/bin/python3
"""Prints the table of docs/array.md: how much faster than bit-parallel each compute design is.

    docs/tabulate_designs.py [--dpred PROGRAM] WORKLOAD...

Runs `dpred run` on each workload, for every design at 128, 1024 and 4096 multiply-accumulates a cycle, and
writes Markdown to standard output.
"""

import argparse
import csv
import io
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DESIGNS = ["stripes", "dpred-stripes", "loom", "loom-dynamic", "dpred-loom"]
SIZES = [(128, 8, 1), (1024, 16, 4), (4096, 16, 16)]  # multiply-accumulates a cycle, rows, tiles


def compute_cycles(program, workload, *settings):
    command = [program, "run", str(workload), "--csv", "--sim.data=elided", "--dram.preset=ideal", *settings]
    try:
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"tabulate_designs.py: {error} {getattr(error, 'stderr', '')}")
    return sum(int(row["compute_cycles"]) for row in csv.DictReader(io.StringIO(output)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="+", type=pathlib.Path, metavar="WORKLOAD")
    parser.add_argument("--dpred", default=ROOT / "build/release/testbench/dpred", metavar="PROGRAM")
    arguments = parser.parse_args()
    print("| network | MAC a cycle | bit-parallel, cycles | " + " | ".join(DESIGNS) + " | dpred-stripes, best |")
    print("|---" * (len(DESIGNS) + 4) + "|")
    for workload in arguments.workloads:
        for macs, rows, tiles in SIZES:
            size = [f"--array.rows={rows}", f"--array.tiles={tiles}"]
            base = compute_cycles(arguments.dpred, workload, "--array.design=bit-parallel", *size)
            cells = [
                base / compute_cycles(arguments.dpred, workload, f"--array.design={design}", *size)
                for design in DESIGNS
            ]
            best = ["--array.tile_split=best", "--array.fold=auto", *size]
            cells.append(
                compute_cycles(arguments.dpred, workload, "--array.design=bit-parallel", *best)
                / compute_cycles(arguments.dpred, workload, "--array.design=dpred-stripes", *best)
            )
            print(f"| {workload.name} | {macs} | {base} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")


if __name__ == "__main__":
    main()
