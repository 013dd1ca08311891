#!/usr/bin/python3
"""Prints the table of docs/bandwidth.md: time uncompressed and with dpred, over channels and array sizes.

    docs/tabulate_bandwidth.py [--dpred PROGRAM] [--fidelity FIDELITY] WORKLOAD...

Runs `dpred run` on each workload and writes Markdown to standard output.
"""

import argparse
import csv
import io
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHANNELS = [1, 2, 4]
TILES = {"1024": 4, "4096": 16}  # 16 lanes x 16 rows


def cycles(program, workload, fidelity, *settings):
    command = [program, "run", str(workload), "--csv", "--sim.data=elided", f"--sim.fidelity={fidelity}", *settings]
    try:
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"tabulate_bandwidth.py: {error} {getattr(error, 'stderr', '')}")
    return sum(int(row["total_cycles"]) for row in csv.DictReader(io.StringIO(output, newline="")))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="+", type=pathlib.Path, metavar="WORKLOAD")
    parser.add_argument("--dpred", default=ROOT / "build/release/testbench/dpred", metavar="PROGRAM")
    parser.add_argument("--fidelity", default="lt", choices=["analytic", "lt", "at"])
    arguments = parser.parse_args()
    head = ["network", "MAC per cycle"]
    head += [f"{count} ch., {codec}" for count in CHANNELS for codec in ("raw", "dpred")]
    head += ["channels that dpred saves"]
    print("| " + " | ".join(head) + " |")
    print("|---" * len(head) + "|")
    for workload in arguments.workloads:
        for macs, tiles in TILES.items():
            times = {}
            for channels in CHANNELS:
                for codec in ("raw", "dpred"):
                    times[channels, codec] = cycles(
                        arguments.dpred, workload, arguments.fidelity, f"--array.tiles={tiles}",
                        f"--dram.channels={channels}", f"--codec.name={codec}",
                    )
            cells = [workload.name, macs]
            for channels in CHANNELS:
                raw, dpred = times[channels, "raw"], times[channels, "dpred"]
                cells += [f"{raw / 1000:.1f}", f"{dpred / 1000:.1f} ({raw / dpred:.2f}x)"]
            saved = [c for c in CHANNELS[:-1] if times[c, "dpred"] <= times[2 * c, "raw"]]
            cells.append(", ".join(f"{c} for {2 * c}" for c in saved) or "-")
            print("| " + " | ".join(cells) + " |")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
