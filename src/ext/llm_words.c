#include "ext/llm_words.h"

#include <pthread.h>
#include <utf8proc.h>

#include "base/utf8.h"

enum {
    FOLD_MAX = 8, /* code points that one code point can become */
    SAME_PREFIX = 4,
    SAME_REST = 4,
    LONG_WORD = 6, /* from which on a typing error is forgiven */
    SMALL_PLACES = 2048,
};

/* Folded, apart by blanks. */
static const char small_words[] =
    " a about above after again all also am an and any are as at be been being but by can could "
    "did do does doing for from get had has have he her here hers him his how i if in into is it "
    "its just ll m me my no nor not of on or our ours please re s she should so some such t than "
    "that the their them then there these they this those to too us ve very was we were what when "
    "where which while who whom why will with would you your yours tell know want need much many "
    "hello hi hey thanks thank take takes took get gets got give gives go goes make makes whats "
    "wheres "
    "hows whens pls plz thx ok okay cheers nearby now today still guys ya ur im ive like find long "
    "lot "
    "way ways far last lasts say says explain wish likes question questions ask asking help wonder "
    "wondering "
    "isn don doesn didn hasn haven hadn wasn weren aren couldn wouldn shouldn won based "
    "possible able anything something someone somebody anyone thing things maybe really actually "
    "include includes included including exactly use work works come comes happen happens else "
    "kind "
    " aber alle als am an auch auf aus bei bin bis bist da das dass dein deine dem den der des "
    "dich "
    "die dies diese dieser dir du ein eine einem einen einer eines er es euch euer fur hat habe "
    "haben hier ich ihr ihre im in ist ja kann kannst konnen man mein meine mich mir mit muss nach "
    "nicht noch nur ob oder sehr sein seine sich sie sind so uber um und uns unser vom von vor war "
    "was wann warum welche welcher welches wenn wer werden wie wieviel viel wir wird wo zu zum zur "
    "gibt bitte danke hallo "
    " al como con cual cuales cuando cuanto cuanta de del donde el ella ellos en entre era es esta "
    "este esto estos hay la las le les lo los mas me mi mis muy no nos nuestro o para pero por "
    "porque puede puedo que quien se ser si sin sobre son su sus te tengo tiene tu tus un una unos "
    "usted y yo hola gracias favor "
    " au aux avec c ce ces cet cette combien comment d dans des du elle en est et eu il ils j je l "
    "leur lui ma mais mes moi mon n ne nous on ou par pas peut peux plus pour pourquoi puis qu "
    "quand "
    "que quel quelle quels quelles qui quoi sa sans ses son sont sur ta tes toi ton tu un une vos "
    "votre vous bonjour merci "
    " che chi ci come cosa da dal dalla dei del della delle di do dove e gli ha hanno ho i il io "
    "la "
    "lei loro ma mi mio nei nel nella noi non nostro o per perche piu posso puo quale quali quando "
    "quanto quanta questa questo se si sono su sua suo sul ti tra tu un una uno vi voi ciao grazie "
    " ao aos as ate com da das do dos e ela ele em eu foi isso ja lhe mais mas me meu minha muito "
    "na "
    "nas nao no nos nossa nosso num o onde os ou para pela pelo pode posso qual quais quando "
    "quanto "
    "que quem sao se sem seu ser sua tem tenho um uma voce ola obrigado "
    " aan al als bij dan dat de deze die dit dus een en er geen had heb hebben heeft hem het hij "
    "hoe "
    "hoeveel ik in is je jij jullie kan kunnen maar me met mijn moet naar niet nog nu of om ons "
    "onze "
    "ook op over te tot u uit uw van veel voor waar wanneer waarom was wat we welke wie wij word "
    "wordt ze zich zij zijn zo zou hallo bedankt "
    " ale albo bo by byc bym ci co czy dla do gdzie go i ich ile ja jak jaka jaki jakie jest "
    "jestem "
    "kiedy kto ktory ktora ktore lub ma mam mi mnie moge moj moja mozna na nad nie o od on ona oni "
    "po pod przez przy sa sie sobie ta tak te tego tej ten to tu ty u w was we wy z za ze czesc "
    " ako ali bi bih bio biti da do dok ga gdje i ih ili im ima imate ima imam iz ja je jedan kad "
    "kada kako koja koje koji koliko kod li me mi moj moja moje moze mogu mozete na nakon ne nego "
    "ni "
    "nije o od on ona oni po pod prema s sa sam samo se smo ste sto su sve svi ta taj te ti to tu "
    "u "
    "uz va vam vas za zasto bok hvala "
    " في من على الي عن مع هل ما ماذا متي اين كيف كم لماذا هو هي هم انا انت نحن هذا هذه ذلك التي "
    "الذي "
    "ان او و لا لم لن قد كان يكون عندي لدي مرحبا شكرا ";

static bool is_word_sign(utf8proc_int32_t cp)
{
    const utf8proc_category_t c = utf8proc_category(cp);
    return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO) ||
           (c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO);
}

/* Letters that have no decomposition but are written without their stroke by many. */
static utf8proc_int32_t plain_letter(utf8proc_int32_t cp)
{
    switch (cp) {
    case 0x142: /* l with stroke */
        return 'l';
    case 0x111: /* d with stroke */
        return 'd';
    case 0xF8: /* o with stroke */
        return 'o';
    case 0x649: /* alef maksura */
        return 0x64A;
    default:
        return cp;
    }
}

static size_t put(char *to, size_t n, utf8proc_int32_t cp)
{
    return n + (size_t)utf8proc_encode_char(plain_letter(cp), (utf8proc_uint8_t *)to + n);
}

static size_t fold_wide(char *to, size_t n, uint32_t cp)
{
    utf8proc_int32_t parts[FOLD_MAX];
    int boundary = 0;
    const utf8proc_ssize_t count = utf8proc_decompose_char(
        (utf8proc_int32_t)cp, parts, FOLD_MAX,
        UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK, &boundary);
    if (count > FOLD_MAX) {
        to[n] = ' ';
        return n + 1;
    }
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        n = put(to, n, is_word_sign(parts[i]) ? parts[i] : ' ');
    }
    return n;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char fold_ascii(struct str s, size_t at)
{
    const char c = s.p[at];
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    if ((c >= 'a' && c <= 'z') || is_digit(c)) {
        return c;
    }
    const bool between = at > 0 && at + 1 < s.n && is_digit(s.p[at - 1]) && is_digit(s.p[at + 1]);
    return (c == '.' || c == ',' || c == ':') && between ? c : ' ';
}

struct str llm_fold(struct arena *a, struct str text)
{
    /* One code point of two bytes or more becomes FOLD_MAX of four bytes at most. */
    size_t room = 2;
    for (size_t i = 0; i < text.n; i++) {
        room += ((unsigned char)text.p[i] & 0xC0) == 0xC0 ? (size_t)FOLD_MAX * 4 : 1;
    }
    char *to = arena_alloc(a, room + 1);
    size_t n = 1;
    to[0] = ' ';
    for (size_t at = 0; at < text.n;) {
        size_t was = n;
        if ((unsigned char)text.p[at] < 0x80) {
            to[n++] = fold_ascii(text, at++);
        } else {
            n = fold_wide(to, n, utf8_next(text, &at));
        }
        size_t keep = was;
        for (; was < n; was++) {
            if (to[was] != ' ' || to[keep - 1] != ' ') {
                to[keep++] = to[was];
            }
        }
        n = keep;
    }
    if (to[n - 1] != ' ') {
        to[n++] = ' ';
    }
    to[n] = '\0';
    return (struct str){to, n};
}

bool llm_has_phrase(struct str folded, struct str phrase)
{
    return phrase.n > 2 && str_find(folded, phrase, 0) >= 0;
}

struct llm_words llm_words_of(struct arena *a, struct str folded)
{
    struct llm_words w = {};
    struct str rest = folded;
    struct str part;
    size_t max = 1;
    for (size_t i = 0; i < folded.n; i++) {
        max += folded.p[i] == ' ';
    }
    w.items = arena_many(a, struct str, max);
    while (str_split(&rest, ' ', &part)) {
        if (part.n) {
            w.items[w.count++] = part;
        }
    }
    return w;
}

/* The small words by their hash; an empty place ends a search. */
static struct str small_table[SMALL_PLACES];
static pthread_once_t small_once = PTHREAD_ONCE_INIT;

static struct str *small_place(struct str word)
{
    size_t i = str_hash(word) % SMALL_PLACES;
    while (small_table[i].n && !str_eq(small_table[i], word)) {
        i = (i + 1) % SMALL_PLACES;
    }
    return &small_table[i];
}

static void make_small(void)
{
    struct str rest = {small_words, sizeof(small_words) - 1};
    struct str word;
    size_t count = 0;
    while (str_split(&rest, ' ', &word)) {
        struct str *place = word.n ? small_place(word) : NULL;
        if (place && !place->n) {
            must(++count < SMALL_PLACES);
            *place = word;
        }
    }
}

static bool is_small(struct str word)
{
    (void)pthread_once(&small_once, make_small);
    return word.n && small_place(word)->n;
}

struct llm_words llm_content_words(struct arena *a, struct str folded)
{
    struct llm_words w = llm_words_of(a, folded);
    size_t keep = 0;
    for (size_t i = 0; i < w.count; i++) {
        bool seen = is_small(w.items[i]);
        for (size_t k = 0; k < keep && !seen; k++) {
            seen = str_eq(w.items[k], w.items[i]);
        }
        if (!seen) {
            w.items[keep++] = w.items[i];
        }
    }
    w.count = keep;
    return w;
}

/* One letter too many, too few, wrong, or two in the wrong order. Only ASCII words: the others have
 * letters of several bytes. */
static bool is_typing_error(struct str a, struct str b)
{
    size_t at = 0;
    if (a.n < LONG_WORD || b.n < LONG_WORD || a.n > b.n + 1 || b.n > a.n + 1) {
        return false;
    }
    while (at < a.n && at < b.n && a.p[at] == b.p[at]) {
        at++;
    }
    const struct str x = str_sub(a, at, a.n);
    const struct str y = str_sub(b, at, b.n);
    if (x.n != y.n) {
        const struct str longer = x.n > y.n ? x : y;
        return str_eq(str_sub(longer, 1, longer.n), x.n > y.n ? y : x);
    }
    const bool swapped = x.n >= 2 && x.p[0] == y.p[1] && x.p[1] == y.p[0] &&
                         str_eq(str_sub(x, 2, x.n), str_sub(y, 2, y.n));
    return swapped || str_eq(str_sub(x, 1, x.n), str_sub(y, 1, y.n));
}

bool llm_same_word(struct str a, struct str b)
{
    size_t same = 0;
    while (same < a.n && same < b.n && a.p[same] == b.p[same]) {
        same++;
    }
    if (same == a.n && same == b.n) {
        return true;
    }
    const struct str longer = a.n > b.n ? a : b;
    const bool plural = a.n != b.n && same >= 3 && same + 1 == longer.n && longer.p[same] == 's';
    const bool begins_alike =
        same >= SAME_PREFIX && a.n - same <= SAME_REST && b.n - same <= SAME_REST;
    return !is_digit(a.p[0]) && (plural || begins_alike || is_typing_error(a, b));
}

bool llm_has_word(const struct llm_words *words, struct str w)
{
    for (size_t i = 0; i < words->count; i++) {
        if (llm_same_word(words->items[i], w)) {
            return true;
        }
    }
    return false;
}
