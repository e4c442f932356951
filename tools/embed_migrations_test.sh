#!/bin/sh
# Which folders of migrations are taken, and which end the build. $1: the program.
set -eu
embed=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

# try WANT NAME FILE…  makes the files in a fresh folder; WANT is ok or refused.
try() {
    want=$1 name=$2
    shift 2
    rm -rf "$dir/m"
    mkdir "$dir/m"
    for f in "$@"; do echo "SELECT '$f?\\';" > "$dir/m/$f"; done
    if "$embed" list "$dir/out.c" "$dir/out.d" "$dir/m" 2> "$dir/err"; then got=ok; else got=refused; fi
    if [ "$got" != "$want" ]; then
        echo "FAILED $name: $got instead of $want: $(cat "$dir/err")"
        failed=1
    fi
}

has() {
    if ! grep -qF -- "$1" "$dir/$2"; then
        echo "FAILED: $2 lacks $1"
        failed=1
    fi
}

try ok "an empty folder"
has '{},' out.c
try ok "pairs" 0010_b.up.sql 0010_b.down.sql 0002_a.up.sql 0002_a.down.sql
has '.version = 2' out.c
has "$dir/m/0010_b.up.sql" out.d
[ "$(grep -o 'version = [0-9]*' "$dir/out.c" | tr '\n' ' ')" = "version = 2 version = 10 " ] || {
    echo "FAILED: not sorted by number"
    failed=1
}
try refused "no way back" 0001_a.up.sql
has "way back" err
try refused "no way there" 0001_a.down.sql
try refused "a number used twice" 0001_a.up.sql 0001_a.down.sql 0001_b.up.sql 0001_b.down.sql
try refused "no number" a.up.sql a.down.sql
try refused "no name" 0001_.up.sql 0001_.down.sql
try refused "no direction" 0001_a.sql
try ok "other files beside" README 0001_a.up.sql 0001_a.down.sql
: > "$dir/m/0001_a.down.sql"
if "$embed" list "$dir/out.c" "$dir/out.d" "$dir/m" 2> /dev/null; then
    echo "FAILED: an empty text was taken"
    failed=1
fi
exit $failed
