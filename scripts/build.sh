#!/bin/sh
# Builds into a folder: scripts/build.sh FOLDER [meson options…]
# The unit tests are left out where cmocka is not installed (`make test` installs it), or by TESTS=false.
# TARGET builds one target only. The program ends up as FOLDER/metachat. A folder that was set up with
# other options is set to these.
set -eu
folder=$1
shift

tests=${TESTS:-true}
pkg-config --exists cmocka || tests=false

if [ ! -f "$folder/build.ninja" ]; then
    meson setup "$folder" -Dtests="$tests" "$@" >"$folder.log" 2>&1 || {
        tail -n 40 "$folder.log" >&2
        exit 1
    }
    rm -f "$folder.log"
    echo "$*" >"$folder/options"
elif [ "$*" ] && [ "$*" != "$(cat "$folder/options" 2>/dev/null)" ]; then
    meson configure "$folder" "$@"
    echo "$*" >"$folder/options"
elif [ "$tests" = true ] && ! grep -q '"name": "tests", "value": true' "$folder/meson-info/intro-buildoptions.json"; then
    meson configure "$folder" -Dtests=true
fi

quiet=--quiet
[ ! -t 1 ] || quiet=
# shellcheck disable=SC2086 # none of the two is a word when it is empty
ninja -C "$folder" $quiet ${TARGET:-}
ln -sf src/main/metachat "$folder/metachat"
