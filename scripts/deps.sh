#!/bin/sh
# Installs what is missing from Debian's own packages, and nothing that is there already.
#
#   scripts/deps.sh GROUP…    groups: build, test, bench, analyze
#
# A program counts as there when `command -v` finds it, a library when pkg-config or the compiler
# does, whoever installed it. Says what it installs in one line; silent when nothing is missing.
set -eu

missing=

lacks() { # package…
    for package; do
        case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
    done
}

program() { # command package
    command -v "$1" >/dev/null 2>&1 || lacks "$2"
}

library() { # pkg-config name, package
    pkg-config --exists "$1" 2>/dev/null || lacks "$2"
}

links() { # a C program that needs it, compiler with options, package…
    source=$1 compiler=$2
    shift 2
    # shellcheck disable=SC2086 # the compiler comes with its options
    printf '%s\n' "$source" | $compiler -x c - -o /dev/null 2>/dev/null || lacks "$@"
}

need_build() {
    program gcc gcc
    links '#include <stdio.h>
        int main(void) { return puts(""); }' gcc libc6-dev
    program meson meson
    program ninja ninja-build
    program pkg-config pkg-config
    program node nodejs
    program npm npm
    library sqlite3 libsqlite3-dev
    library openssl libssl-dev
    library zlib zlib1g-dev
    library libcurl libcurl4-openssl-dev
    library jansson libjansson-dev
    library libcmark libcmark-dev
    library gumbo libgumbo-dev
    library libutf8proc libutf8proc-dev
    links '#include <libstemmer.h>
        int main(void) { return sb_stemmer_list() == 0; }' 'gcc -Wl,--no-as-needed -lstemmer' libstemmer-dev
    [ -f /usr/share/llhttp/llhttp.c ] || lacks node-llhttp
}

need_test() {
    library cmocka libcmocka-dev
    program clang clang
    links '#include <stddef.h>
        int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n) { return p && n > 9; }' \
        'clang -fsanitize=fuzzer,address' clang libclang-rt-14-dev
    [ -x "$(clang --print-prog-name=llvm-cov 2>/dev/null)" ] || lacks llvm-14
    program clang-format clang-format
    program clang-tidy clang-tidy
    program chromium chromium
    program sqlite3 sqlite3
    program curl curl
    program python3 python3
    program shellcheck shellcheck
    program slowhttptest slowhttptest
    program faketime faketime
}

need_bench() {
    library cmocka libcmocka-dev
    program wrk wrk
    program nginx nginx-light
}

need_analyze() {
    program clang clang
    program clang-tidy clang-tidy
    program clang-format clang-format
    program cppcheck cppcheck
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "These Debian packages are missing:$missing" >&2
        echo "Become root, or install sudo, and run this again." >&2
        exit 1
    fi
}

install_missing() {
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Missing, and apt-get is not here to install it:$missing" >&2
        exit 1
    fi
    echo "Installing from Debian:$missing"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # shellcheck disable=SC2086 # one word a package
    if ! quietly $missing; then
        as_root apt-get -qq update >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
        # shellcheck disable=SC2086
        quietly $missing || { cat "$log" >&2; exit 1; }
    fi
}

quietly() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends "$@" >"$log" 2>&1
}

for group; do
    "need_$group"
done
[ -z "$missing" ] || install_missing
