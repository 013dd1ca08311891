# shellcheck shell=bash disable=SC2034,SC2154
# What quickstart.sh and check.sh share: packages, configuring, building, and how they report. For bash;
# sourced, with `root` (the repository) set. Afterwards the working directory is `root`.

set -euo pipefail
cd "$root"
self=${0##*/}
current_step="starting"

# In the order of: compilers and build tools, libraries, test framework.
build_packages=(g++ cmake ninja-build pkg-config
                libsystemc-dev libboost-program-options-dev nlohmann-json3-dev libfmt-dev libzstd-dev
                catch2)

say_where_it_stopped() {
  local status=$?
  if ((status != 0)) && [[ -n $current_step ]]; then
    printf '\n%s: stopped while %s (status %d)\n' "$self" "$current_step" "$status" >&2
  fi
}
trap say_where_it_stopped EXIT

# die MESSAGE [STATUS]
die() {
  current_step=
  printf '%s: %s\n' "$self" "$1" >&2
  exit "${2:-1}"
}

# step TITLE WHAT-IT-DOES: starts a part of the work.
step() {
  current_step=$2
  printf '\n== %s\n' "$1"
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    sudo "$@"
  fi
}

# install_packages PACKAGE...: does nothing, and needs no rights, where all of them are there.
install_packages() {
  local missing=() package
  for package in "$@"; do
    if ! dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed; then
      missing+=("$package")
    fi
  done
  if ((${#missing[@]} == 0)); then
    echo "all $# packages are there"
    return
  fi
  echo "to install: ${missing[*]}" | fmt -w 100
  command -v apt-get >/dev/null ||
    die "there is no apt-get: install these packages, or what your system calls them, by hand"
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    die "installing packages takes root or sudo; as root, run: apt-get install ${missing[*]}"
  fi
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
  as_root "${apt[@]}" update </dev/null
  as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null
}

# configure PRESET [OPTION...]: quick where nothing has changed; what CMake says is shown only if it fails.
configure() {
  local preset=$1 log=build/$1.configure.log options=("${@:2}") home
  mkdir -p build
  if [[ -f build/$preset/CMakeCache.txt ]]; then
    home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "build/$preset/CMakeCache.txt")
    # CMake refuses a build folder that was copied or moved along with the sources.
    [[ $home -ef $root ]] || options+=(--fresh)
  fi
  if ! cmake --preset "$preset" "${options[@]}" >"$log" 2>&1; then
    cat "$log" >&2
    return 1
  fi
}

# build PRESET [TARGET...]
build() {
  local preset=$1 target targets=()
  for target in "${@:2}"; do
    targets+=(--target "$target")
  done
  configure "$preset" && cmake --build --preset "$preset" "${targets[@]}"
}
