/* A cheap guess at the language: by script where that decides, else by frequent words. */
#include "router/private.h"

enum { READ_MAX = 2048, HITS_NEEDED = 2 };

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

/* Words frequent in one language and rare or absent in the others. */
static const struct {
    const char *code;
    const char *words; /* each between spaces */
} latin[] = {
    {"en", " the of and to is that for it with are this you what how from have not be was which "
           "please write my your can do does i in on "},
    {"de", " der die das und ist nicht ein eine einen mit auf wie ich sie zu den für von bitte "
           "wird was kann mir im dem schreibe "},
    {"fr", " le les des et est une un dans que pour qui pas vous je sur avec ce du au est-ce "
           "comment mon écris quelle "},
    {"es", " el los las y es una un que por para con del como qué en lo mi se cómo escribe cuál "},
    {"it", " il gli che è un una per non di con del della sono come questo mi scrivi qual "},
    {"pt", " o os as e é um uma que para com não do da em como por meu você escreva qual "},
    {"nl", " de het een en van is niet dat met voor hoe ik je zijn op wat schrijf mijn "},
    {"sv", " och att det är en ett som på inte för med jag av hur den vad skriv "},
    {"da", " og at det er en et som på ikke for med jeg af hvordan den hvad skriv "},
    {"pl", " i w nie się na jest to że z do jak co dla czy napisz mi "},
    {"cs", " a je se na že v to jak co pro není s do jsem napiš mi "},
    {"tr", " ve bir bu için ne ile de da mi nasıl çok olarak yaz bana "},
};

enum { LATIN_COUNT = sizeof latin / sizeof *latin };

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

static bool has_word(const char *words, const char *word, size_t len)
{
    struct slice all = slice_from_str(words), needle = slice_of(word, len);

    return slice_find(all, needle) != SIZE_MAX;
}

static void count_word(const char *spaced, size_t len, unsigned *hits)
{
    for (size_t i = 0; i < LATIN_COUNT; i++)
        hits[i] += has_word(latin[i].words, spaced, len);
}

static bool is_word_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static struct slice guess_latin(struct slice text)
{
    unsigned hits[LATIN_COUNT] = {0};
    size_t best = 0, second = LATIN_COUNT;
    char word[34] = " ";
    size_t len = 1;

    for (size_t i = 0; i <= text.len; i++) {
        unsigned char c = i < text.len ? (unsigned char)text.ptr[i] : ' ';

        if (is_word_byte(c)) {
            if (len < 32)
                word[len] = (char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
            len++;
            continue;
        }
        if (len > 1 && len < 32) {
            word[len] = ' ';
            count_word(word, len + 1, hits);
        }
        len = 1;
    }
    for (size_t i = 1; i < LATIN_COUNT; i++) {
        if (hits[i] > hits[best]) {
            second = best;
            best = i;
        } else if (second == LATIN_COUNT || hits[i] > hits[second]) {
            second = i;
        }
    }
    if (hits[best] < HITS_NEEDED || hits[best] == hits[second])
        return SLICE("und");
    return slice_from_str(latin[best].code);
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
