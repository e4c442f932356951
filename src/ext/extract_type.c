#include "ext/extract.h"

#include "ext/extract_charset.h"

#include <errno.h>

enum { HEAD_BYTES = 4096 }; /* where a format shows itself */

enum format { FORMAT_NONE, FORMAT_PLAIN, FORMAT_MARKDOWN, FORMAT_HTML, FORMAT_OTHER };

static const char *const format_names[] = {"", "plain text", "Markdown", "HTML", "another format"};

/* What other formats begin with. */
static const struct {
    struct str magic;
    const char *name;
} signatures[] = {
    {STR("%PDF-"), "a PDF document"},
    {STR("PK\x03\x04"), "a ZIP archive or an office document"},
    {STR("PK\x05\x06"), "a ZIP archive"},
    {STR("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an old office document"},
    {STR("{\\rtf"), "an RTF document"},
    {STR("%!PS"), "a PostScript document"},
    {STR("\x7f"
         "ELF"),
     "a program"},
    {STR("MZ"), "a program"},
    {STR("\xca\xfe\xba\xbe"), "a program"},
    {STR("\xcf\xfa\xed\xfe"), "a program"},
    {STR("\x89PNG"), "a picture"},
    {STR("\xff\xd8\xff"), "a picture"},
    {STR("GIF8"), "a picture"},
    {STR("RIFF"), "a sound, film or picture"},
    {STR("\x1f\x8b"), "a compressed file"},
    {STR("BZh"), "a compressed file"},
    {STR("\xfd"
         "7zXZ"),
     "a compressed file"},
    {STR("7z\xbc\xaf"), "a compressed file"},
    {STR("\x28\xb5\x2f\xfd"), "a compressed file"},
    {STR("Rar!\x1a"), "a compressed file"},
    {STR("SQLite format 3"), "a database"},
    {STR("ID3"), "a sound"},
    {STR("OggS"), "a sound or film"},
    {STR("\x00\x00\x00\x18"
         "ftyp"),
     "a film"},
    {STR("\x00\x00\x00\x20"
         "ftyp"),
     "a film"},
};

/* "MZ", "ID3" and "RIFF" may begin a sentence; what follows them in a real file is no text. */
static const char *signature_of(struct str bytes)
{
    const struct str head = str_sub(bytes, 0, 512);
    for (size_t i = 0; i < COUNT(signatures); i++) {
        const struct str magic = signatures[i].magic;
        const bool letters = magic.n <= 4 && (magic.p[0] == 'M' || magic.p[0] == 'I' ||
                                              magic.p[0] == 'R' || magic.p[0] == 'B');
        if (str_starts(head, magic) && (!letters || str_find_char(head, '\0', 0) >= 0)) {
            return signatures[i].name;
        }
    }
    return NULL;
}

static enum format by_ending(struct str name)
{
    static const struct {
        const char *ending;
        enum format format;
    } rows[] = {
        {".txt", FORMAT_PLAIN},         {".text", FORMAT_PLAIN}, {".md", FORMAT_MARKDOWN},
        {".markdown", FORMAT_MARKDOWN}, {".html", FORMAT_HTML},  {".htm", FORMAT_HTML},
    };
    static const char others[] =
        " .pdf .doc .docx .xls .xlsx .ppt .pptx .odt .ods .odp .rtf .csv .tsv .json .xml .yaml "
        ".yml "
        ".zip .gz .tgz .bz2 .xz .7z .rar .tar .png .jpg .jpeg .gif .webp .svg .bmp .tif .tiff .ico "
        ".mp3 .mp4 .wav .ogg .mov .avi .mkv .exe .dll .so .bin .iso .dmg .apk .jar .js .css .php "
        ".epub .ps .eps .sqlite .db .eml .msg ";
    size_t dot = name.n;
    while (dot > 0 && name.p[dot - 1] != '.') {
        dot--;
    }
    if (dot < 2 || name.n - dot > 8) {
        return FORMAT_NONE;
    }
    const struct str ending = str_sub(name, dot - 1, name.n);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (str_eq_nocase(ending, str_of(rows[i].ending))) {
            return rows[i].format;
        }
    }
    char padded[16];
    (void)snprintf(padded, sizeof(padded), " " STR_FMT " ", STR_ARG(ending));
    for (char *p = padded; *p; p++) {
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + ('a' - 'A')) : *p;
    }
    return strstr(others, padded) ? FORMAT_OTHER : FORMAT_NONE;
}

static enum format by_declaration(struct str declared)
{
    static const struct {
        const char *mime;
        enum format format;
    } rows[] = {
        {"", FORMAT_NONE},
        {"application/octet-stream", FORMAT_NONE},
        {"text/plain", FORMAT_PLAIN},
        {"text/markdown", FORMAT_MARKDOWN},
        {"text/x-markdown", FORMAT_MARKDOWN},
        {"text/html", FORMAT_HTML},
        {"application/xhtml+xml", FORMAT_HTML},
    };
    struct str type = {};
    if (!str_split(&declared, ';', &type)) {
        return FORMAT_NONE;
    }
    type = str_trim(type);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (str_eq_nocase(type, str_of(rows[i].mime))) {
            return rows[i].format;
        }
    }
    return FORMAT_OTHER;
}

/* Behind white space, comments and an XML declaration: <!doctype html or <html. */
static bool begins_as_html(struct str bytes)
{
    struct str s = bytes;
    if (str_starts(s, STR("\xef\xbb\xbf"))) {
        s = str_sub(s, 3, s.n);
    }
    for (;;) {
        s = str_trim(s);
        const bool comment = str_starts(s, STR("<!--"));
        if (!comment && !str_starts(s, STR("<?xml"))) {
            break;
        }
        const ptrdiff_t end = str_find(s, comment ? STR("-->") : STR("?>"), 4);
        if (end < 0) {
            return false;
        }
        s = str_sub(s, (size_t)end + (comment ? 3 : 2), s.n);
    }
    return str_eq_nocase(str_sub(s, 0, 14), STR("<!doctype html")) ||
           str_eq_nocase(str_sub(s, 0, 5), STR("<html"));
}

static bool has_markup(struct str bytes)
{
    for (ptrdiff_t at = str_find_char(bytes, '<', 0); at >= 0 && (size_t)at + 1 < bytes.n;
         at = str_find_char(bytes, '<', (size_t)at + 1)) {
        const char c = bytes.p[at + 1];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '!' || c == '/') {
            return true;
        }
    }
    return false;
}

/* Somewhere in it; a tag that begins at the very end of a window is not its only one. */
static enum err find_markup(struct cx *cx, const struct extent *bytes, bool *ret)
{
    SCOPED(extent_walk_end) struct extent_walk w = {.rest = *bytes};
    struct str part;
    *ret = false;
    while (!*ret && extent_next(&w, &part)) {
        *ret = has_markup(part);
    }
    return w.failed ? cx_fail(cx, CODE_DATABASE_ERROR, "it cannot be read: %s", strerror(errno))
                    : ERR_OK;
}

static enum err contradiction(struct cx *cx, const char *who, enum format said, enum format is)
{
    return cx_fail(cx, CODE_UNSUPPORTED_MEDIA_TYPE, "%s says %s, but it is %s", who,
                   format_names[said], format_names[is]);
}

/* What name and declaration say together; FORMAT_NONE when both are silent. */
static enum err agree(struct cx *cx, enum format name, enum format declared, enum format *ret)
{
    if (name == FORMAT_OTHER || declared == FORMAT_OTHER) {
        return cx_fail(cx, CODE_UNSUPPORTED_MEDIA_TYPE,
                       "%s is not one of plain text, Markdown and HTML (.txt, .md, .markdown, "
                       ".html, .htm)",
                       name == FORMAT_OTHER ? "the name's ending" : "the declared type");
    }
    const bool vague = name == FORMAT_MARKDOWN && declared == FORMAT_PLAIN;
    if (name && declared && name != declared && !vague) {
        return contradiction(cx, "the declared type", declared, name);
    }
    *ret = name ? name : declared;
    return ERR_OK;
}

static struct str mime_of(struct cx *cx, enum format format, struct str declared)
{
    static const char *const mimes[] = {"text/plain", "text/plain", "text/markdown", "text/html",
                                        ""};
    const bool latin = extract_is_latin(extract_charset(cx->arena, declared));
    return latin ? str_fmt(cx->arena, "%s; charset=windows-1252", mimes[format])
                 : str_of(mimes[format]);
}

enum err extract_type(struct cx *cx, struct str name, struct str declared,
                      const struct extent *bytes, struct str *ret_mime)
{
    const struct extent begin = extent_sub(*bytes, 0, HEAD_BYTES);
    struct str head;
    if (!extent_take(cx->arena, &begin, &head)) {
        return cx_fail(cx, CODE_DATABASE_ERROR, "it cannot be read: %s", strerror(errno));
    }
    const char *other = signature_of(head);
    if (other) {
        return cx_fail(cx, CODE_UNSUPPORTED_MEDIA_TYPE,
                       "it is %s; only plain text, Markdown and HTML can be read", other);
    }
    enum format format = FORMAT_NONE;
    TRY(agree(cx, by_ending(name), by_declaration(declared), &format));
    const bool html = begins_as_html(head);
    if (html && format && format != FORMAT_HTML) {
        return contradiction(cx, "its name or declared type", format, FORMAT_HTML);
    }
    bool markup = true;
    if (format == FORMAT_HTML) {
        TRY(find_markup(cx, bytes, &markup));
    }
    if (!markup) {
        return contradiction(cx, "its name or declared type", FORMAT_HTML, FORMAT_PLAIN);
    }
    const struct str mime = mime_of(cx, html ? FORMAT_HTML : format, declared);
    bool latin;
    TRY(extract_decide_charset(cx, bytes, mime, &latin));
    *ret_mime = mime;
    return ERR_OK;
}
