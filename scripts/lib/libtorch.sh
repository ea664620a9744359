# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# LibTorch in a user cache, from the wheels on the Python package index: where it is, whether it is
# whole, and how it gets there (with wheel.sh). A run may be killed at any moment; the next one goes
# on from there.

libtorch_version=2.11.0
# File | bytes | SHA-256 | as pip names it | what is unpacked.
libtorch_wheels=(
  'torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl|530604548|7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a|torch==2.11.0|torch/lib/* torch/include/*'
  'nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl|2243632|7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548|nvidia-cuda-runtime==13.0.96|nvidia/*'
  'nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl|10715597|4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8|nvidia-cuda-cupti==13.0.85|nvidia/*'
)
# Of the list of SHA-256 sums of what libtorch_contents names.
libtorch_contents_sha256=678fb33541beac1023cfe8b4a063ec0c623c52cc3d880794c2e3461e3273ec71
libtorch_disk_mb=2000

# Sets libtorch to the folder in use; every other function here needs that.
locate_libtorch() {
  if [[ -n ${LIBTORCH:-} ]]; then
    libtorch="$(readlink -m -- "$LIBTORCH")"
    return
  fi
  [[ -n ${XDG_CACHE_HOME:-}${HOME:-} ]] ||
    die 'HOME: expected a folder to keep LibTorch in, found nothing; set HOME, XDG_CACHE_HOME or LIBTORCH'
  libtorch_cache="$(readlink -m -- "${XDG_CACHE_HOME:-${HOME:-}/.cache}")/permafrost"
  libtorch="$libtorch_cache/libtorch-$libtorch_version"
  libtorch_stamp="$libtorch/permafrost.stamp"
  wheel_folder="$libtorch_cache/downloads"
  libtorch_unpacking="$libtorch.unpacking"
}

# ---- A folder of the user's own -----------------------------------------------------------------

# Both layouts are taken: a folder that holds torch/, and the torch folder itself.
check_own_libtorch() {
  local torch="$libtorch" header found lacking
  [[ -e $torch/lib/libtorch_cpu.so ]] || torch="$libtorch/torch"
  [[ -e $torch/lib/libtorch_cpu.so ]] ||
    die "LIBTORCH=$LIBTORCH: expected lib/libtorch_cpu.so or torch/lib/libtorch_cpu.so in it, found neither"
  header="$torch/include/torch/headeronly/version.h"
  [[ -e $header ]] || header="$torch/include/torch/csrc/api/include/torch/version.h"
  [[ -e $header ]] || die "LIBTORCH=$LIBTORCH: expected headers in $torch/include, found no torch/version.h"
  found="$(awk '/define TORCH_VERSION_(MAJOR|MINOR|PATCH) / { printf "%s%s", dot, $3; dot = "." }' "$header")"
  [[ $found == "${libtorch_version%.*}".* ]] ||
    say "warning: LIBTORCH=$LIBTORCH: expected version ${libtorch_version%.*}, found ${found:-none}"
  lacking="$(ldd "$torch/lib/libtorch_cpu.so" 2>/dev/null | awk '/not found/ { printf " %s", $1 }' || true)"
  [[ -z $lacking ]] || say "warning: $torch/lib/libtorch_cpu.so needs libraries that are not found:$lacking"
}

# ---- The folder in the cache --------------------------------------------------------------------

libtorch_stamp_text() { printf '%s\n' "${libtorch_wheels[@]}" | awk -F'|' '{ print $3, $1 }'; }

libtorch_contents() {
  (cd -- "$libtorch" && find torch/lib torch/include nvidia/cu13/lib/libcudart.so.13 \
    nvidia/cu13/lib/libcupti.so.13 -type f -print0 2>/dev/null | LC_ALL=C sort -z | xargs -0 sha256sum)
}

libtorch_is_stamped() {
  [[ -f $libtorch_stamp && -e $libtorch/torch/lib/libtorch_cpu.so ]] &&
    [[ $(<"$libtorch_stamp") == "$(libtorch_stamp_text)" ]]
}

# For a folder that was put there by other hands than ours.
libtorch_is_whole() {
  [[ -e $libtorch/torch/lib/libtorch_cpu.so ]] || return 1
  say "checks the LibTorch that is already in $libtorch"
  [[ $(libtorch_contents | sha256sum) == "$libtorch_contents_sha256  -" ]]
}

write_stamp() {
  libtorch_stamp_text >"$1/permafrost.stamp.part"
  mv -- "$1/permafrost.stamp.part" "$1/permafrost.stamp"
}

sweep_libtorch_leftovers() {
  [[ -e $wheel_folder || -e $libtorch_unpacking || -e $libtorch.replaced ]] || return 0
  rm -rf -- "$wheel_folder" "$libtorch_unpacking" "$libtorch.replaced"
}

# ---- Bringing it there ---------------------------------------------------------------------------

unpack_wheels() {
  local row file members
  local -a wanted
  say "unpacks into $libtorch"
  rm -rf -- "$libtorch_unpacking"
  mkdir -p -- "$libtorch_unpacking"
  for row in "${libtorch_wheels[@]}"; do
    IFS='|' read -r file _ _ _ members <<<"$row"
    IFS=' ' read -r -a wanted <<<"$members"
    unzip -q -o "$wheel_folder/$file" "${wanted[@]}" -d "$libtorch_unpacking" ||
      die "$wheel_folder/$file: could not be unpacked; is there room on the disk?"
  done
  write_stamp "$libtorch_unpacking"
  rm -rf -- "$libtorch.replaced"
  [[ ! -e $libtorch ]] || mv -- "$libtorch" "$libtorch.replaced"
  mv -T -- "$libtorch_unpacking" "$libtorch"
}

check_machine() {
  local kind free
  kind="$(uname -s) $(uname -m)"
  [[ $kind == 'Linux x86_64' ]] ||
    die "LibTorch $libtorch_version: expected Linux x86_64, found $kind; set LIBTORCH=DIR to a LibTorch of your own"
  free="$(df -Pm -- "$libtorch_cache" | awk 'NR == 2 { print $4 }')"
  ((free >= libtorch_disk_mb)) ||
    die "$libtorch_cache: expected $libtorch_disk_mb MB of free disk, found $free MB"
}

# Brings LibTorch into the cache. Two runs at a time are one after the other.
fetch_libtorch() (
  mkdir -p -- "$libtorch_cache" 2>/dev/null || die "$libtorch_cache: expected a folder to write to; cannot make it"
  [[ -w $libtorch_cache ]] || die "$libtorch_cache: expected a folder to write to; it is read-only for $(id -un)"
  if command -v flock >/dev/null; then
    exec 9>"$libtorch_cache/lock"
    flock -n 9 || { say 'waits for another scripts/setup' && flock 9; }
  fi
  if libtorch_is_stamped; then
    :
  elif libtorch_is_whole; then
    write_stamp "$libtorch"
  else
    [[ ! -e $libtorch ]] || say "$libtorch: not the whole LibTorch $libtorch_version; it is replaced"
    check_machine
    mkdir -p -- "$wheel_folder"
    set_curl
    for row in "${libtorch_wheels[@]}"; do
      IFS='|' read -r file bytes sum requirement _ <<<"$row"
      fetch_wheel "$file" "$bytes" "$sum" "$requirement"
    done
    unpack_wheels
  fi
  sweep_libtorch_leftovers
)
