#!/usr/bin/env bash
# Installs, builds and runs every test but those that are marked as long and those that need real trace sets.
# Can be repeated: what is installed and built stays.
set -euo pipefail
root=$(CDPATH="" cd -- "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/support/setup.sh
source "$root/tests/support/setup.sh"

usage="usage: ./check.sh [--fast] [--tidy] [--long]
Installs the packages that are missing (with sudo unless run as root), builds and runs every test but
those that are marked as long and those that need real trace sets.
  --fast  the release build only: no sanitizers, no fuzzers, no build without SystemC
  --tidy  clang-tidy over all sources but the tests too
  --long  also the tests that are tagged [.long]
Where the folder of real trace sets is named in DPRED_TRACES, their tests run too. Where it is unset
they are skipped, which is a failure if CI=true."

fast=0 tidy=0 long=0
for option in "$@"; do
  case $option in
    --fast) fast=1 ;;
    --tidy) tidy=1 ;;
    --long) long=1 ;;
    -h | --help) echo "$usage"; exit 0 ;;
    *) die "unknown option '$option'"$'\n'"$usage" 2 ;;
  esac
done

packages=("${build_packages[@]}" clang-format liblz4-dev python3-numpy)
((fast == 1)) || packages+=(clang libclang-rt-14-dev)
((tidy == 0)) || packages+=(clang-tidy)
jobs=$(nproc)
passed=0 failed=0 skipped=0
summary=()
folders=(models platform testbench workloads tests)

# count NAME PASSED FAILED SKIPPED SECONDS: a line of the summary.
count() {
  passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
  local verdict=ok
  (($3 == 0)) || verdict=FAILED
  summary+=("$(printf '%-6s  %-32s %5d passed %4d failed %4d skipped %5d s' "$verdict" "$@")")
}

# check NAME COMMAND...: a check that is one thing. The others run even if it fails.
check() {
  local name=$1 start=$SECONDS good=1
  step "$name" "checking: $name"
  "${@:2}" || good=0
  ((good == 1)) || echo "$self: failed: $name" >&2
  count "$name" "$good" $((1 - good)) 0 $((SECONDS - start))
}

# attribute NAME FILE: of the first element of a JUnit report.
attribute() {
  sed -n "s/^[[:space:]]*$1=\"\([0-9]*\)\".*/\1/p" "$2" | head -n 1
}

# test_preset NAME PRESET: all of a build's tests, each counted.
test_preset() {
  local name=$1 report=$root/build/$2.tests.xml start=$SECONDS status=0
  step "$name" "running tests: $name"
  rm -f "$report"
  ctest --test-dir "build/$2" -j"$jobs" --output-on-failure --no-tests=error --output-junit "$report" ||
    status=$?
  if [[ ! -f $report ]]; then
    count "$name" 0 1 0 $((SECONDS - start))
    return
  fi
  local all bad not_run
  all=$(attribute tests "$report") bad=$(attribute failures "$report")
  not_run=$(($(attribute skipped "$report") + $(attribute disabled "$report")))
  ((status == 0 || bad > 0)) || bad=1
  if ((not_run > 0)) && [[ ${CI:-} == true ]]; then
    echo "$self: $not_run tests did not run, and CI=true: that counts as failed" >&2
    count "$name" $((all - bad - not_run)) $((bad + not_run)) 0 $((SECONDS - start))
  else
    count "$name" $((all - bad - not_run)) "$bad" "$not_run" $((SECONDS - start))
  fi
}

formatted() {
  find "${folders[@]}" \( -name '*.h' -o -name '*.cpp' -o -name '*.c' \) -print0 |
    xargs -0 clang-format --dry-run -Werror
}

tidied() {
  find "${folders[@]}" -name '*.cpp' -not -path 'tests/*' -print0 |
    xargs -0 -n 1 -P "$jobs" clang-tidy -p build/release --quiet 2>&1 |
    { grep -v 'warnings generated\.$' || true; }
}

# A project of its own finds the installed libraries and runs with the installed workload.
usable_when_installed() {
  local prefix=$scratch/installed
  cmake --install build/release --prefix "$prefix" >"$scratch/install.log" || return
  cmake -S tests/consumer -B "$scratch/consumer" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_PREFIX_PATH="$prefix" &&
    cmake --build "$scratch/consumer" &&
    SYSTEMC_DISABLE_COPYRIGHT_MESSAGE=1 "$scratch/consumer/consumer" \
      "$prefix/share/dpred/workloads/digits_cnn_int8" &&
    "$scratch/consumer/consumer_c" &&
    "$prefix/bin/dpred" --version
}

builds_without_systemc() {
  cmake -S . -B build/pure -G Ninja -DCMAKE_BUILD_TYPE=Release -DDPRED_WERROR=ON -DDPRED_SYSTEMC=OFF \
    -DDPRED_TESTS=OFF &&
    cmake --build build/pure
}

long_tests() {
  local program
  for program in pure_tests systemc_tests command_tests; do
    "build/release/tests/$program" '[long]' || return
  done
}

scratch=$(mktemp -d)
trap 'say_where_it_stopped; rm -rf "$scratch"' EXIT

step "Packages" "installing packages"
install_packages "${packages[@]}"

check "format" formatted

step "release: build" "building the preset release"
build release
test_preset "release: tests" release
check "digits recomputed with NumPy" /usr/bin/python3 workloads/digits/verify_digits.py
check "installed libraries are usable" usable_when_installed
((long == 0)) || check "long tests" long_tests
((tidy == 0)) || check "clang-tidy" tidied

if ((fast == 0)); then
  check "pure parts build without SystemC" builds_without_systemc
  step "sanitize: build" "building the preset sanitize"
  build sanitize
  test_preset "sanitize: tests" sanitize

  step "fuzz: build" "building the preset fuzz"
  build fuzz
  check "fuzzers, a short run" tests/fuzz/run_fuzzers --runs 20000 -j "$jobs"
fi

step "Summary, after $((SECONDS / 60)) min $((SECONDS % 60)) s" "summing up"
printf '%s\n' "${summary[@]}"
((skipped == 0)) ||
  echo "skipped: see the lists above; DPRED_TRACES=FOLDER runs the tests that need trace sets"
current_step=
echo
echo "$passed passed, $failed failed"
((failed == 0))
