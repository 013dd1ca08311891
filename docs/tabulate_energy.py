#!/usr/bin/python3
"""Prints the table of docs/energy.md: efficiency of designs against bit-parallel uncompressed.

    docs/tabulate_energy.py [--dpred PROGRAM] WORKLOAD...

Runs `dpred run --baseline` on each workload with each design, and writes Markdown to standard output.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DESIGNS = ["stripes", "dpred-stripes", "dpred-loom"]


def energy(program, workload, design):
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "run", str(workload), f"--array.design={design}", "--sim.fidelity=analytic"]
        command += ["--baseline", "-o", folder]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"tabulate_energy.py: {error} {getattr(error, 'stderr', '')}")
        return json.loads((pathlib.Path(folder) / "summary.json").read_text())["energy"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="+", type=pathlib.Path, metavar="WORKLOAD")
    parser.add_argument("--dpred", default=ROOT / "build/release/testbench/dpred", metavar="PROGRAM")
    arguments = parser.parse_args()
    print("| network | " + " | ".join(DESIGNS) + " | DRAM's share, dpred-stripes |")
    print("|---" * (len(DESIGNS) + 2) + "|")
    for workload in arguments.workloads:
        results = {design: energy(arguments.dpred, workload, design) for design in DESIGNS}
        ratios = [results[design]["efficiency"]["bit_parallel_uncompressed"] for design in DESIGNS]
        cells = [f"{ratio['low']:.2f} ({ratio['high']:.2f})" for ratio in ratios]
        own = results["dpred-stripes"]
        low, high = (100 * own[f"dram_{end}_pj"] / own[f"total_{end}_pj"] for end in ("low", "high"))
        print(f"| {workload.name} | " + " | ".join(cells) + f" | {low:.0f} % ({high:.0f} %) |")


if __name__ == "__main__":
    main()
