#!/bin/bash
# The checkers are checked: each kind of breach is planted alone in a folder of its own and must be
# refused, by name; what is allowed must pass. Ends with "N passed, N failed".
# shellcheck disable=SC2016 # the $1 below are SQL's
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd) || exit
tools=$root/tools
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
cd "$work" || exit
passed=0 failed=0

verdict() { # ok or not, name
    if [[ $1 == ok ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $2"
        printf '%s\n' "$output" | sed 's/^/    /'
    fi
}

# An empty tree with one file, whose text comes from standard input.
plant() { # path below src/
    rm -rf src
    mkdir -p "src/$(dirname "$1")"
    cat >"src/$1"
    planted=src/$1
}

run() { # checker
    output=$(
        case $1 in
        floors) awk -f "$tools/floors.awk" FLOORS "$planted" 2>&1 ;;
        secrets) node "$root/scripts/secrets.js" "$planted" 2>&1 ;;
        *) awk -f "$tools/$1.awk" "$planted" 2>&1 ;;
        esac
    )
}

refuses() { # checker, what it must say, path below src/
    plant "$3"
    if ! run "$1" && [[ $output == *"$2"* ]]; then verdict ok; else verdict no "$1 must refuse $3: $2"; fi
}

passes() { # checker, path below src/
    plant "$2"
    if run "$1"; then verdict ok; else verdict no "$1 must let $2 pass"; fi
}

lines() { # count, text
    for ((i = 0; i < $1; i++)); do echo "$2"; done
}

# --- floors ---

cat >FLOORS <<'END'
# a comment
base
db             base
domain/ledger  base db
domain/account base db domain/ledger
api            base db domain/account
END
passes floors domain/account/key.c <<<'#include "domain/ledger/event.h"'
passes floors domain/account/key.c <<<'#include "domain/account/key.h"'
passes floors base/str.c <<<'#include <string.h>'
refuses floors 'base may not include "db/db.h"' base/str.c <<<'#include "db/db.h"'
refuses floors 'domain/ledger may not include' domain/ledger/event.c <<<'  #  include "domain/account/key.h"'
refuses floors 'api may not include' api/chat.c <<<'#include "domain/ledger/event.h"'
refuses floors 'not spelled with its floor' base/str.c <<<'#include "str.h"'
refuses floors 'floor extra is not in FLOORS' extra/x.c <<<'int x;'
refuses floors 'floor domain/new is not in FLOORS' domain/new/x.c <<<'int x;'
cat >FLOORS <<'END'
base db
db base
END
refuses floors 'base may not stand on db' base/str.c <<<'int x;'

# --- lint: one call of each rule, and where it is allowed ---

refuses lint 'banned: sprintf' db/x.c <<<'    sprintf(p, "x");'
refuses lint 'banned: strncpy' db/x.c <<<'    strncpy (p, q, 3);'
refuses lint 'banned: strtol' db/x.c <<<'    v = strtol(p, NULL, 10);'
refuses lint 'banned: system' db/x.c <<<'    (void)system("ls");'
refuses lint 'banned: gets' db/x_test.c <<<'    gets(p);'
refuses lint 'heap: malloc' db/x.c <<<'    p = malloc(3);'
refuses lint 'heap: free' db/x.c <<<'    free(p);'
refuses lint 'heap: strdup' db/x.c <<<'    p = strdup(q);'
refuses lint 'heap: malloc' base/json.c <<<'    p = malloc(3);'
passes lint base/mem.c <<<'    p = malloc(3);'
passes lint base/json.c <<<'    free(p);'
refuses lint 'clock: clock_gettime' db/x.c <<<'    clock_gettime(CLOCK_REALTIME, &ts);'
refuses lint 'clock: time' db/x.c <<<'    now = time(NULL);'
refuses lint 'clock: usleep' db/x_test.c <<<'    usleep(1);'
passes lint base/clock.c <<<'    clock_gettime(CLOCK_REALTIME, &ts);'
# shows: CONF-1
refuses lint 'env: getenv' main/x.c <<<'    v = getenv("HOME");'
passes lint base/conf.c <<<'    v = getenv("HOME");'
refuses lint 'database: ' domain/ledger/x.c <<<'    sqlite3_step(s);'
refuses lint 'database: ' api/x.c <<<'#include <sqlite3.h>'
refuses lint 'database: ' api/x.c <<<'    r = PQexec(c, q);'
refuses lint 'database: ' api/x.c <<<'#include <libpq-fe.h>'
passes lint db/x.c <<<'    sqlite3_step(s);'
refuses lint 'openssl: ' net/client.c <<<'#include <openssl/ssl.h>'
refuses lint 'openssl: ' domain/account/x.c <<<'    EVP_MD_CTX_free(c);'
passes lint net/tls.c <<<'#include <openssl/ssl.h>'
passes lint crypto/x.c <<<'    EVP_MD_CTX_free(c);'
refuses lint 'log: log_ev' domain/ledger/x.c <<<'    log_ev(cx, LOG_INFO, "x");'
refuses lint 'log: log_failure' db/x.c <<<'    log_failure(cx, "x", e);'
refuses lint 'log: log_ev' net/client.c <<<'    log_ev(NULL, LOG_INFO, "x");'
for place in net/loop.c http/x.c realtime/x.c jobs/x.c api/x.c main/x.c; do
    passes lint $place <<<'    log_ev(cx, LOG_INFO, "x");'
done
refuses lint 'sql: ' api/x.c <<<'static const struct db_stmt s = DB_TENANT_SQL(TEXT);'
refuses lint 'sql: ' main/x.c <<<'    const char *q = "SELECT 1";'
passes lint domain/ledger/x.c <<<'static const struct db_stmt s = DB_TENANT_SQL("SELECT 1");'
refuses lint 'words: ' db/x.c <<<'/* TO''DO: finish */'
refuses lint 'words: ' db/x.c <<<'/* good enough for'' now */'
passes lint db/x.c <<<'/* kept for nowhere else */'

# What stands in comments and quotes is not code; a member is no call of ours.
passes lint db/x.c <<'END'
/* malloc(3) and
   free(p) */
    say("malloc(3) \" free(p)", '"'); // getenv("HOME")
    x->free(p);
    mem_free(p);
END

refuses lint 'heap: free' db/x.c <<<'    free(p); /* lint: heap: no */'
refuses lint 'heap: free' db/x.c <<<'    free(p); /* lint: clock: the library hands it to us */'
passes lint db/x.c <<<'    free(p); /* lint: heap: the library hands it to us */'

function_of() { # lines of its body
    printf 'static void f(void)\n{\n'
    lines "$1" '    g();'
    printf '}\n'
}
passes lint db/x.c < <(function_of 80)
refuses lint 'db/x.c:2: size: a function of 81 lines' db/x.c < <(function_of 81)
passes lint db/x.c < <(lines 900 'int x;')
refuses lint 'size: a file of 901 lines' db/x.c < <(lines 901 'int x;')

refuses lint 'db/x.h:3: comment: ' db/x.h <<'END'
/* About the file. */

int x_get(const struct x *x);
END
refuses lint 'db/x.h:4: comment: ' db/x.h <<'END'
/* About this group. */
int x_get(const struct x *x);

enum err x_set(struct x *x,
               int v);
END
passes lint db/x.h <<'END'
/* About this group. */
int x_get(const struct x *x);
int x_other(const struct x *x);

int x_third(void); /* beside it */

void x_fini(struct x *x);
typedef int (*x_fn)(void);
END

# --- sql ---

platform() { # the list it must print, path below src/
    plant "$2"
    if run sql && [[ $output == "$1" ]]; then verdict ok; else verdict no "sql must list: $1"; fi
}
platform $'src/domain/a/x.c: a_last\nsrc/domain/a/x.c: find_all' domain/a/x.c <<'END'
static const struct db_stmt find_all =
    DB_PLATFORM_SQL("SELECT id FROM jobs "
                    "WHERE due_at <= $1");
/* static const struct db_stmt gone = DB_PLATFORM_SQL("SELECT 1"); */
static const struct db_stmt a_last = DB_PLATFORM_SQL("SELECT '(' FROM jobs");
END
passes sql domain/a/x.c <<'END'
static const struct db_stmt a = DB_TENANT_SQL("SELECT id FROM keys "
                                              "WHERE tenant_id = $1 AND id = $2");
static const struct db_stmt b =
    DB_TENANT_SQL("INSERT INTO keys (tenant_id, id) VALUES ($1, $2)");
static const struct db_stmt c = DB_TENANT_SQL("UPDATE tenants SET name = $2 WHERE id = $1");
END
passes sql domain/a/x.c <<'END'
#define OWN "tenant_id = $1"
#define ROWS(what)                                                                                 \
    "SELECT " what " FROM keys "                                                                   \
    "WHERE " OWN
static const struct db_stmt a = DB_TENANT_SQL(ROWS("id") " AND id = $2");
END
refuses sql 'a: tenant-scoped' domain/a/x.c <<'END'
#define OWN "id = $1"
static const struct db_stmt a = DB_TENANT_SQL("SELECT id FROM keys WHERE " OWN);
END
refuses sql 'STMT: a macro' domain/a/x.c <<<'#define STMT(x) DB_PLATFORM_SQL(x)'
refuses sql 'a: tenant-scoped' domain/a/x.c <<<'struct db_stmt a = DB_TENANT_SQL("SELECT id FROM keys");'
refuses sql 'a: tenant-scoped' domain/a/x.c <<<'struct db_stmt a = DB_TENANT_SQL("DELETE FROM keys WHERE tenant_id = $12");'
refuses sql 'a: tenant-scoped' domain/a/x.c <<<'struct db_stmt a = DB_TENANT_SQL("INSERT INTO keys (id) VALUES ($1)");'
refuses sql 'a: tenant-scoped' domain/a/x.c <<<'struct db_stmt a = DB_TENANT_SQL("UPDATE keys SET x = 1 WHERE id = $1");'
refuses sql 'a: tenant-scoped' domain/a/x.c <<<'struct db_stmt a = {.sql = "SELECT 1", .scope = DB_TENANT};'
refuses sql 'a: neither' domain/a/x.c <<<'struct db_stmt a = {.sql = "SELECT 1", .scope = scope};'
platform 'src/domain/a/x.c: claim' domain/a/x.c <<'END'
static const struct db_stmt claim = {
    .sql = CLAIM("x"),
    .scope = DB_PLATFORM,
    .pg = CLAIM("y"),
};
static const struct db_stmt own = {.sql = "SELECT 1 FROM k WHERE tenant_id = $1", .scope = DB_TENANT};
END
passes sql domain/a/x_test.c <<<'struct db_stmt a = DB_TENANT_SQL("SELECT id FROM keys");'

# --- secrets: made up here, of parts, so that this file holds none ---

signs=Zk3vQ9xW7bL2mT5rY8cN1pF6hJ4dG0sAeUiOqXwB # forty that look random
header=$(printf '{"alg":"HS256","typ":"JWT"}' | base64 -w0 | tr -d =)
claims=$(printf '{"sub":"somebody","exp":1}' | base64 -w0 | tr -d =)

# shows: CONF-9
refuses secrets 'src/a.pem:1: private key' a.pem <<<"-----BEGIN ""RSA PRIVATE KEY-----"
refuses secrets 'src/a.pem:1: private key' a.pem <<<"-----BEGIN ""OPENSSH PRIVATE KEY-----"
refuses secrets 'src/a.md:2: OpenAI or Anthropic key' a.md <<<$'first line\nuse '"sk""-${signs:0:32}"
refuses secrets 'OpenAI or Anthropic key' a.md <<<"sk""-proj-$signs"
refuses secrets 'OpenAI or Anthropic key' a.md <<<"sk""-ant-api03-$signs"
refuses secrets 'AWS key' a.env <<<"AWS_KEY=AK""IAZK3VQ9XW7BL2MT5R"
refuses secrets 'GitHub token' a.env <<<"gh""p_${signs:0:36}"
refuses secrets 'Slack token' a.env <<<"xox""b-123456789012-${signs:0:24}"
refuses secrets 'Meta (WhatsApp, Messenger) token' a.env <<<"EA""A$signs$signs"
refuses secrets 'Stripe key' a.env <<<"sk_""live_${signs:0:24}"
refuses secrets 'signed token' a.js <<<"'$header.$claims.$signs'"
refuses secrets 'address with a password' a.env <<<"postgres://metachat:""Zk3vQ9xW7b@db/metachat"
refuses secrets 'assigned secret' a.yml <<<"db_password"": $signs"
refuses secrets 'metachat API key' a.md <<<"mc_li""ve_0000000000000000000000000000002C8GjS"

passes secrets a.md <<<'METACHAT_OPENAI_API_KEY=sk-...'
passes secrets a.md <<<"const secret = 'sk-secret-of-the-installation-4711';"
passes secrets a.md <<<"mc_live_${signs:0:36}" # its checksum is wrong
passes secrets a.js <<<"'$header.$claims.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'"
passes secrets a.js <<<'const password = process.env.METACHAT_OPERATOR_TOKEN;'
passes secrets a.js <<<'fetch(`http://user:${password}@host/`);'

echo "$passed passed, $failed failed"
((failed == 0))
