# The rules of the house that a compiler does not know.
#   awk -f tools/lint.awk $(find src -name '*.[ch]')
# Prints file:line: rule: what is wrong, and fails. Rules look at code without comments and without
# what stands inside quotes. A line may be excused from one rule by a comment on it that names the
# rule and a reason of ten signs or more:  /* lint: heap: the library's memory */
#
#   banned     calls that cannot be used safely, or have one of ours in their place
#   heap       the heap outside base/mem.c
#   clock      clocks and sleeping outside base/clock.c
#   env        the environment outside base/conf.c
#   database   sqlite3 and libpq outside db/
#   openssl    OpenSSL outside crypto/ and net/tls*
#   log        logging on floors that return their failures instead
#   sql        SQL in api/ or main/
#   words      words that mark unfinished work
#   size       a function over 80 lines, a file over 900
#   comment    a function in a header without a comment above it or above its group; inline ones, and
#              the words of a life cycle (init, fini, free), which mean the same everywhere, need none
#
# Tests and their fixtures are excused from heap, env, log, sql and comment.

BEGIN {
    MAX_FUNCTION = 80
    MAX_FILE = 900
    forbid("banned", "sprintf vsprintf strncpy strncat gets stpcpy stpncpy strtok_r alloca")
    forbid("banned", "scanf fscanf sscanf vscanf vsscanf vfscanf")
    forbid("banned", "atof strtol strtoul strtoll strtoull strtod strtof strtold strtoimax strtoumax")
    forbid("banned", "system popen tmpnam tempnam mktemp exit _exit vfork")
    forbid("banned", "rand srand random srandom rand_r drand48 lrand48 mrand48 arc4random")
    forbid("heap", "malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf")
    forbid("heap", "aligned_alloc posix_memalign memalign valloc getline getdelim")
    forbid("clock", "clock_gettime gettimeofday time clock ftime timespec_get")
    forbid("clock", "sleep usleep nanosleep clock_nanosleep")
    forbid("env", "getenv secure_getenv setenv unsetenv putenv clearenv")
    forbid("log", "log_ev log_failure log_fields")
    split("http realtime jobs api main", names, " ")
    for (i in names) {
        may_log[names[i]] = 1
    }
}

function forbid(rule, calls,   list, n, i) {
    n = split(calls, list, " ")
    for (i = 1; i <= n; i++) {
        rule_of[list[i]] = rule
    }
}

function complain(rule, text) {
    if (excused(rule)) {
        return
    }
    print name ":" line_number ": " rule ": " text
    bad = 1
}

function excused(rule,   at, reason) {
    at = index(comment, "lint: " rule ": ")
    reason = substr(comment, at + length(rule) + 8)
    sub(/\*\/.*/, "", reason)
    return at > 0 && length(reason) > 10
}

# Where a rule does not hold.
function allowed(rule, call) {
    if (rule == "banned") {
        return (path == "base/str.c" && call == "strtod") ||
               ((floor == "main" || is_test) && call ~ /^_?exit$/)
    }
    if (rule == "heap") {
        return path == "base/mem.c" || (path == "base/json.c" && call == "free") || is_test
    }
    if (rule == "clock") {
        return path == "base/clock.c"
    }
    if (rule == "env") {
        return path == "base/conf.c" || is_test
    }
    return (floor in may_log) || path ~ /^base\/log\./ || path ~ /^net\/(door|loop|server)\.c$/ || is_test
}

# Splits a line into code (quotes emptied) and comment; in_comment runs over lines.
function split_line(text,   out, c, two, i, quote, n) {
    out = ""
    comment = ""
    quote = ""
    n = length(text)
    for (i = 1; i <= n; i++) {
        c = substr(text, i, 1)
        two = substr(text, i, 2)
        if (in_comment) {
            comment = comment c
            if (two == "*/") {
                comment = comment "/"
                in_comment = 0
                i++
            }
        } else if (quote != "") {
            if (c == "\\") {
                i++
            } else if (c == quote) {
                quote = ""
                out = out c
            }
        } else if (two == "/*") {
            in_comment = 1
            comment = comment two
            i++
        } else if (two == "//") {
            comment = comment substr(text, i)
            break
        } else {
            if (c == "\"" || c == "'") {
                quote = c
            }
            out = out c
        }
    }
    return out
}

function check_calls(code,   rest, word) {
    rest = code
    while (match(rest, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
        word = substr(rest, RSTART, RLENGTH - 1)
        sub(/[ \t]+$/, "", word)
        # A member that happens to be called like one is none: x->free(y).
        if ((word in rule_of) && substr(rest, 1, RSTART - 1) !~ /(\.|->)$/ &&
            !allowed(rule_of[word], word)) {
            complain(rule_of[word], word)
        }
        rest = substr(rest, RSTART + RLENGTH)
    }
}

function check_libraries(code, text) {
    if (floor != "db" && (code ~ /(^|[^A-Za-z0-9_])(sqlite3_[a-z]|PQ[a-z]+[ \t]*\()/ ||
                          text ~ /^[ \t]*#[ \t]*include.*(sqlite3|libpq)/)) {
        complain("database", "only db/ knows sqlite3 and libpq")
    }
    if (floor != "crypto" && path !~ /^net\/tls/ &&
        (code ~ /(^|[^A-Za-z0-9_])(EVP|SSL|OSSL|CRYPTO|RAND|HMAC|BIO|X509)_[A-Za-z]/ ||
         text ~ /^[ \t]*#[ \t]*include.*openssl\//)) {
        if (code !~ /^#(ifndef|define) CRYPTO_/ && code !~ /_H$/) {
            complain("openssl", "only crypto/ and net/tls* know OpenSSL")
        }
    }
}

function check_sql(code, text) {
    if ((floor == "api" || floor == "main") && !is_test &&
        (code ~ /DB_(TENANT|PLATFORM)_SQL/ ||
         text ~ /"(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH) /)) {
        complain("sql", "SQL belongs in domain/")
    }
}

function check_words() {
    if (comment ~ /(^|[^A-Za-z])(TODO|FIXME|XXX|HACK)([^A-Za-z]|$)/ ||
        tolower(comment) ~ /not implemented|not yet implemented|for now([^a-z]|$)/) {
        complain("words", "unfinished work")
    }
}

# A body begins with { and ends with } in the first column; clang-format sees to it.
function check_size(code) {
    if (code ~ /^\{[ \t]*$/) {
        opened = FNR
    } else if (code ~ /^\}/ && opened) {
        if (FNR - opened - 1 > MAX_FUNCTION) {
            line_number = opened
            complain("size", "a function of " (FNR - opened - 1) " lines")
            line_number = FNR
        }
        opened = 0
    }
}

function check_header(code) {
    if (code ~ /^[ \t]*$/ && comment == "") {
        documented = 0
        return
    }
    if (comment != "") {
        documented = 1
    }
    if (code ~ /^[A-Za-z_].*\(/ && code !~ /^(typedef|static|_Static_assert)[ \t]/ && code !~ /=/ &&
        code !~ /_(init|fini|free)\(/ && !documented) {
        complain("comment", "exported without a comment")
    }
}

function end_file() {
    if (name != "" && lines > MAX_FILE) {
        line_number = lines
        comment = ""
        complain("size", "a file of " lines " lines")
    }
}

FNR == 1 {
    end_file()
    name = path = FILENAME
    sub(/^(.*\/)?src\//, "", path)
    split(path, part, "/")
    floor = part[1] == "domain" ? part[1] "/" part[2] : part[1]
    is_test = path ~ /_(test|fixture)\.[ch]$/
    in_comment = opened = documented = 0
}

{
    lines = line_number = FNR
    code = split_line($0)
    if (code !~ /^[ \t]*#[ \t]*(include|pragma)/) {
        check_calls(code)
    }
    check_libraries(code, $0)
    check_sql(code, $0)
    check_words()
    check_size(code)
    if (path ~ /\.h$/ && path !~ /_table\.h$/ && !is_test) {
        check_header(code)
    }
}

END {
    end_file()
    exit bad
}
