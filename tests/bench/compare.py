#!/usr/bin/python3
"""Compares a result of dpred_bench with another one.

    tests/bench/compare.py                              runs build/release/tests/dpred_bench
    tests/bench/compare.py --bench PROGRAM [-- ARGUMENTS OF THE PROGRAM]
    tests/bench/compare.py RESULT.json                  compares a result with tests/bench/baseline.json
    tests/bench/compare.py AFTER.json --baseline BEFORE.json

A ratio above 1 is better than the baseline, below 1 worse, in whatever unit. Speeds are compared relative to
the calibration loop of their own run, so that results of different machines can be compared at all; what has
no such relative value (wall time, peak memory) is compared as it is, in parentheses, and never fails.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent


def read_metrics(path):
    try:
        result = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        if result["format"] != 1:
            raise ValueError(f"format {result['format']} is not 1")
        return result["metrics"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"compare.py: {path} is not a result of dpred_bench: {error}")


def run_bench(program, arguments):
    if not pathlib.Path(program).is_file():
        sys.exit(f"compare.py: there is no {program}; build dpred_bench, or name it with --bench")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "result.json"
        status = subprocess.run([program, "--json", path, *arguments], stdout=sys.stderr, check=False)
        if status.returncode != 0:
            sys.exit(f"compare.py: {program} failed")
        return read_metrics(path)


def ratio(metric, baseline):
    """Above 1: better than the baseline. The second value says whether it counts."""
    if "relative" in metric and "relative" in baseline:
        return metric["relative"] / baseline["relative"], True
    quotient = metric["value"] / baseline["value"]
    return (quotient if metric["better"] == "higher" else 1 / quotient), False


def main():
    # What follows "--" is for the program.
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", nargs="?", help="file of dpred_bench --json; without it, the bench is run")
    parser.add_argument(
        "--bench", default=str(ROOT / "build/release/tests/dpred_bench"), help="the program to run"
    )
    parser.add_argument("--baseline", default=str(FOLDER / "baseline.json"), help="what to compare with")
    parser.add_argument("--fail-below", type=float, metavar="R", help="exit 1 if one that counts is below R")
    options = parser.parse_args(arguments[:split])

    baseline = read_metrics(options.baseline)
    if options.result:
        metrics = read_metrics(options.result)
    else:
        metrics = run_bench(options.bench, arguments[split + 1 :])

    width = max((len(name) for name in metrics), default=0)
    print(f"{'metric':{width}}  {'value':>12}  {'baseline':>12}  {'unit':<12}  ratio")
    slower = []
    for name, metric in metrics.items():
        value = f"{name:{width}}  {metric['value']:12.3f}"
        if name not in baseline:
            print(f"{value}  {'':12}  {metric['unit']:<12}  new")
            continue
        quotient, counts = ratio(metric, baseline[name])
        shown = f"{quotient:.2f}" if counts else f"({quotient:.2f})"
        print(f"{value}  {baseline[name]['value']:12.3f}  {metric['unit']:<12}  {shown}")
        if counts and options.fail_below is not None and quotient < options.fail_below:
            slower.append(name)
    for name in slower:
        print(f"below {options.fail_below}: {name}", file=sys.stderr)
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
