# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Where the checkout is, and how a script speaks: one line a message, on the error stream.

# shellcheck disable=SC2034 # the scripts use it
root="$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.." >/dev/null && pwd -P)"

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

say_lines() { while IFS= read -r line; do say "$line"; done; }

# The run failed.
die() {
  say "$@"
  exit 1
}

# The script was called in a wrong way.
bad_usage() {
  say "$* (see scripts/${0##*/} --help)"
  exit 2
}

# Prints the comment at the top of the calling script, which is its manual.
print_help() {
  awk 'NR <= 2 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$(readlink -f -- "$0")"
}
