/* Where a page comes from: origins as browsers send them (the Origin header; RFC 6454, and the
 * serialisation of the URL standard), and the rules by which a tenant says which ones may carry its
 * widget. Pure functions; any thread. */
#ifndef DOMAIN_ACCOUNT_ORIGIN_H
#define DOMAIN_ACCOUNT_ORIGIN_H

#include "base/str.h"

enum { ORIGIN_BYTES = 200 }; /* of an origin or a rule, at most */

/* Whether the text is an origin as a browser writes it: http or https, a host in lower case (names
 * of other scripts in their ASCII form, xn--…), a port only where it is not the scheme's own, and
 * nothing behind it. "null" is none. */
bool origin_ok(struct str text);

/* Whether the text is a rule: an origin; one of the loopback ("http://localhost:*") with any port;
 * or every name below a domain ("https://" "*.shop.example"), not the domain itself. */
bool origin_rule_ok(struct str rule);

/* Whether one of the rules, which are apart by spaces, allows the origin. */
bool origin_allowed(struct str rules, struct str origin);

#endif
