#!/usr/bin/python3
"""Prints the table of docs/profiles.md: how far estimates from a width profile are from exact results.

    docs/tabulate_profiles.py [--dpred PROGRAM] WORKLOAD...

Writes a width profile of each workload to a temporary folder, runs `dpred compress` and `dpred run` on both, and
writes Markdown to standard output: in percent, of the network and, in parentheses, of the worst layer (of sizes,
the worst tensor that takes more than 10 kB).
"""

import argparse
import collections
import csv
import io
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODECS = ["dpred", "layer-width", "zvc"]
RUNS = [
    ("dpred-stripes", []),
    ("loom-dynamic", []),
    ("dpred-loom", []),
    ("`bits_per_cycle` 2", ["--array.bits_per_cycle=2"]),
    ("`widths` even", ["--array.widths=even"]),
    ("`widths` pow2", ["--array.widths=pow2"]),
    ("`column_registers` 1", ["--array.column_registers=1"]),
    ("`tile_split` best", ["--array.tile_split=best"]),
]
LARGE = 8 * 10000  # bits


def rows_of(program, *arguments):
    try:
        output = subprocess.run([program, *arguments, "--csv"], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"tabulate_profiles.py: {error} {getattr(error, 'stderr', '')}")
    return list(csv.DictReader(io.StringIO(output)))


def cell(pairs, decimals=1, counts_alone=lambda exact: True):
    """Errors in percent of pairs (estimate, exact): of the sum and of the worst."""

    def error(estimate, exact):
        return 100 * (estimate / exact - 1)

    total = error(sum(estimate for estimate, _ in pairs), sum(exact for _, exact in pairs))
    alone = [error(*pair) for pair in pairs if counts_alone(pair[1])]
    worst = max(alone, key=abs, default=0.0)
    # Adding 0.0 leaves no -0.0.
    return f"{round(total, decimals) + 0.0:.{decimals}f} ({round(worst, decimals) + 0.0:.{decimals}f})"


def sizes(program, workload, profile):
    exact, estimated = rows_of(program, "compress", workload), rows_of(program, "compress", profile)
    by_name = {(row["tensor"], row["codec"]): int(row["total_bits"]) for row in exact}
    pairs = collections.defaultdict(list)
    for row in estimated:
        pairs[row["codec"]].append((int(row["total_bits"]), by_name[row["tensor"], row["codec"]]))
    return [cell(pairs[codec], 3, lambda bits: bits > LARGE) for codec in CODECS]


def run_errors(program, workload, profile):
    """With the default memory: bytes across its socket, and total cycles."""
    exact, estimated = (rows_of(program, "run", which, "--sim.data=elided") for which in (workload, profile))
    columns = [name for name in exact[0] if name.endswith("_bytes") and not name.startswith("raw_")]

    def traffic(row):
        return sum(int(row[name]) for name in columns)

    return [
        cell([(traffic(a), traffic(b)) for a, b in zip(estimated, exact)], 2),
        cell([(int(a["total_cycles"]), int(b["total_cycles"])) for a, b in zip(estimated, exact)]),
    ]


def cycles(program, workload, profile, name, settings):
    if not settings:
        settings = [f"--array.design={name}"]
    settings = [*settings, "--sim.data=elided", "--dram.preset=ideal"]
    exact, estimated = rows_of(program, "run", workload, *settings), rows_of(program, "run", profile, *settings)
    return cell([(int(a["compute_cycles"]), int(b["compute_cycles"])) for a, b in zip(estimated, exact)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="+", type=pathlib.Path, metavar="WORKLOAD")
    parser.add_argument("--dpred", default=ROOT / "build/release/testbench/dpred", metavar="PROGRAM")
    arguments = parser.parse_args()
    by_sizes, by_cycles = [], []
    with tempfile.TemporaryDirectory() as folder:
        for workload in arguments.workloads:
            name = workload.resolve().name
            profile = pathlib.Path(folder) / f"{name}.json"
            rows_of(arguments.dpred, "compress", workload, f"--width-profile={profile}")
            kilobytes = f"{profile.stat().st_size / 1000:.0f}"
            by_sizes.append([name, kilobytes, *sizes(arguments.dpred, workload, profile),
                             *run_errors(arguments.dpred, workload, profile)])
            by_cycles.append([name] + [cycles(arguments.dpred, workload, profile, *run) for run in RUNS])
    for heading, rows in (
        (["%", "profile, kB", *CODECS, "traffic", "total cycles"], by_sizes),
        (["compute cycles, %", *(name for name, _ in RUNS)], by_cycles),
    ):
        print("| " + " | ".join(heading) + " |")
        print("|---" * len(heading) + "|")
        for row in rows:
            print("| " + " | ".join(row) + " |")
        print()


if __name__ == "__main__":
    main()
