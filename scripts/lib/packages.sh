# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The tools and libraries that come from the system, for scripts/setup.
#
# One row each: Debian package | how to see it on any other system | required or optional | why.

build_packages=(
  'g++|command g++|required|C++20 compiler'
  'cmake|command cmake|required|configures the build'
  'ninja-build|command ninja|required|runs the build'
  'ccache|command ccache|optional|repeats a build without compiling again'
  'pkg-config|command pkg-config|required|finds FFmpeg'
  'libavformat-dev|library libavformat|required|FFmpeg: reads video containers'
  'libavcodec-dev|library libavcodec|required|FFmpeg: decodes video'
  'libavutil-dev|library libavutil|required|FFmpeg: frames and pixel formats'
  'libswscale-dev|library libswscale|required|FFmpeg: converts pixels to RGB'
  'nlohmann-json3-dev|header nlohmann/json.hpp|required|reads and writes JSON'
  'libcli11-dev|header CLI/CLI.hpp|required|reads the command line'
  'libssl-dev|header openssl/evp.h|required|SHA-256 of inputs and cells'
  'libpng-dev|header png.h|required|writes PNG pictures'
  'zlib1g-dev|header zlib.h|required|CRC-32 of the records of weights'
  'liblzma-dev|header lzma.h|required|reads records that are packed (.tar.xz)'
  'libgtest-dev|header gtest/gtest.h|required|tests'
  'libbenchmark-dev|header benchmark/benchmark.h|required|micro benchmarks'
  'git|command git|optional|names the commit in records'
)
# Needed only where LibTorch has to be fetched.
fetch_packages=(
  'ca-certificates|file /etc/ssl/certs|required|trusts the server that holds LibTorch'
  'curl|command curl|required|fetches LibTorch, and continues after a break'
  'unzip|command unzip|required|unpacks LibTorch'
)

# seen KIND NAME: whether the system has it, from whatever source.
seen() {
  case "$1" in
    command) command -v "$2" >/dev/null ;;
    library) pkg-config --exists "$2" 2>/dev/null ;;
    header) printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$2" |
      "${CXX:-g++}" -x c++ -std=c++20 -E -o /dev/null - 2>/dev/null ;;
    file) [[ -e $2 ]] ;;
  esac
}

# missing_packages ROW...: prints the rows of what is not there.
missing_packages() {
  local row package kind name
  local -A installed=()
  if command -v dpkg-query >/dev/null; then
    while read -r package; do
      installed[$package]=yes
    done < <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${@%%|*}" 2>/dev/null |
      sed -n 's/^installed //p')
  fi
  for row in "$@"; do
    package="${row%%|*}"
    [[ -n ${installed[$package]:-} ]] && continue
    IFS='| ' read -r _ kind name _ <<<"$row"
    seen "$kind" "$name" || printf '%s\n' "$row"
  done
}

# find_root [ask]: sets as_root to what must stand before a command that needs root; false where
# there is no way. Only with `ask` may it come to a password.
find_root() {
  local settings=(env DEBIAN_FRONTEND=noninteractive)
  if ((EUID == 0)); then
    as_root=("${settings[@]}")
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n "${settings[@]}")
  elif [[ ${1:-} == ask && -t 0 ]] && command -v sudo >/dev/null; then
    as_root=(sudo "${settings[@]}")
  else
    return 1
  fi
}

# apt_install PACKAGE...: with the package lists as they are if they serve, else with fresh ones.
apt_install() {
  local install=("${as_root[@]}" apt-get install -y -q --no-install-recommends
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@")
  if apt-get install -s -qq --no-install-recommends "$@" >/dev/null 2>&1 && "${install[@]}" >&2; then
    return
  fi
  # A foreign source that fails to update must not stop us: the install below decides.
  "${as_root[@]}" apt-get update -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 >&2 ||
    say 'apt-get update: failed at least in part; going on with the lists there are'
  "${install[@]}" >&2
}

# install_packages ROW...: installs what is missing, or says what is and ends the script. Optional
# ones never end it.
install_packages() {
  local rows row package probe need why
  local names=() notes=() required=()
  mapfile -t rows < <(missing_packages "$@")
  ((${#rows[@]})) || return 0
  for row in "${rows[@]}"; do
    IFS='|' read -r package probe need why <<<"$row"
    names+=("$package")
    notes+=("$package ($why; $need; no $probe)")
    [[ $need == optional ]] || required+=("$package")
  done

  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    if ((${#required[@]})); then
      printf '%s\n' "${notes[@]/#/missing: }" | say_lines
      die "no apt-get and dpkg here: expected the above (names are Debian's), install ${required[*]} by the means of this system"
    fi
  elif find_root "${required[0]:+ask}"; then
    printf '%s\n' "${notes[@]/#/installs }" | say_lines
    apt_install "${names[@]}" && return
    ((${#required[@]} == 0)) || die "apt-get could not install all of: ${names[*]} (its own messages are above)"
  elif ((${#required[@]})); then
    printf '%s\n' "${notes[@]/#/missing: }" | say_lines
    die "neither root nor sudo; ask an administrator for: apt-get install --no-install-recommends ${names[*]}"
  fi
  [[ ${when_ready:-} == silent ]] || say "goes on without the optional ${names[*]}"
}

# The presets need this version; an older CMake only says that it cannot read them.
check_cmake() {
  local found
  found="$(cmake --version | awk 'NR == 1 { print $3 }')"
  [[ $(printf '%s\n' 3.25 "$found" | sort -V | head -n 1) == 3.25 ]] ||
    die "CMake: expected 3.25 or newer, found $found ($(command -v cmake))"
}
