#!/bin/sh
# Builds the pages and turns them into a C array: web/build.sh EMBED OUT.c DEPFILE STAGE VERSION
#
# Each folder here with an index.html is a page. Its main.ts is type-checked and bundled into
# main.js; everything else of the folder is taken as it is, and packed besides. The widget is a
# script alone, under a name that tells version and bytes, and a loader that knows the name. STAGE
# is a scratch folder.
set -eu
embed=$(readlink -f "$1") out=$2 depfile=$3 stage=$4 version=$5
web=$(cd "$(dirname "$0")" && pwd)

# The tools come by the lock file, once for each state of it; several builds may start at once.
install_tools() {
    exec 9>"$web/.npm.lock"
    flock 9
    if ! cmp -s "$web/package-lock.json" "$web/node_modules/.installed-lock.json"; then
        (cd "$web" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
        cp "$web/package-lock.json" "$web/node_modules/.installed-lock.json"
    fi
    exec 9>&-
}

esbuild() {
    "$web/node_modules/.bin/esbuild" --minify --target=es2022 --charset=utf8 --legal-comments=none \
        --log-level=warning "$@"
}

bundle() { # page
    mkdir -p "$stage/$1"
    (cd "$web/$1" && find . -type f ! -name '*.ts' ! -name '.*' -exec cp --parents -t "$stage/$1" {} +)
    if [ -f "$web/$1/main.ts" ]; then
        esbuild "$web/$1/main.ts" --bundle --outfile="$stage/$1/main.js"
    fi
}

digest() { # algorithm, encoding, file
    node -p 'const [algorithm, encoding, file] = process.argv.slice(1);
        crypto.createHash(algorithm).update(fs.readFileSync(file)).digest(encoding)' "$@"
}

# The packages whose code goes into the widget: their licences want to go along.
shipped='socket.io-client engine.io-client engine.io-parser socket.io-parser @socket.io/component-emitter'

licenses() {
    for package in $shipped; do
        printf '%s\n\n' "$package"
        cat "$web/node_modules/$package/LICENSE"
        printf '\n\n'
    done
}

widget() {
    scratch=$stage.widget name=widget/$version
    rm -rf "$scratch"
    mkdir -p "$scratch" "$stage/$name"
    licenses >"$stage/$name/licenses.txt"
    esbuild "$web/widget/style.css" --outfile="$scratch/style.css"
    esbuild "$web/widget/main.ts" --bundle --loader:.css=text --alias:widget-style="$scratch/style.css" \
        --banner:js="/*! metachat: Apache-2.0. With $shipped: MIT, /$name/licenses.txt */" \
        --outfile="$scratch/main.js"
    name=$name/$(digest sha256 hex "$scratch/main.js" | cut -c 1-16).js
    esbuild "$web/widget/loader.ts" --bundle --define:WIDGET_PATH="\"/$name\"" \
        --define:WIDGET_INTEGRITY="\"sha384-$(digest sha384 base64 "$scratch/main.js")\"" \
        --outfile="$stage/widget/loader.js"
    mv "$scratch/main.js" "$stage/$name"
    rm -rf "$scratch"
}

# Beside each file its gzip and Brotli forms, where they spare at least a twentieth.
pack() {
    find "$stage" -type f -exec node -e '
        const { readFileSync, writeFileSync } = require("node:fs");
        const { brotliCompressSync, gzipSync } = require("node:zlib");
        for (const path of process.argv.slice(1)) {
            const bytes = readFileSync(path);
            const packed = { ".gz": gzipSync(bytes, { level: 9 }), ".br": brotliCompressSync(bytes) };
            for (const [ending, out] of Object.entries(packed)) {
                if (out.length <= bytes.length * 0.95) writeFileSync(path + ending, out);
            }
        }' {} +
}

install_tools
rm -rf "$stage"
mkdir -p "$stage"
stage=$(readlink -f "$stage")
if [ -n "$(find "$web" -name node_modules -prune -o -name '*.ts' -print -quit)" ]; then
    "$web/node_modules/.bin/tsc" --noEmit -p "$web"
fi
for index in "$web"/*/index.html; do
    [ -f "$index" ] && bundle "$(basename "$(dirname "$index")")"
done
widget
pack
"$embed" web_files "$out" /dev/null "$stage"

{
    printf '%s:' "$out"
    find "$web" "$web"/../i18n/widget.*.json -name node_modules -prune -o -name '.npm.lock' -o -print | sed 's/ /\\ /g; s/^/ /' | tr -d '\n'
    echo
} >"$depfile"
