# Looks at every SQL statement of the house.
#   awk -f tools/sql.awk $(find src -name '*.c')
# Prints the sorted list "file: name" of the statements that are platform-scoped, which is compared
# with tests/snap/platform_sql.txt, so that a new one is a line in a review. Complains on standard
# error, and fails, about
#   - a tenant-scoped text that does not say tenant_id = $1 (of the table tenants itself: id = $1; of
#     the text index, whose row ids carry the tenant: rowid BETWEEN) and is no INSERT that names
#     tenant_id,
#   - a statement whose scope is none of the two.
# A statement is made by DB_TENANT_SQL or DB_PLATFORM_SQL, or, where the two databases need different
# texts, as { .sql = …, .scope = DB_TENANT or DB_PLATFORM, .pg = … }.
# Macros of the same file are put in where a text names them. Tests and their fixtures are not looked
# at, nor db/db.h, which defines the two.

function complain(text) {
    print file ": " text | "cat 1>&2"
    bad = 1
}

# The code of a file without comments, what stands in quotes kept, lines joined by blanks.
function add_line(text,   out, c, two, i, quote, n) {
    out = ""
    quote = ""
    n = length(text)
    for (i = 1; i <= n; i++) {
        c = substr(text, i, 1)
        two = substr(text, i, 2)
        if (in_comment) {
            if (two == "*/") {
                in_comment = 0
                i++
            }
            continue
        }
        if (quote == "" && two == "/*") {
            in_comment = 1
            i++
            continue
        }
        if (quote == "" && two == "//") {
            break
        }
        if (quote != "" && c == "\\") {
            out = out two
            i++
            continue
        }
        if (c == "\"" || c == "'") {
            quote = quote == "" ? c : quote == c ? "" : quote
        }
        out = out c
    }
    code = code out " "
}

# A directive that was put together from its lines; of a macro the body is kept.
function add_directive(text,   name) {
    if (!match(text, /^[ \t]*#[ \t]*define[ \t]+[A-Za-z_][A-Za-z0-9_]*/)) {
        return
    }
    name = substr(text, RSTART, RLENGTH)
    sub(/.*[ \t]/, "", name)
    text = substr(text, RSTART + RLENGTH)
    if (substr(text, 1, 1) == "(") {
        sub(/^\([^)]*\)/, "", text)
    }
    body[name] = text
    if (text ~ /DB_(TENANT|PLATFORM)_SQL/) {
        complain(name ": a macro that makes statements hides them")
    }
}

# Puts the bodies of macros in the place of their names, outside quotes.
function expand(arg, depth,   out, c, i, word, quoted) {
    out = ""
    quoted = 0
    for (i = 1; i <= length(arg); i++) {
        c = substr(arg, i, 1)
        if (quoted && c == "\\") {
            out = out c
            c = substr(arg, ++i, 1)
        } else if (c == "\"") {
            quoted = !quoted
        } else if (!quoted && match(substr(arg, i), /^[A-Za-z_][A-Za-z0-9_]*/)) {
            word = substr(arg, i, RLENGTH)
            i += RLENGTH - 1
            c = (word in body) && depth < 5 ? expand(body[word], depth + 1) : word
        }
        out = out c
    }
    return out
}

# The text between the bracket at the start of rest and the one that closes it.
function argument(rest,   depth, i, c, quoted) {
    depth = quoted = 0
    for (i = 1; i <= length(rest); i++) {
        c = substr(rest, i, 1)
        if (quoted && c == "\\") {
            i++
        } else if (c == "\"") {
            quoted = !quoted
        } else if (!quoted && c == "(") {
            depth++
        } else if (!quoted && c == ")" && --depth == 0) {
            return substr(rest, 2, i - 2)
        }
    }
    return rest
}

# The literals of an argument as one text.
function joined(arg) {
    arg = expand(arg, 0)
    gsub(/"[ \t]+"/, "", arg)
    gsub(/[ \t]+/, " ", arg)
    return arg
}

# The last name before the equals sign that stands before the statement.
function name_before(text) {
    sub(/[ \t]*=[ \t]*(\(.*\)[ \t]*)?$/, "", text)
    if (match(text, /[A-Za-z_][A-Za-z0-9_]*(\[[^\]]*\])?[ \t]*\]?$/)) {
        text = substr(text, RSTART, RLENGTH)
        gsub(/[][ \t]/, "", text)
        return text
    }
    return "unnamed"
}

function check_tenant(name, sql) {
    if (sql ~ /tenant_id = \$1([^0-9]|$)/) {
        return
    }
    if (sql ~ /INSERT (OR [A-Z]+ )?INTO/ && sql ~ /[^a-z_]tenant_id[^a-z_]/ && sql ~ /\$1([^0-9]|$)/) {
        return
    }
    if (sql ~ /(FROM|UPDATE) tenants([^a-z_]|$)/ && sql ~ /[ (.]id = \$1([^0-9]|$)/) {
        return
    }
    if (sql ~ /FROM chunks_fts / && sql ~ /rowid BETWEEN \$/) {
        return
    }
    complain(name ": tenant-scoped, but does not say tenant_id = $1")
}

# Statements that are written as initializers.
function check_initializers(   rest, before, after, start, word) {
    rest = code
    while (match(rest, /\.scope[ \t]*=[ \t]*[A-Za-z_]+/)) {
        word = substr(rest, RSTART, RLENGTH)
        before = substr(rest, 1, RSTART - 1)
        after = substr(rest, RSTART + RLENGTH)
        for (start = length(before); start > 1 && substr(before, start, 1) != "{"; start--) {
        }
        add(name_before(substr(before, 1, start - 1)), word,
            substr(before, start) substr(after, 1, index(after, "}")))
        rest = after
    }
}

function add(name, scope, sql) {
    if (scope ~ /DB_PLATFORM/) {
        list[++count] = file ": " name
    } else if (scope ~ /DB_TENANT/) {
        check_tenant(name, joined(sql))
    } else {
        complain(name ": neither tenant- nor platform-scoped")
    }
}

function end_file(   rest, word, name, at, before) {
    check_initializers()
    rest = code
    while (match(rest, /DB_(TENANT|PLATFORM)_SQL[ \t]*\(/)) {
        word = substr(rest, RSTART, RLENGTH)
        at = RSTART + RLENGTH - 1
        before = substr(rest, 1, RSTART - 1)
        name = name_before(substr(before, length(before) > 300 ? length(before) - 300 : 1))
        rest = substr(rest, at)
        add(name, word, argument(rest))
    }
    code = directive = ""
    for (name in body) {
        delete body[name]
    }
}

FNR == 1 {
    end_file()
    file = FILENAME
    sub(/^.*\/src\//, "src/", file)
    in_comment = 0
}

FILENAME !~ /(_(test|fixture)\.[ch]|(^|\/)db\/db\.h)$/ {
    if (directive != "" || (!in_comment && /^[ \t]*#/)) {
        directive = directive $0
        if (!sub(/\\[ \t]*$/, " ", directive)) {
            add_directive(directive)
            directive = ""
        }
    } else {
        add_line($0)
    }
}

END {
    end_file()
    for (i = 2; i <= count; i++) {
        held = list[i]
        for (j = i - 1; j >= 1 && list[j] > held; j--) {
            list[j + 1] = list[j]
        }
        list[j + 1] = held
    }
    for (i = 1; i <= count; i++) {
        print list[i]
    }
    exit bad
}
