# Shared by the scripts beside it; source it, do not run it.
# shellcheck shell=bash disable=SC2034

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
RELEASE=$ROOT/.build/release

# ONVM_BED names another bed, to have two side by side.
HOST_NAMESPACE=${ONVM_BED:-onvm}-host
CLIENT_NAMESPACE=${ONVM_BED:-onvm}-client

if [[ -t 1 ]]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
    BOLD='' DIM='' RED='' GREEN='' PLAIN=''
fi

say() { printf '%s\n' "$*"; }
step() { printf '\n%s==> %s%s\n' "$BOLD" "$*" "$PLAIN"; }
note() { printf '%s    %s%s\n' "$DIM" "$*" "$PLAIN"; }
complain() { printf '%s%s: %s%s\n' "$RED" "${0##*/}" "$*" "$PLAIN" >&2; }
die() {
    complain "$*"
    exit 1
}
usage_error() {
    complain "$* (try ${0##*/} --help)"
    exit 64
}

# Prints the comment block at the top of the calling script.
show_help() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

# Runs a command as root: directly, or through sudo with this PATH (sudo would replace it, and swift is often not in its own).
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo env "PATH=$PATH" "$@"
    else
        complain "needs root for: $* (run it as root, or install sudo)"
        return 77
    fi
}

# Re-runs the calling script as root.
become_root() {
    ((EUID == 0)) && return
    command -v sudo >/dev/null || {
        complain "needs root: run it as root, or install sudo"
        exit 77
    }
    exec sudo env "PATH=$PATH" ${ONVM_BED:+"ONVM_BED=$ONVM_BED"} ${ONVM:+"ONVM=$ONVM"} "$0" "$@"
}

# `ip netns exec` would give every command a mount namespace and a /sys of its own; nsenter changes the network
# namespace and nothing else.
HOST=(nsenter "--net=/run/netns/$HOST_NAMESPACE" --)
CLIENT=(nsenter "--net=/run/netns/$CLIENT_NAMESPACE" --)

require_swift() {
    command -v swift >/dev/null ||
        die "no 'swift' in PATH: Swift 6.2 or newer is needed, see https://www.swift.org/install/linux/"
}

# Builds in release mode when a source is newer than the binaries; says so, because it takes minutes the first time.
# build_release PRODUCT...
build_release() {
    local product newer=
    require_swift
    for product in "$@"; do
        [[ -x $RELEASE/$product ]] || newer=$product
        [[ -n $newer ]] ||
            newer=$(find "$ROOT/Package.swift" "$ROOT/Sources" "$ROOT/Tests/HostileNF" "$ROOT/Tests/TCPPeer" \
                "$ROOT/bpf" -type f -newer "$RELEASE/$product" -print -quit)
    done
    [[ -n $newer ]] || return 0
    step "Building $* (swift build -c release; several minutes in a fresh clone)"
    for product in "$@"; do
        (cd "$ROOT" && swift build -c release --product "$product") || return
        # A source that changed nothing in it leaves it as old as it was: do not ask again for it.
        touch "$RELEASE/$product"
    done
}
