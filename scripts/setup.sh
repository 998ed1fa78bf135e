#!/usr/bin/env bash
# Names what a build needs and this machine lacks, and installs it with apt. Says one line where nothing is missing.
#   as root, or where sudo asks nothing: installs without asking if CI=true or nobody sits at a terminal
#   at a terminal: asks first
#   otherwise: prints the one command and stops
#   --cluster  also what the tests and a cluster on this machine need: PostgreSQL, Redis, nginx, Prometheus. None of them
#              is started
#   --browser  also what the tests of the pages need: Chromium, and letters for all their languages
set -euo pipefail
cd "$(dirname "$0")/.."

CLUSTER='' BROWSER=''
for option; do
    case $option in
        --cluster) CLUSTER=yes ;;
        --browser) BROWSER=yes ;;
        *) echo "setup.sh: '$option' is not known; --cluster and --browser are" >&2; exit 2 ;;
    esac
done
MACHINE=${TRAFFIC_SETUP_ROOT:-}     # another root folder only in test-setup.sh

POLICY=${TRAFFIC_POLICY_RC_D:-/usr/sbin/policy-rc.d}   # another path only in test-setup.sh
KEPT=$POLICY.before-traffic
MARK='# put here by Traffic setup while apt runs'

# The toolchain is never installed from here: Debian's is too old, and which one to use is the owner's choice.
check_rust() {
    local need have
    need=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        echo "missing: Rust $need or newer. Install it, then open a new shell:" >&2
        echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile default" >&2
        return 1
    fi
    have=$(rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
    if [ "$(printf '%s\n' "$need" "$have" | sort -V | head -n 1)" != "$need" ]; then
        echo "too old: Rust $have, needed is $need or newer:" >&2
        echo "  rustup update stable" >&2
        return 1
    fi
}

# Debian packages that are needed and not there, one a line.
missing_packages() {
    command -v gcc >/dev/null || echo gcc
    # The headers come with a package of their own, which plain `gcc` only recommends.
    local header found=
    for header in /usr/include/stdio.h /usr/include/*/stdio.h; do [ ! -e "$header" ] || found=yes; done
    [ -n "$found" ] || echo libc6-dev
    command -v make >/dev/null || echo make
    command -v curl >/dev/null || echo curl
    command -v python3 >/dev/null || echo python3
    command -v openssl >/dev/null || echo openssl    # the tests check a ticket with it, as a door would
    command -v strace >/dev/null || echo strace      # the tests make disk syncs fail with it
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    [ -z "$CLUSTER" ] || missing_servers
    [ -z "$BROWSER" ] || missing_for_browser
}

# Debian keeps the programs of PostgreSQL's server out of the path, and nginx out of that of users who are not root.
missing_servers() {
    local program found=
    for program in "$MACHINE"/usr/lib/postgresql/*/bin/postgres; do [ ! -x "$program" ] || found=yes; done
    [ -n "$found" ] || command -v postgres >/dev/null || echo postgresql
    command -v redis-server >/dev/null || echo redis-server
    command -v nginx >/dev/null || [ -x "$MACHINE/usr/sbin/nginx" ] || echo nginx
    { command -v promtool && command -v prometheus; } >/dev/null || echo prometheus   # the tests of what nodes measure
}

missing_for_browser() {
    command -v chromium >/dev/null || echo chromium
    # Without it Hindi is boxes.
    [ -e "$MACHINE/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf" ] || echo fonts-noto-core
}

as_root() { ${SUDO:+"$SUDO"} "$@"; }

# 101 is Debian's word for "do not start that": a database that apt brings along must not open a port by itself.
forbid_starts() {
    if grep -qsF "$MARK" "$POLICY"; then
        as_root rm -f "$POLICY"          # left by a run that was killed
    elif [ -e "$POLICY" ] || [ -L "$POLICY" ]; then
        as_root mv -f "$POLICY" "$KEPT"
    fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$MARK" | as_root tee "$POLICY" >/dev/null
    as_root chmod 755 "$POLICY"
}

allow_starts() {
    as_root rm -f "$POLICY"
    if [ -e "$KEPT" ] || [ -L "$KEPT" ]; then as_root mv -f "$KEPT" "$POLICY"; fi
}

install() {
    trap allow_starts EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    forbid_starts
    as_root apt-get update -qq
    # Another apt may hold the lock for a while, an unattended upgrade for minutes.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@"
}

mapfile -t packages < <(missing_packages)
if ((${#packages[@]} > 0)); then
    echo "missing: ${packages[*]}" >&2
    SUDO=
    [ "$(id -u)" = 0 ] || SUDO=sudo
    command="${SUDO:+$SUDO }apt-get update && ${SUDO:+$SUDO }apt-get install -y ${packages[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "this machine has no apt-get: install them with its own package manager" >&2
        exit 1
    fi

    go=
    if [ "${CI:-}" != true ] && [ -t 0 ]; then
        read -r -p "install now with: $command ? [y/N] " answer
        [[ $answer == [yY]* ]] && go=yes
    elif [ -z "$SUDO" ] || sudo -n true 2>/dev/null; then
        go=yes
    fi
    if [ -z "$go" ]; then
        echo "install them with:" >&2
        echo "  $command" >&2
        exit 1
    fi
    (install "${packages[@]}")
    mapfile -t packages < <(missing_packages)
    ((${#packages[@]} == 0)) || { echo "still missing after the install: ${packages[*]}" >&2; exit 1; }
fi
check_rust
echo "setup: everything needed is here"
