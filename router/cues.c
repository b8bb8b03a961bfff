/*
 * Words that name a task, by stem. They are features of the task's model, which weighs them
 * together with everything else; no word decides alone.
 */
#include "router/text_features.h"

enum { FIRST_WORDS = 24, LAST_WORDS = 14, WORD_MAX = 24 };

#define T(name) ROUTER_TASK_##name

enum { DEMANDING = ROUTER_TASK_COUNT, LIGHT, CUE_KINDS }; /* words of such work */

/* A stem matches words that begin with it; a final '$' asks for the whole word. Lower case ASCII;
 * bytes above are compared as they are. Sorted by bytes; at least two of them each. */
static const struct {
    const char *stem;
    unsigned kind; /* enum router_task, DEMANDING or LIGHT */
} cues[] = {
    {"abstract$", T(SUMMARISATION)},
    {"according$", T(QA)},
    {"addresses$", T(EXTRACTION)},
    {"algorithm", T(CODE)},
    {"algorithm", DEMANDING},
    {"analy", T(REASONING)},
    {"analy", DEMANDING},
    {"angry$", T(CLASSIFICATION)},
    {"answer$", T(QA)},
    {"api$", T(CODE)},
    {"appear", T(EXTRACTION)},
    {"arabic$", T(TRANSLATION)},
    {"architect", T(REASONING)},
    {"architect", DEMANDING},
    {"argument", T(REASONING)},
    {"array$", T(CODE)},
    {"assign$", T(CLASSIFICATION)},
    {"asymptot", DEMANDING},
    {"average$", T(MATH)},
    {"bash$", T(CODE)},
    {"bayes", DEMANDING},
    {"begründe", T(REASONING)},
    {"benchmark", DEMANDING},
    {"berechne", T(MATH)},
    {"beweis", DEMANDING},
    {"birthday", LIGHT},
    {"bitte$", LIGHT},
    {"blog", T(CREATIVE)},
    {"bonjour", T(CHAT)},
    {"bonjour", LIGHT},
    {"bored$", T(CHAT)},
    {"brainstorm", T(CREATIVE)},
    {"briefly$", T(SUMMARISATION)},
    {"bug$", T(CODE)},
    {"bullet", T(SUMMARISATION)},
    {"calculat", T(MATH)},
    {"capital$", T(QA)},
    {"capital$", LIGHT},
    {"categor", T(CLASSIFICATION)},
    {"causal", DEMANDING},
    {"cause$", T(REASONING)},
    {"character", T(CREATIVE)},
    {"chat$", T(CHAT)},
    {"chinese$", T(TRANSLATION)},
    {"class$", T(CODE)},
    {"classe$", T(CLASSIFICATION)},
    {"classif", T(CLASSIFICATION)},
    {"classif", LIGHT},
    {"code$", T(CODE)},
    {"combien", T(MATH)},
    {"compare", T(REASONING)},
    {"compil", T(CODE)},
    {"compiler", DEMANDING},
    {"complexit", DEMANDING},
    {"compose$", T(CREATIVE)},
    {"comprehensive", DEMANDING},
    {"comput", T(MATH)},
    {"concise", T(REWRITING)},
    {"conclu", T(REASONING)},
    {"concurren", DEMANDING},
    {"condens", T(SUMMARISATION)},
    {"consequence", T(REASONING)},
    {"consistency", DEMANDING},
    {"constraint", DEMANDING},
    {"converg", DEMANDING},
    {"correct$", T(REWRITING)},
    {"corrig", T(REWRITING)},
    {"counterexample", DEMANDING},
    {"creativ", T(CREATIVE)},
    {"critically", DEMANDING},
    {"cryptograph", DEMANDING},
    {"css$", T(CODE)},
    {"cuento", T(CREATIVE)},
    {"cuál", T(QA)},
    {"database", T(CODE)},
    {"dates$", T(EXTRACTION)},
    {"deadlock", DEMANDING},
    {"debug", T(CODE)},
    {"decid", T(REASONING)},
    {"deduc", T(REASONING)},
    {"def$", T(CODE)},
    {"department", T(CLASSIFICATION)},
    {"derivative", T(MATH)},
    {"derive", DEMANDING},
    {"describe$", T(CREATIVE)},
    {"design", DEMANDING},
    {"design$", T(REASONING)},
    {"detailed$", DEMANDING},
    {"determinant", T(MATH)},
    {"diagnos", DEMANDING},
    {"dialog", T(CREATIVE)},
    {"dice$", T(MATH)},
    {"difference$", T(QA)},
    {"differential", DEMANDING},
    {"digest$", T(SUMMARISATION)},
    {"dir$", T(CHAT)},
    {"distribut", DEMANDING},
    {"docker", T(CODE)},
    {"does$", T(QA)},
    {"draft$", T(CREATIVE)},
    {"dutch$", T(TRANSLATION)},
    {"each$", T(MATH)},
    {"edit$", T(REWRITING)},
    {"eigen", DEMANDING},
    {"email$", LIGHT},
    {"entit", T(EXTRACTION)},
    {"equation", T(MATH)},
    {"equilibri", DEMANDING},
    {"essential", T(SUMMARISATION)},
    {"estás", T(CHAT)},
    {"evaluat", T(REASONING)},
    {"evaluat", DEMANDING},
    {"explain", T(QA)},
    {"extract", T(EXTRACTION)},
    {"extract", LIGHT},
    {"extrah", T(EXTRACTION)},
    {"extrai", T(EXTRACTION)},
    {"failure", DEMANDING},
    {"fasse$", T(SUMMARISATION)},
    {"favorite", T(CHAT)},
    {"favorite", LIGHT},
    {"favourite", T(CHAT)},
    {"favourite", LIGHT},
    {"feel$", T(CHAT)},
    {"fiction", T(CREATIVE)},
    {"fields$", T(EXTRACTION)},
    {"find$", T(EXTRACTION)},
    {"flaw", T(REASONING)},
    {"fluen", T(REWRITING)},
    {"following$", T(QA)},
    {"formal", T(REWRITING)},
    {"formal", DEMANDING},
    {"formulier", T(REWRITING)},
    {"french$", T(TRANSLATION)},
    {"friendl", T(REWRITING)},
    {"function$", T(CODE)},
    {"funktion", T(CODE)},
    {"gedicht", T(CREATIVE)},
    {"genom", DEMANDING},
    {"german$", T(TRANSLATION)},
    {"geschichte", T(CREATIVE)},
    {"gist$", T(SUMMARISATION)},
    {"git$", T(CODE)},
    {"golang", T(CODE)},
    {"grammar", T(REWRITING)},
    {"grammar", LIGHT},
    {"haiku", T(CREATIVE)},
    {"haiku", LIGHT},
    {"hallo$", T(CHAT)},
    {"hallo$", LIGHT},
    {"headline", T(SUMMARISATION)},
    {"hello$", T(CHAT)},
    {"hello$", LIGHT},
    {"hey$", T(CHAT)},
    {"hey$", LIGHT},
    {"hi$", T(CHAT)},
    {"hi$", LIGHT},
    {"histoire", T(CREATIVE)},
    {"hola$", T(CHAT)},
    {"hola$", LIGHT},
    {"how$", T(QA)},
    {"html$", T(CODE)},
    {"hypothes", T(REASONING)},
    {"hypothes", DEMANDING},
    {"identif", T(EXTRACTION)},
    {"imagin", T(CREATIVE)},
    {"implement", T(CODE)},
    {"implement", DEMANDING},
    {"implication", T(REASONING)},
    {"improv", T(REWRITING)},
    {"infinite", DEMANDING},
    {"integral", T(MATH)},
    {"integral", DEMANDING},
    {"intent$", T(CLASSIFICATION)},
    {"interpreter", T(TRANSLATION)},
    {"invarian", DEMANDING},
    {"invent", T(CREATIVE)},
    {"invoice", T(EXTRACTION)},
    {"irrational", T(MATH)},
    {"is$", T(QA)},
    {"italian$", T(TRANSLATION)},
    {"japanese$", T(TRANSLATION)},
    {"java$", T(CODE)},
    {"javascript", T(CODE)},
    {"joke$", T(CHAT)},
    {"joke$", LIGHT},
    {"json$", T(EXTRACTION)},
    {"justif", T(REASONING)},
    {"justif", DEMANDING},
    {"kernel", DEMANDING},
    {"klassifizier", T(CLASSIFICATION)},
    {"korean$", T(TRANSLATION)},
    {"korrigier", T(REWRITING)},
    {"kubernetes", T(CODE)},
    {"label", T(CLASSIFICATION)},
    {"linux$", T(CODE)},
    {"list$", T(EXTRACTION)},
    {"list$", LIGHT},
    {"litigat", DEMANDING},
    {"localis", T(TRANSLATION)},
    {"localiz", T(TRANSLATION)},
    {"lock$", DEMANDING},
    {"logic", T(REASONING)},
    {"lonely$", T(CHAT)},
    {"loop$", T(CODE)},
    {"lying$", T(REASONING)},
    {"lyrics", T(CREATIVE)},
    {"mail$", LIGHT},
    {"many$", T(MATH)},
    {"matrix", T(MATH)},
    {"mention", T(EXTRACTION)},
    {"migrat", DEMANDING},
    {"morning$", T(CHAT)},
    {"much$", T(MATH)},
    {"name$", LIGHT},
    {"named$", T(EXTRACTION)},
    {"names$", T(EXTRACTION)},
    {"necessarily", T(REASONING)},
    {"negative", T(CLASSIFICATION)},
    {"negotiat", DEMANDING},
    {"nenne$", T(EXTRACTION)},
    {"neutral", T(CLASSIFICATION)},
    {"nice$", T(CHAT)},
    {"nice$", LIGHT},
    {"novel$", T(CREATIVE)},
    {"one$", LIGHT},
    {"optimi", DEMANDING},
    {"overview$", T(SUMMARISATION)},
    {"owners$", T(EXTRACTION)},
    {"paraphras", T(REWRITING)},
    {"percent", T(MATH)},
    {"pharmac", DEMANDING},
    {"phone$", T(EXTRACTION)},
    {"places$", T(EXTRACTION)},
    {"plan$", T(REASONING)},
    {"please$", LIGHT},
    {"poem", T(CREATIVE)},
    {"poem", LIGHT},
    {"poetic", T(CREATIVE)},
    {"polish", T(REWRITING)},
    {"polish$", T(TRANSLATION)},
    {"polite", T(REWRITING)},
    {"polite", LIGHT},
    {"polynomial", T(MATH)},
    {"portuguese$", T(TRANSLATION)},
    {"positiv", T(CLASSIFICATION)},
    {"positive", T(CLASSIFICATION)},
    {"positive", LIGHT},
    {"powershell", T(CODE)},
    {"pretend", T(CREATIVE)},
    {"prime$", T(MATH)},
    {"priorit", T(CLASSIFICATION)},
    {"probabil", T(MATH)},
    {"probabil", DEMANDING},
    {"program", T(CODE)},
    {"proof$", DEMANDING},
    {"proofread", T(REWRITING)},
    {"proposal", T(REASONING)},
    {"prove$", T(MATH)},
    {"prove$", DEMANDING},
    {"pull$", T(EXTRACTION)},
    {"puzzle", T(REASONING)},
    {"python", T(CODE)},
    {"quantum", DEMANDING},
    {"quel", T(QA)},
    {"query$", T(CODE)},
    {"qui$", T(QA)},
    {"quick", LIGHT},
    {"radius", T(MATH)},
    {"react$", T(CODE)},
    {"reason", T(REASONING)},
    {"recap", T(SUMMARISATION)},
    {"recipe", LIGHT},
    {"recommend", T(REASONING)},
    {"refactor", T(CODE)},
    {"refactor", DEMANDING},
    {"reformul", T(REWRITING)},
    {"regex", T(CODE)},
    {"regular$", T(CODE)},
    {"regulat", DEMANDING},
    {"rephras", T(REWRITING)},
    {"rephras", LIGHT},
    {"research", DEMANDING},
    {"resum", T(SUMMARISATION)},
    {"reword", T(REWRITING)},
    {"rewrit", T(REWRITING)},
    {"rewrit", LIGHT},
    {"rigor", DEMANDING},
    {"risks$", T(REASONING)},
    {"russian$", T(TRANSLATION)},
    {"rust$", T(CODE)},
    {"résum", T(SUMMARISATION)},
    {"scalab", DEMANDING},
    {"screenplay", T(CREATIVE)},
    {"script$", T(CODE)},
    {"securit", DEMANDING},
    {"sentiment", T(CLASSIFICATION)},
    {"short$", LIGHT},
    {"shorten", T(REWRITING)},
    {"simple", LIGHT},
    {"simplif", T(REWRITING)},
    {"simulat", DEMANDING},
    {"skript", T(CODE)},
    {"slogan", T(CREATIVE)},
    {"slogan", LIGHT},
    {"solve", T(MATH)},
    {"song", T(CREATIVE)},
    {"sort$", T(CLASSIFICATION)},
    {"spam", T(CLASSIFICATION)},
    {"spanish$", T(TRANSLATION)},
    {"speech$", T(CREATIVE)},
    {"spell", LIGHT},
    {"spelling", T(REWRITING)},
    {"sql$", T(CODE)},
    {"statistic", DEMANDING},
    {"step$", T(REASONING)},
    {"step$", DEMANDING},
    {"stories", T(CREATIVE)},
    {"story", T(CREATIVE)},
    {"strateg", T(REASONING)},
    {"strateg", DEMANDING},
    {"style$", T(REWRITING)},
    {"sum$", T(MATH)},
    {"summar", T(SUMMARISATION)},
    {"summar", LIGHT},
    {"tag$", T(CLASSIFICATION)},
    {"takeaway", T(SUMMARISATION)},
    {"tense$", T(REWRITING)},
    {"thanks$", T(CHAT)},
    {"thanks$", LIGHT},
    {"theorem", T(MATH)},
    {"theorem", DEMANDING},
    {"thermodynam", DEMANDING},
    {"thread", T(CODE)},
    {"times$", T(MATH)},
    {"tired$", T(CHAT)},
    {"tl$", T(SUMMARISATION)},
    {"tldr", T(SUMMARISATION)},
    {"today$", T(CHAT)},
    {"today$", LIGHT},
    {"tone$", T(REWRITING)},
    {"total$", T(MATH)},
    {"toxic", T(CLASSIFICATION)},
    {"trade", T(REASONING)},
    {"trade$", DEMANDING},
    {"tradeoff", DEMANDING},
    {"tradu", T(TRANSLATION)},
    {"translat", T(TRANSLATION)},
    {"translat", LIGHT},
    {"triangle", T(MATH)},
    {"turkish$", T(TRANSLATION)},
    {"typeerror", T(CODE)},
    {"typescript", T(CODE)},
    {"unit$", T(CODE)},
    {"urgen", T(CLASSIFICATION)},
    {"vas$", T(CHAT)},
    {"vertaal", T(TRANSLATION)},
    {"voice$", T(REWRITING)},
    {"vulnerab", DEMANDING},
    {"was$", T(QA)},
    {"ways$", T(MATH)},
    {"weather", LIGHT},
    {"weekend$", T(CHAT)},
    {"weigh$", T(REASONING)},
    {"wer$", T(QA)},
    {"what$", T(QA)},
    {"when$", T(QA)},
    {"where$", T(QA)},
    {"which$", T(QA)},
    {"who$", T(QA)},
    {"why$", T(QA)},
    {"wording", T(REWRITING)},
    {"yes$", LIGHT},
    {"you$", T(CHAT)},
    {"yourself$", T(CHAT)},
    {"zusammen", T(SUMMARISATION)},
    {"Übersetz", T(TRANSLATION)},
    {"übersetz", T(TRANSLATION)},
};

enum { CUE_COUNT = sizeof cues / sizeof *cues };

static bool matches(const char *stem, struct slice word)
{
    size_t i = 0;

    while (i < word.len && stem[i] == word.ptr[i])
        i++;
    return stem[i] == '$' ? i == word.len : !stem[i];
}

static unsigned opening(const char *bytes)
{
    return (unsigned)(unsigned char)bytes[0] << 8 | (unsigned char)bytes[1];
}

/* The first stem that begins with these two bytes, or that comes after them. */
static size_t first_cue(unsigned bytes)
{
    size_t low = 0, high = CUE_COUNT;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (opening(cues[middle].stem) < bytes)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct cues {
    float *tasks;
    unsigned demanding, light;
};

static void add_cues(struct slice word, float value, struct cues *c)
{
    bool found[CUE_KINDS] = {false};
    unsigned bytes;

    if (word.len < 2)
        return;
    bytes = opening(word.ptr);
    for (size_t i = first_cue(bytes); i < CUE_COUNT && opening(cues[i].stem) == bytes; i++)
        if (!found[cues[i].kind])
            found[cues[i].kind] = matches(cues[i].stem, word);
    for (size_t t = 0; t < ROUTER_TASK_COUNT; t++)
        if (found[t] && c->tasks[t] < value)
            c->tasks[t] = value;
    c->demanding += found[DEMANDING];
    c->light += found[LIGHT];
}

static bool is_word(unsigned char c)
{
    return ((c | 32) >= 'a' && (c | 32) <= 'z') || c >= 0x80;
}

/* The next word from `*at` on, in lower case in `buf`; empty at the end. Words too long are cut. */
static struct slice next_word(struct slice text, size_t *at, char buf[WORD_MAX])
{
    size_t len = 0;

    while (*at < text.len && !is_word((unsigned char)text.ptr[*at]))
        (*at)++;
    for (; *at < text.len && is_word((unsigned char)text.ptr[*at]); (*at)++) {
        unsigned char c = (unsigned char)text.ptr[*at];

        if (len < WORD_MAX)
            buf[len++] = (char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
    }
    return slice_of(buf, len);
}

/* Where the last few words begin, not before `from`. */
static size_t last_words(struct slice text, size_t from)
{
    size_t at = text.len, words = 0;

    while (at > from && words < LAST_WORDS) {
        at--;
        words += !is_word((unsigned char)text.ptr[at]) && at + 1 < text.len &&
                 is_word((unsigned char)text.ptr[at + 1]);
    }
    return at;
}

static float three_at_most(unsigned n)
{
    return n < 3 ? (float)n / 3 : 1;
}

/* Instructions stand at the beginning or at the end; earlier words of the beginning say more. */
void router_cues_read(struct slice text, struct router_features *ret)
{
    struct cues c = {.tasks = ret->cues};
    char buf[WORD_MAX];
    struct slice word = SLICE("");
    size_t at = 0;

    memset(ret->cues, 0, sizeof ret->cues);
    for (size_t words = 0; words < FIRST_WORDS; words++) {
        word = next_word(text, &at, buf);
        if (!word.len)
            break;
        add_cues(word, words < 4 ? 1.0f : words < 12 ? 0.75f : 0.5f, &c);
    }
    if (word.len) {
        at = last_words(text, at);
        while ((word = next_word(text, &at, buf)).len)
            add_cues(word, 0.5f, &c);
    }
    ret->dense[ROUTER_DENSE_DEMANDING] = three_at_most(c.demanding);
    ret->dense[ROUTER_DENSE_LIGHT] = three_at_most(c.light);
}
