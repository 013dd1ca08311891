#!/usr/bin/env bash
# From a fresh Debian 12 to a first result. Can be repeated: what is installed and built stays.
set -euo pipefail
root=$(CDPATH="" cd -- "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/support/setup.sh
source "$root/tests/support/setup.sh"

usage="usage: ./quickstart.sh
Installs the packages that are missing (with sudo unless run as root), builds dpred in build/release
and simulates the bundled network. ./check.sh installs, builds and runs every test but those that
are marked as long and those that need real trace sets."
case ${1:-} in
  "") ;;
  -h | --help) echo "$usage"; exit 0 ;;
  *) die "unknown option '$1'"$'\n'"$usage" 2 ;;
esac

step "1/3 Packages" "installing packages"
install_packages "${build_packages[@]}"

step "2/3 Build in build/release (about two minutes the first time)" "building"
build release dpred

dpred=build/release/testbench/dpred
workloads=workloads/digits/digits_cnn
results=build/quickstart
step "3/3 Run: a CNN on handwritten digits, with 8-bit and with 16-bit values" "simulating"
mkdir -p "$results"
"$dpred" run "${workloads}_int8" --baseline -o "$results/int8"
echo
"$dpred" run "${workloads}_fix16" --baseline -o "$results/fix16"

cat <<END

== Done
Every layer with and without compression: bytes to and from memory, cycles, and what binds.
Every tensor in the simulated memory was decoded again and compared with its values.

Results in $root:
  $results/int8/layers.csv    summary.json
  $results/fix16/layers.csv   summary.json
layers.csv is this array with compression. summary.json has the totals, also those of the baselines:
this array and a bit-parallel one, both without compression.

From there, try next:
  $dpred explain ${workloads}_fix16 --layer conv2
  $dpred compress ${workloads}_int8
  $dpred run ${workloads}_fix16 \\
      --config platform/presets/edge.ini --array.design=dpred-loom
                                          # an array small enough for Loom: see docs/array.md
  $dpred params    # everything that can be set
  ./check.sh                              # builds and runs the tests
END
