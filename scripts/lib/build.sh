# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Set-up and the release build, for the scripts that need one.

# Processors that this process may use: those it may run on, and no more than its container is given
# the time of (control groups, version 2 and 1, under GROUPS).
usable_cores() { # [GROUPS]
  local groups="${1:-/sys/fs/cgroup}" cores quota='' period=''
  cores="$(nproc)"
  if ! read -r quota period 2>/dev/null <"$groups/cpu.max"; then
    quota="$(cat "$groups/cpu/cpu.cfs_quota_us" 2>/dev/null)" || quota=max
    period="$(cat "$groups/cpu/cpu.cfs_period_us" 2>/dev/null)" || quota=max
  fi
  if [[ $quota =~ ^[0-9]{1,15}$ && $period =~ ^[1-9][0-9]{0,14}$ ]]; then # "max" and -1: no limit
    quota=$(((quota + period - 1) / period))
    ((quota >= cores)) || cores="$quota"
  fi
  ((cores >= 1)) || cores=1
  printf '%s\n' "$cores"
}

# Compilers that run at once: one a core, but each may need 2 GB.
build_jobs() {
  local cores memory limit jobs
  cores="$(usable_cores)"
  memory="$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)"
  for limit in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    limit="$(cat "$limit" 2>/dev/null)" || continue
    [[ $limit =~ ^[0-9]{1,15}$ ]] || continue # "max" is no limit
    ((limit >> 20 >= memory)) || memory=$((limit >> 20))
  done
  jobs=$((memory / 2000))
  ((jobs <= cores)) || jobs="$cores"
  ((jobs >= 1)) || jobs=1
  printf '%s\n' "$jobs"
}

# The presets are configured once; after that ninja sees to changed CMake files, but not to a
# LibTorch that has moved.
configure_release() {
  [[ -f build/release/build.ninja ]] &&
    grep -qxF "LIBTORCH:PATH=$libtorch" build/release/CMakeCache.txt && return
  cmake --preset release "-DLIBTORCH=$libtorch"
}

# build_release [TARGET...]: leaves the working folder at the root of the checkout.
build_release() {
  "$root/scripts/setup" --quiet
  locate_libtorch
  cd -- "$root" || return
  configure_release
  local arguments=(--build --preset release)
  [[ -n ${CMAKE_BUILD_PARALLEL_LEVEL:-} ]] || arguments+=(--parallel "$(build_jobs)")
  (($# == 0)) || arguments+=(--target "$@")
  cmake "${arguments[@]}"
}
