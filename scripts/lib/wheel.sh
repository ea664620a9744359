# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Fetches one wheel from the package index that pip is set to use, into wheel_folder: continued where
# an earlier run was cut, and taken only with the expected SHA-256. Example:
#   fetch_wheel x-1.0-py3-none-any.whl 1234 9f86d0... x==1.0

# ---- Where it is --------------------------------------------------------------------------------

# pip_setting KEY: as pip itself would take it, from the environment or the first file that has it.
pip_setting() {
  local name="PIP_${1^^}" file value
  name="${name//-/_}"
  if [[ -n ${!name:-} ]]; then
    printf '%s\n' "${!name}"
    return
  fi
  for file in "${PIP_CONFIG_FILE:-}" "${VIRTUAL_ENV:-}/pip.conf" "${XDG_CONFIG_HOME:-${HOME:-}/.config}/pip/pip.conf" \
    "${HOME:-}/.pip/pip.conf" /etc/pip.conf /etc/xdg/pip/pip.conf; do
    [[ -f $file ]] || continue
    value="$(awk -v key="$1" '
      /^\[/ { inside = /^\[(global|download)\]/; taken = 0; next }
      /^[ \t]*[#;]/ { next }
      inside && /^[A-Za-z_-]+[ \t]*[=:]/ {
        name = $0; sub(/[ \t]*[=:].*/, "", name); gsub(/_/, "-", name)
        taken = name == key; sub(/^[^=:]*[=:]/, "")
      }
      inside && taken { gsub(/^[ \t]+|[ \t]+$/, ""); if ($0 != "") printf "%s ", $0 }' "$file")"
    if [[ -n $value ]]; then
      printf '%s\n' "${value% }"
      return
    fi
  done
}

# curl with the certificates and the proxy that pip is told to use; its own settings come first.
set_curl() {
  local cert proxy
  curl=(curl --fail --location --netrc-optional --connect-timeout 30 --speed-limit 1000 --speed-time 60)
  cert="$(pip_setting cert)"
  [[ -z $cert || -n ${CURL_CA_BUNDLE:-}${SSL_CERT_FILE:-} ]] || curl+=(--cacert "$cert")
  proxy="$(pip_setting proxy)"
  [[ -z $proxy ]] || curl+=(--proxy "$proxy")
}

# link_to FILE PAGE: the address that PAGE, of a simple index, gives for FILE.
link_to() {
  sed "s/[\"']/\\n/g" "$2" | awk -v file="$1" '
    { sub(/#.*/, ""); gsub(/&amp;/, "\\&"); path = $0; sub(/\?.*/, "", path); n = split(path, parts, "/") }
    !found && parts[n] == file { found = $0 }
    END { print found }'
}

# wheel_url FILE PROJECT: prints the address of the file; false where no index has it.
wheel_url() {
  local index base link page="$wheel_folder/index.html"
  for index in $(pip_setting index-url | grep . || echo https://pypi.org/simple) $(pip_setting extra-index-url); do
    index="${index%/}/$2/"
    base="$("${curl[@]}" --silent --show-error --retry 3 -H 'Accept: text/html' -w '%{url_effective}' -o "$page" "$index")" ||
      { say "$index: cannot be read" && continue; }
    link="$(link_to "$1" "$page")"
    case "$link" in
      '') say "$index: does not list $1" && continue ;;
      *://*) printf '%s\n' "$link" ;;
      //*) printf '%s\n' "${base%%//*}$link" ;;
      /*) printf '%s\n' "$(sed -E 's|^([a-z]+://[^/]*).*|\1|' <<<"$base")$link" ;;
      *) printf '%s\n' "${base%/*}/$link" ;;
    esac
    return
  done
  return 1
}

# ---- Fetching it --------------------------------------------------------------------------------

sha256_of() { sha256sum <"$1" | cut -d ' ' -f 1; }

# part_is_good PART BYTES SHA256: removes a file that is long enough but not the one expected.
part_is_good() {
  local size found
  size="$(stat -c %s -- "$1" 2>/dev/null || echo 0)"
  ((size >= $2)) || return 1
  found="$(sha256_of "$1")"
  [[ $found == "$3" ]] && return
  say "$(basename -- "$1" .part): expected SHA-256 $3, found $found; dropped"
  rm -f -- "$1"
  return 1
}

# Continues PART where it ends; false when the server or the line gives up.
curl_part() {
  local part="$1" url="$2" size status=0
  local show=(--silent --show-error)
  [[ -t 2 ]] && show=(--progress-bar)
  size="$(stat -c %s -- "$part" 2>/dev/null || echo 0)"
  ((size == 0)) || say "continues after $((size >> 20)) MB"
  "${curl[@]}" "${show[@]}" --continue-at - --output "$part" "$url" || status=$?
  case "$status" in
    0) ;;
    33 | 36) rm -f -- "$part" ;& # the server cannot continue a file: all of it next time
    *) return "$status" ;;
  esac
}

# Any Python will do: pip only carries the file.
pip_part() {
  local part="$1" file="$2" requirement="$3" folder="$wheel_folder/pip" show=(--quiet)
  [[ -t 2 ]] && show=()
  python3 -m pip --version >/dev/null 2>&1 || return 1
  say "curl could not fetch $file; tries pip download"
  python3 -m pip download "${show[@]}" --no-deps --no-cache-dir --dest "$folder" --only-binary=:all: \
    --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64 \
    --platform manylinux_2_25_x86_64 --platform manylinux2014_x86_64 "$requirement" >&2 || return 1
  mv -- "$folder/$file" "$part"
}

# The file in a folder that pip is told to look in, where there is one.
linked_part() {
  local folder
  for folder in $(pip_setting find-links); do
    folder="${folder#file://}"
    if [[ -f $folder/$2 ]]; then
      cp -- "$folder/$2" "$1"
      return
    fi
  done
  return 1
}

# from_index PART FILE BYTES SHA256 PROJECT
from_index() {
  local attempt url wrong=0
  for attempt in 1 2 3 4 5; do
    url="$(wheel_url "$2" "$5")" || return 1
    if ! curl_part "$1" "$url"; then
      sleep "$attempt"
    elif part_is_good "$1" "$3" "$4"; then
      return
    else
      wrong=$((wrong + 1)) # once may be a damaged part of an earlier run; twice is the server
      ((wrong < 2)) || return 1
    fi
  done
  return 1
}

# fetch_wheel FILE BYTES SHA256 REQUIREMENT
fetch_wheel() {
  local whole="$wheel_folder/$1" part="$wheel_folder/$1.part"
  if part_is_good "$whole" "$2" "$3"; then
    return
  elif ! part_is_good "$part" "$2" "$3"; then
    say "fetches $1 ($((($2 >> 20) + 1)) MB)"
    { linked_part "$part" "$1" && part_is_good "$part" "$2" "$3"; } ||
      from_index "$part" "$1" "$2" "$3" "${4%%=*}" ||
      { pip_part "$part" "$1" "$4" && part_is_good "$part" "$2" "$3"; } ||
      die "$1: could not be fetched whole (reasons above); run again to continue, or set LIBTORCH=DIR to a LibTorch of your own"
  fi
  mv -- "$part" "$whole"
}
