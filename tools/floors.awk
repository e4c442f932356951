# Holds the sources to src/FLOORS: a file may include only what its floor may see.
#   awk -f tools/floors.awk src/FLOORS $(find src -name '*.[ch]')
# A floor is the first folder below src/, below domain/ the first two. Includes are spelled with
# their floor. FLOORS names lower floors first, so it can hold no cycle.

function floor_of(path,   part, n) {
    n = split(path, part, "/")
    if (part[1] == "domain" && n > 2) {
        return part[1] "/" part[2]
    }
    return part[1]
}

function complain(text) {
    print FILENAME ":" FNR ": " text
    bad = 1
}

function read_floor(   i) {
    if ($1 in known) {
        complain("floor " $1 " is named twice")
    }
    for (i = 2; i <= NF; i++) {
        if (!($i in known)) {
            complain($1 " may not stand on " $i ", which is not named above it")
        }
        may[$1, $i] = 1
    }
    known[$1] = 1
    may[$1, $1] = 1
}

FNR == 1 {
    file++
    path = FILENAME
    sub(/^(.*\/)?src\//, "", path)
    from = floor_of(path)
}

file == 1 {
    if ($0 !~ /^#/ && NF) {
        read_floor()
    }
    next
}

FNR == 1 && !(from in known) {
    complain("floor " from " is not in FLOORS")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    to = floor_of(quoted[2])
    if (!(to in known)) {
        complain("\"" quoted[2] "\" is not spelled with its floor")
    } else if ((from in known) && !((from, to) in may)) {
        complain(from " may not include \"" quoted[2] "\"")
    }
}

END {
    exit bad
}
