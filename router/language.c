/* A cheap guess at the language: by script where that decides, else by frequent words. */
#include "router/private.h"

enum { READ_MAX = 2048, HITS_NEEDED = 2, LATIN_WORD_MAX = 30 };

enum script {
    SCRIPT_HAN,
    SCRIPT_KANA,
    SCRIPT_HANGUL,
    SCRIPT_CYRILLIC,
    SCRIPT_ARABIC,
    SCRIPT_HEBREW,
    SCRIPT_DEVANAGARI,
    SCRIPT_GREEK,
    SCRIPT_THAI,
    SCRIPT_LATIN,
    SCRIPT_COUNT
};

static const struct {
    uint32_t from, to;
    enum script script;
} ranges[] = {
    {'A', 'Z', SCRIPT_LATIN},        {'a', 'z', SCRIPT_LATIN},
    {0xc0, 0x24f, SCRIPT_LATIN},     {0x370, 0x3ff, SCRIPT_GREEK},
    {0x400, 0x52f, SCRIPT_CYRILLIC}, {0x590, 0x5ff, SCRIPT_HEBREW},
    {0x600, 0x6ff, SCRIPT_ARABIC},   {0x900, 0x97f, SCRIPT_DEVANAGARI},
    {0xe00, 0xe7f, SCRIPT_THAI},     {0x1e00, 0x1eff, SCRIPT_LATIN},
    {0x3040, 0x30ff, SCRIPT_KANA},   {0x3400, 0x4dbf, SCRIPT_HAN},
    {0x4e00, 0x9fff, SCRIPT_HAN},    {0xac00, 0xd7a3, SCRIPT_HANGUL},
};

enum { LANGUAGES_LATIN = 12 };
static const char *const latin[LANGUAGES_LATIN] = {"en", "de", "fr", "es", "it", "pt",
                                                   "nl", "sv", "da", "pl", "cs", "tr"};
enum {
    EN = 1 << 0,
    DE = 1 << 1,
    FR = 1 << 2,
    ES = 1 << 3,
    IT = 1 << 4,
    PT = 1 << 5,
    NL = 1 << 6,
    SV = 1 << 7,
    DA = 1 << 8,
    PL = 1 << 9,
    CS = 1 << 10,
    TR = 1 << 11,
};

/* Words frequent in one language and rare or absent in most others; sorted by bytes. */
static const struct {
    const char *word;
    unsigned languages;
} frequent[] = {
    {"a", CS},
    {"af", DA},
    {"and", EN},
    {"are", EN},
    {"as", PT},
    {"at", DA},
    {"att", SV},
    {"au", FR},
    {"auf", DE},
    {"av", SV},
    {"avec", FR},
    {"bana", TR},
    {"be", EN},
    {"bir", TR},
    {"bitte", DE},
    {"bu", TR},
    {"can", EN},
    {"ce", FR},
    {"che", IT},
    {"co", PL | CS},
    {"com", PT},
    {"come", IT},
    {"comment", FR},
    {"como", ES | PT},
    {"con", ES | IT},
    {"cuál", ES},
    {"czy", PL},
    {"cómo", ES},
    {"da", PT | TR},
    {"dans", FR},
    {"das", DE},
    {"dat", NL},
    {"de", NL | TR},
    {"del", ES | IT},
    {"della", IT},
    {"dem", DE},
    {"den", DE | SV | DA},
    {"der", DE},
    {"des", FR},
    {"det", SV | DA},
    {"di", IT},
    {"die", DE},
    {"dla", PL},
    {"do", EN | PT | PL | CS},
    {"does", EN},
    {"du", FR},
    {"e", PT},
    {"een", NL},
    {"ein", DE},
    {"eine", DE},
    {"einen", DE},
    {"el", ES},
    {"em", PT},
    {"en", ES | NL | SV | DA},
    {"er", DA},
    {"es", ES},
    {"escreva", PT},
    {"escribe", ES},
    {"est", FR},
    {"et", FR | DA},
    {"ett", SV},
    {"for", EN | DA},
    {"from", EN},
    {"för", SV},
    {"für", DE},
    {"gli", IT},
    {"have", EN},
    {"het", NL},
    {"hoe", NL},
    {"how", EN},
    {"hur", SV},
    {"hvad", DA},
    {"hvordan", DA},
    {"i", EN | PL},
    {"ich", DE},
    {"ik", NL},
    {"ikke", DA},
    {"il", IT},
    {"ile", TR},
    {"im", DE},
    {"in", EN},
    {"inte", SV},
    {"is", EN | NL},
    {"ist", DE},
    {"it", EN},
    {"için", TR},
    {"jag", SV},
    {"jak", PL | CS},
    {"je", FR | NL | CS},
    {"jeg", DA},
    {"jest", PL},
    {"jsem", CS},
    {"kann", DE},
    {"las", ES},
    {"le", FR},
    {"les", FR},
    {"lo", ES},
    {"los", ES},
    {"med", SV | DA},
    {"met", NL},
    {"meu", PT},
    {"mi", ES | IT | PL | CS | TR},
    {"mijn", NL},
    {"mir", DE},
    {"mit", DE},
    {"mon", FR},
    {"my", EN},
    {"na", PL | CS},
    {"napisz", PL},
    {"napiš", CS},
    {"nasıl", TR},
    {"ne", TR},
    {"není", CS},
    {"nicht", DE},
    {"nie", PL},
    {"niet", NL},
    {"non", IT},
    {"not", EN},
    {"não", PT},
    {"o", PT},
    {"och", SV},
    {"of", EN},
    {"og", DA},
    {"olarak", TR},
    {"on", EN},
    {"op", NL},
    {"os", PT},
    {"para", ES | PT},
    {"pas", FR},
    {"per", IT},
    {"please", EN},
    {"por", ES | PT},
    {"pour", FR},
    {"pro", CS},
    {"på", SV | DA},
    {"qual", IT | PT},
    {"que", FR | ES | PT},
    {"quelle", FR},
    {"questo", IT},
    {"qui", FR},
    {"qué", ES},
    {"s", CS},
    {"schreibe", DE},
    {"schrijf", NL},
    {"scrivi", IT},
    {"se", ES | CS},
    {"sie", DE},
    {"się", PL},
    {"skriv", SV | DA},
    {"som", SV | DA},
    {"sono", IT},
    {"sur", FR},
    {"that", EN},
    {"the", EN},
    {"this", EN},
    {"to", EN | PL | CS},
    {"um", PT},
    {"uma", PT},
    {"un", FR | ES | IT},
    {"una", ES | IT},
    {"und", DE},
    {"une", FR},
    {"v", CS},
    {"vad", SV},
    {"van", NL},
    {"ve", TR},
    {"você", PT},
    {"von", DE},
    {"voor", NL},
    {"vous", FR},
    {"w", PL},
    {"was", EN | DE},
    {"wat", NL},
    {"what", EN},
    {"which", EN},
    {"wie", DE},
    {"wird", DE},
    {"with", EN},
    {"write", EN},
    {"y", ES},
    {"yaz", TR},
    {"you", EN},
    {"your", EN},
    {"z", PL},
    {"zijn", NL},
    {"zu", DE},
    {"är", SV},
    {"çok", TR},
    {"è", IT},
    {"é", PT},
    {"écris", FR},
    {"że", PL},
    {"že", CS},
};

static enum script script_of(uint32_t c)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return ranges[i].script;
    return SCRIPT_COUNT;
}

/* Lenient: what is not UTF-8 counts as no script. */
static uint32_t next_char(struct slice s, size_t *at)
{
    unsigned char c = (unsigned char)s.ptr[(*at)++];
    uint32_t value = c;
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

    if (more)
        value = c & (0x3fu >> more);
    while (more-- > 0 && *at < s.len && ((unsigned char)s.ptr[*at] & 0xc0) == 0x80)
        value = value << 6 | ((unsigned char)s.ptr[(*at)++] & 0x3fu);
    return value;
}

/* -1, 0 or 1, as strcmp(). */
static int compare(const char *word, struct slice s)
{
    int order = strncmp(word, s.ptr, s.len);

    return order ? order : word[s.len] != 0;
}

/* Bits of the languages in which the word is frequent. */
static unsigned languages_of(struct slice s)
{
    size_t low = 0, high = sizeof frequent / sizeof *frequent;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(frequent[middle].word, s);

        if (!order)
            return frequent[middle].languages;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static void count_word(struct slice word, unsigned *hits)
{
    unsigned languages = languages_of(word);

    for (size_t i = 0; languages; i++, languages >>= 1)
        hits[i] += languages & 1;
}

static bool is_word_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static struct slice guess_latin(struct slice text)
{
    unsigned hits[LANGUAGES_LATIN] = {0};
    size_t best = 0, second = LANGUAGES_LATIN;
    char word[LATIN_WORD_MAX];
    size_t len = 0;

    for (size_t i = 0; i <= text.len; i++) {
        unsigned char c = i < text.len ? (unsigned char)text.ptr[i] : ' ';

        if (is_word_byte(c)) {
            if (len < LATIN_WORD_MAX)
                word[len] = (char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
            len++;
            continue;
        }
        if (len > 0 && len <= LATIN_WORD_MAX)
            count_word(slice_of(word, len), hits);
        len = 0;
    }
    for (size_t i = 1; i < LANGUAGES_LATIN; i++) {
        if (hits[i] > hits[best]) {
            second = best;
            best = i;
        } else if (second == LANGUAGES_LATIN || hits[i] > hits[second]) {
            second = i;
        }
    }
    if (hits[best] < HITS_NEEDED || hits[best] == hits[second])
        return SLICE("und");
    return slice_from_str(latin[best]);
}

struct slice router_guess_language(struct slice text)
{
    static const char *const codes[SCRIPT_LATIN] = {"zh", "ja", "ko", "ru", "ar",
                                                    "he", "hi", "el", "th"};
    size_t counts[SCRIPT_COUNT + 1] = {0}, at = 0, best = 0;

    text = slice_sub(text, 0, READ_MAX);
    while (at < text.len)
        counts[script_of(next_char(text, &at))]++;
    /* Japanese is mostly written in Han characters. */
    if (counts[SCRIPT_KANA])
        counts[SCRIPT_KANA] += counts[SCRIPT_HAN];
    for (size_t i = 1; i < SCRIPT_COUNT; i++)
        if (counts[i] > counts[best])
            best = i;
    if (!counts[best])
        return SLICE("und");
    return best == SCRIPT_LATIN ? guess_latin(text) : slice_from_str(codes[best]);
}
