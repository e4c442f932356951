#include "ext/llm_figure.h"

enum { PHONE_DIGITS = 7 };

/* Parts of folded questions, apart by '|'. */
static const struct cue {
    unsigned figures;
    const char *parts;
} cues[] = {
    {LLM_FIGURE_MONEY,
     " how much | price| cost| fee | fees | deposit | was kostet| preis| wie teuer | gebuhr| "
     "precio| "
     "cuesta| prix | coute| tarif| prezzo | costa | preco| custa| prijs| kost | cena | kosztuje| "
     "cijena | kosta "},
    {LLM_FIGURE_SPAN,
     " how long | how soon | wie lange | cuanto tiempo | cuanto tarda| combien de temps | "
     "quanto tempo | hoe lang | jak dlugo | koliko dugo "},
    {LLM_FIGURE_CLOCK,
     " what time | hours | how late | how early | wie spat | um wie viel uhr | "
     "offnungszeiten | a que hora | horario | a quelle heure | horaires | a che ora | "
     "orari | que horas | hoe laat | openingstijden | o ktorej | godziny otwarcia | u "
     "koliko sati | radno vrijeme "},
    {LLM_FIGURE_PHONE,
     " phone | telephone | telefon| telefono | telefone | telefoon| numer telefonu | "
     "\xD9\x87\xD8\xA7\xD8\xAA\xD9\x81 "},
    {LLM_FIGURE_MAIL,
     " email | e mail | mail address | correo electronico | courriel | mailadresse "},
    {LLM_FIGURE_DATE,
     " which day | what day | which days | what days | welchem tag | quel jour | que dia | "
     "che giorno | welke dag "},
    {LLM_FIGURE_SPAN | LLM_FIGURE_CLOCK | LLM_FIGURE_DATE,
     " when | wann | cuando | quand | quando | wanneer | kiedy | kada | "
     "\xD9\x85\xD8\xAA\xD9\x8A "},
    {LLM_FIGURE_NAME, " who | wer | quien | quem | kto | tko "},
    {LLM_FIGURE_NUMBER,
     " how many | how old | how far | how heavy | how fast | how big | how tall | wie viel| "
     "wieviel| cuanto| combien | quanto | quanti | hoeveel | ile | koliko | "
     "\xD9\x83\xD9\x85 "},
};

static const char currencies[] = "$|\xC2\xA3|\xE2\x82\xAC|EUR|USD|GBP|CHF|z\xC5\x82| kn ";

static const char spans[] =
    " minute| hour| day| week| month| year| stunde| tag| woche| monat| jahr| jour| semaine| mois | "
    "dia| "
    "semana| ano| giorn| settiman| mes| uur | dag| dni| tyg| dan| tjed| working ";

static const char weekdays[] =
    " monday| tuesday| wednesday| thursday| friday| saturday| sunday| montag| dienstag| mittwoch| "
    "donnerstag| freitag| samstag| sonntag| lundi | mardi | mercredi | jeudi | vendredi | samedi | "
    "dimanche | lunes | martes | miercoles | jueves | viernes | sabado | domingo | lunedi | "
    "martedi | "
    "mercoledi | giovedi | venerdi | sabato | domenica | segunda | terca | quarta | quinta | sexta "
    "| "
    "maandag| dinsdag| woensdag| donderdag| vrijdag| zaterdag| zondag| poniedzial| wtorek | srod| "
    "czwart| piatek | sobot| niedziel| ponedjelj| utorak | srijed| cetvrt| petak | subot| nedjelj";

static const char months[] =
    " january | february | april | june | july | august | september | october | november | "
    "december | "
    "januar | februar | marz | juni | juli | oktober | dezember | janvier | fevrier | avril | juin "
    "| "
    "juillet | aout | septembre | octobre | novembre | decembre | enero | febrero | abril | junio "
    "| "
    "julio | agosto | septiembre | octubre | noviembre | diciembre | gennaio | febbraio | aprile | "
    "giugno | luglio | settembre | ottobre | dicembre ";

static bool has_any(struct str s, const char *parts)
{
    struct str rest = str_of(parts);
    struct str part;
    while (str_split(&rest, '|', &part)) {
        if (str_find(s, part, 0) >= 0) {
            return true;
        }
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool has_clock(struct str s)
{
    for (size_t i = 1; i + 2 < s.n; i++) {
        if ((s.p[i] == ':' || s.p[i] == '.') && is_digit(s.p[i - 1]) && is_digit(s.p[i + 1]) &&
            is_digit(s.p[i + 2]) && (s.p[i] == ':' || has_any(s, " Uhr| am| pm"))) {
            return true;
        }
    }
    return false;
}

/* Digits in a row, with what people put between them. */
static bool has_phone(struct str s)
{
    size_t digits = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (is_digit(s.p[i])) {
            digits++;
        } else if (!strchr(" -/()+", s.p[i])) {
            digits = 0;
        }
        if (digits >= PHONE_DIGITS) {
            return true;
        }
    }
    return false;
}

/* A year of our time, or the name of a day or month. */
static bool has_date(struct str s, struct str folded)
{
    for (size_t i = 0; i + 4 <= s.n; i++) {
        const bool century = (s.p[i] == '1' && s.p[i + 1] >= '5' && s.p[i + 1] <= '9') ||
                             (s.p[i] == '2' && s.p[i + 1] == '0');
        const bool year = century && is_digit(s.p[i + 2]) && is_digit(s.p[i + 3]);
        const bool alone = (i == 0 || s.p[i - 1] == ' ') && (i + 4 == s.n || !is_digit(s.p[i + 4]));
        if (year && alone) {
            return true;
        }
    }
    return has_any(folded, weekdays) || has_any(folded, months);
}

/* Two words in a row that begin with capitals and go on with small letters. */
static bool has_name(struct str s)
{
    struct str rest = s;
    struct str word;
    bool before = false;
    while (str_split(&rest, ' ', &word)) {
        while (word.n && (word.p[0] == '*' || word.p[0] == '(')) {
            word = str_sub(word, 1, word.n);
        }
        const bool name = word.n > 2 && word.p[0] >= 'A' && word.p[0] <= 'Z' && word.p[1] > 'Z';
        if (name && before) {
            return true;
        }
        before = name && word.p[word.n - 1] != '.';
    }
    return false;
}

static bool has_mail(struct str s)
{
    const ptrdiff_t at = str_find_char(s, '@', 1);
    return at > 0 && s.p[at - 1] > ' ' && (size_t)at + 1 < s.n && s.p[at + 1] > ' ';
}

unsigned llm_figures_asked(struct str folded)
{
    unsigned bits = 0;
    for (size_t i = 0; i < COUNT(cues); i++) {
        bits |= has_any(folded, cues[i].parts) ? cues[i].figures : 0;
    }
    if (!(bits & LLM_FIGURE_CLOCK) && has_any(folded, " time | times ")) {
        bits |= LLM_FIGURE_SPAN; /* "delivery time" */
    }
    const unsigned kinds = bits & ~(unsigned)LLM_FIGURE_NUMBER;
    return kinds ? kinds : bits; /* "how many" is less than what else was said */
}

const char *llm_figure_words(unsigned figures)
{
    if (figures & LLM_FIGURE_MONEY) {
        return "price prices cost costs fees preise kosten precios prix tarifs prezzi precos "
               "prijzen "
               "ceny cijene";
    }
    if (figures & LLM_FIGURE_SPAN) {
        return "time times long duration zeiten dauer plazos delais tempi prazos termijnen czas "
               "rokovi";
    }
    return "";
}

unsigned llm_figures_in(struct str text, struct str folded)
{
    unsigned bits = has_mail(text) ? LLM_FIGURE_MAIL : 0;
    bits |= has_date(text, folded) ? LLM_FIGURE_DATE : 0;
    bits |= has_name(text) ? LLM_FIGURE_NAME : 0;
    bool digits = false;
    for (size_t i = 0; i < text.n && !digits; i++) {
        digits = is_digit(text.p[i]);
    }
    if (!digits) {
        return bits;
    }
    bits |= LLM_FIGURE_NUMBER;
    bits |= has_any(text, currencies) ? LLM_FIGURE_MONEY : 0;
    bits |= has_any(folded, spans) ? LLM_FIGURE_SPAN : 0;
    bits |= has_clock(text) ? LLM_FIGURE_CLOCK : 0;
    bits |= has_phone(text) ? LLM_FIGURE_PHONE : 0;
    return bits;
}
