#!/usr/bin/python3
"""Prints the table of docs/codec.md: what every codec makes of every network.

    docs/tabulate_codecs.py [--dpred PROGRAM] [--traces FOLDER]

Runs `dpred compress` on the bundled networks, and on every trace set in FOLDER, and writes Markdown to
standard output: total bits over raw bits of activations, of weights and of both. The codec with the fewest
bits is in bold, unless that is raw.
"""

import argparse
import csv
import io
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUNDLED = ROOT / "workloads/digits"
BOUND = "entropy"  # sizes only: never the best codec
TENSORS = [("activations", {"input"}), ("weights", {"weight"}), ("all", {"input", "weight"})]


def workloads(folder):
    folders = [BUNDLED] + ([folder] if folder else [])
    return [manifest.parent for each in folders for manifest in sorted(each.glob("*/manifest.json"))]


def sizes(program, workload):
    command = [program, "compress", str(workload), "--csv"]
    try:
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"tabulate_codecs.py: {error} {getattr(error, 'stderr', '')}")
    return list(csv.DictReader(io.StringIO(output)))


def cells(rows, codecs):
    total = {codec: sum(int(row["total_bits"]) for row in rows if row["codec"] == codec) for codec in codecs}
    raw = sum(int(row["raw_bits"]) for row in rows if row["codec"] == codecs[0])
    fewest = min(total[codec] for codec in codecs if codec != BOUND)
    for codec in codecs:
        best = codec != BOUND and total[codec] == fewest < raw
        yield f"**{total[codec] / raw:.3f}**" if best else f"{total[codec] / raw:.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--dpred", default=ROOT / "build/release/testbench/dpred", metavar="PROGRAM")
    arguments = parser.parse_args()
    codecs = []
    for workload in workloads(arguments.traces):
        rows = sizes(arguments.dpred, workload)
        if not codecs:
            codecs = [codec for codec in dict.fromkeys(row["codec"] for row in rows) if codec != "raw"]
            print("| network | tensors | " + " | ".join(f"`{codec}`" for codec in codecs) + " |")
            print("|---" * (len(codecs) + 2) + "|")
        for number, (tensors, roles) in enumerate(TENSORS):
            some = [row for row in rows if row["role"] in roles]
            print(f"| {'' if number else workload.name} | {tensors} | " + " | ".join(cells(some, codecs)) + " |")


if __name__ == "__main__":
    main()
