/*
 * Words that name a task, by stem. They are features of the task's model, which weighs them
 * together with everything else; no word decides alone.
 */
#include "router/text_features.h"

enum { FIRST_WORDS = 24, LAST_WORDS = 14, WORD_MAX = 24 };

#define T(name) ROUTER_TASK_##name

/* A stem matches words that begin with it; a final '$' asks for the whole word. Lower case ASCII;
 * bytes above are compared as they are. */
static const struct {
    const char *stem;
    enum router_task task;
} cues[] = {
    {"summar", T(SUMMARISATION)},
    {"tl$", T(SUMMARISATION)},
    {"tldr", T(SUMMARISATION)},
    {"condens", T(SUMMARISATION)},
    {"abstract$", T(SUMMARISATION)},
    {"gist$", T(SUMMARISATION)},
    {"bullet", T(SUMMARISATION)},
    {"recap", T(SUMMARISATION)},
    {"digest$", T(SUMMARISATION)},
    {"headline", T(SUMMARISATION)},
    {"briefly$", T(SUMMARISATION)},
    {"overview$", T(SUMMARISATION)},
    {"zusammen", T(SUMMARISATION)},
    {"fasse$", T(SUMMARISATION)},
    {"résum", T(SUMMARISATION)},
    {"resum", T(SUMMARISATION)},
    {"takeaway", T(SUMMARISATION)},
    {"essential", T(SUMMARISATION)},
    {"translat", T(TRANSLATION)},
    {"übersetz", T(TRANSLATION)},
    {"Übersetz", T(TRANSLATION)},
    {"tradu", T(TRANSLATION)},
    {"vertaal", T(TRANSLATION)},
    {"german$", T(TRANSLATION)},
    {"french$", T(TRANSLATION)},
    {"spanish$", T(TRANSLATION)},
    {"italian$", T(TRANSLATION)},
    {"japanese$", T(TRANSLATION)},
    {"chinese$", T(TRANSLATION)},
    {"polish$", T(TRANSLATION)},
    {"dutch$", T(TRANSLATION)},
    {"portuguese$", T(TRANSLATION)},
    {"turkish$", T(TRANSLATION)},
    {"russian$", T(TRANSLATION)},
    {"korean$", T(TRANSLATION)},
    {"arabic$", T(TRANSLATION)},
    {"localis", T(TRANSLATION)},
    {"localiz", T(TRANSLATION)},
    {"interpreter", T(TRANSLATION)},
    {"rewrit", T(REWRITING)},
    {"rephras", T(REWRITING)},
    {"paraphras", T(REWRITING)},
    {"reword", T(REWRITING)},
    {"proofread", T(REWRITING)},
    {"grammar", T(REWRITING)},
    {"spelling", T(REWRITING)},
    {"polish", T(REWRITING)},
    {"improv", T(REWRITING)},
    {"polite", T(REWRITING)},
    {"formal", T(REWRITING)},
    {"tone$", T(REWRITING)},
    {"edit$", T(REWRITING)},
    {"shorten", T(REWRITING)},
    {"correct$", T(REWRITING)},
    {"style$", T(REWRITING)},
    {"wording", T(REWRITING)},
    {"simplif", T(REWRITING)},
    {"formulier", T(REWRITING)},
    {"corrig", T(REWRITING)},
    {"korrigier", T(REWRITING)},
    {"friendl", T(REWRITING)},
    {"tense$", T(REWRITING)},
    {"voice$", T(REWRITING)},
    {"reformul", T(REWRITING)},
    {"fluen", T(REWRITING)},
    {"concise", T(REWRITING)},
    {"classif", T(CLASSIFICATION)},
    {"categor", T(CLASSIFICATION)},
    {"sentiment", T(CLASSIFICATION)},
    {"label", T(CLASSIFICATION)},
    {"positive", T(CLASSIFICATION)},
    {"negative", T(CLASSIFICATION)},
    {"neutral", T(CLASSIFICATION)},
    {"spam", T(CLASSIFICATION)},
    {"urgen", T(CLASSIFICATION)},
    {"priorit", T(CLASSIFICATION)},
    {"toxic", T(CLASSIFICATION)},
    {"intent$", T(CLASSIFICATION)},
    {"tag$", T(CLASSIFICATION)},
    {"klassifizier", T(CLASSIFICATION)},
    {"sort$", T(CLASSIFICATION)},
    {"angry$", T(CLASSIFICATION)},
    {"assign$", T(CLASSIFICATION)},
    {"positiv", T(CLASSIFICATION)},
    {"classe$", T(CLASSIFICATION)},
    {"department", T(CLASSIFICATION)},
    {"extract", T(EXTRACTION)},
    {"extrai", T(EXTRACTION)},
    {"extrah", T(EXTRACTION)},
    {"entit", T(EXTRACTION)},
    {"mention", T(EXTRACTION)},
    {"json$", T(EXTRACTION)},
    {"named$", T(EXTRACTION)},
    {"names$", T(EXTRACTION)},
    {"dates$", T(EXTRACTION)},
    {"pull$", T(EXTRACTION)},
    {"find$", T(EXTRACTION)},
    {"list$", T(EXTRACTION)},
    {"appear", T(EXTRACTION)},
    {"fields$", T(EXTRACTION)},
    {"identif", T(EXTRACTION)},
    {"nenne$", T(EXTRACTION)},
    {"owners$", T(EXTRACTION)},
    {"addresses$", T(EXTRACTION)},
    {"phone$", T(EXTRACTION)},
    {"invoice", T(EXTRACTION)},
    {"places$", T(EXTRACTION)},
    {"function$", T(CODE)},
    {"python", T(CODE)},
    {"javascript", T(CODE)},
    {"typescript", T(CODE)},
    {"sql$", T(CODE)},
    {"regex", T(CODE)},
    {"regular$", T(CODE)},
    {"bug$", T(CODE)},
    {"code$", T(CODE)},
    {"script$", T(CODE)},
    {"compil", T(CODE)},
    {"implement", T(CODE)},
    {"debug", T(CODE)},
    {"docker", T(CODE)},
    {"git$", T(CODE)},
    {"java$", T(CODE)},
    {"rust$", T(CODE)},
    {"html$", T(CODE)},
    {"css$", T(CODE)},
    {"bash$", T(CODE)},
    {"api$", T(CODE)},
    {"refactor", T(CODE)},
    {"kubernetes", T(CODE)},
    {"linux$", T(CODE)},
    {"def$", T(CODE)},
    {"algorithm", T(CODE)},
    {"unit$", T(CODE)},
    {"class$", T(CODE)},
    {"react$", T(CODE)},
    {"database", T(CODE)},
    {"query$", T(CODE)},
    {"skript", T(CODE)},
    {"funktion", T(CODE)},
    {"program", T(CODE)},
    {"typeerror", T(CODE)},
    {"powershell", T(CODE)},
    {"thread", T(CODE)},
    {"array$", T(CODE)},
    {"loop$", T(CODE)},
    {"golang", T(CODE)},
    {"solve", T(MATH)},
    {"equation", T(MATH)},
    {"integral", T(MATH)},
    {"derivative", T(MATH)},
    {"probabil", T(MATH)},
    {"percent", T(MATH)},
    {"comput", T(MATH)},
    {"calculat", T(MATH)},
    {"theorem", T(MATH)},
    {"prove$", T(MATH)},
    {"matrix", T(MATH)},
    {"determinant", T(MATH)},
    {"many$", T(MATH)},
    {"much$", T(MATH)},
    {"total$", T(MATH)},
    {"each$", T(MATH)},
    {"times$", T(MATH)},
    {"sum$", T(MATH)},
    {"berechne", T(MATH)},
    {"combien", T(MATH)},
    {"polynomial", T(MATH)},
    {"irrational", T(MATH)},
    {"radius", T(MATH)},
    {"triangle", T(MATH)},
    {"average$", T(MATH)},
    {"prime$", T(MATH)},
    {"dice$", T(MATH)},
    {"ways$", T(MATH)},
    {"reason", T(REASONING)},
    {"logic", T(REASONING)},
    {"step$", T(REASONING)},
    {"argument", T(REASONING)},
    {"flaw", T(REASONING)},
    {"compare", T(REASONING)},
    {"weigh$", T(REASONING)},
    {"analy", T(REASONING)},
    {"strateg", T(REASONING)},
    {"plan$", T(REASONING)},
    {"justif", T(REASONING)},
    {"deduc", T(REASONING)},
    {"decid", T(REASONING)},
    {"recommend", T(REASONING)},
    {"conclu", T(REASONING)},
    {"hypothes", T(REASONING)},
    {"implication", T(REASONING)},
    {"trade", T(REASONING)},
    {"puzzle", T(REASONING)},
    {"lying$", T(REASONING)},
    {"necessarily", T(REASONING)},
    {"begründe", T(REASONING)},
    {"cause$", T(REASONING)},
    {"risks$", T(REASONING)},
    {"evaluat", T(REASONING)},
    {"design$", T(REASONING)},
    {"architect", T(REASONING)},
    {"proposal", T(REASONING)},
    {"consequence", T(REASONING)},
    {"poem", T(CREATIVE)},
    {"story", T(CREATIVE)},
    {"stories", T(CREATIVE)},
    {"haiku", T(CREATIVE)},
    {"slogan", T(CREATIVE)},
    {"lyrics", T(CREATIVE)},
    {"song", T(CREATIVE)},
    {"invent", T(CREATIVE)},
    {"imagin", T(CREATIVE)},
    {"pretend", T(CREATIVE)},
    {"fiction", T(CREATIVE)},
    {"dialog", T(CREATIVE)},
    {"novel$", T(CREATIVE)},
    {"blog", T(CREATIVE)},
    {"gedicht", T(CREATIVE)},
    {"geschichte", T(CREATIVE)},
    {"histoire", T(CREATIVE)},
    {"cuento", T(CREATIVE)},
    {"speech$", T(CREATIVE)},
    {"compose$", T(CREATIVE)},
    {"creativ", T(CREATIVE)},
    {"character", T(CREATIVE)},
    {"screenplay", T(CREATIVE)},
    {"describe$", T(CREATIVE)},
    {"draft$", T(CREATIVE)},
    {"poetic", T(CREATIVE)},
    {"brainstorm", T(CREATIVE)},
    {"hi$", T(CHAT)},
    {"hello$", T(CHAT)},
    {"hey$", T(CHAT)},
    {"hallo$", T(CHAT)},
    {"bonjour", T(CHAT)},
    {"hola$", T(CHAT)},
    {"morning$", T(CHAT)},
    {"thanks$", T(CHAT)},
    {"feel$", T(CHAT)},
    {"joke$", T(CHAT)},
    {"chat$", T(CHAT)},
    {"today$", T(CHAT)},
    {"yourself$", T(CHAT)},
    {"weekend$", T(CHAT)},
    {"lonely$", T(CHAT)},
    {"favourite", T(CHAT)},
    {"favorite", T(CHAT)},
    {"bored$", T(CHAT)},
    {"tired$", T(CHAT)},
    {"nice$", T(CHAT)},
    {"you$", T(CHAT)},
    {"dir$", T(CHAT)},
    {"estás", T(CHAT)},
    {"vas$", T(CHAT)},
    {"what$", T(QA)},
    {"who$", T(QA)},
    {"when$", T(QA)},
    {"where$", T(QA)},
    {"which$", T(QA)},
    {"why$", T(QA)},
    {"capital$", T(QA)},
    {"explain", T(QA)},
    {"difference$", T(QA)},
    {"was$", T(QA)},
    {"wer$", T(QA)},
    {"qui$", T(QA)},
    {"quel", T(QA)},
    {"cuál", T(QA)},
    {"does$", T(QA)},
    {"is$", T(QA)},
    {"how$", T(QA)},
    {"answer$", T(QA)},
    {"according$", T(QA)},
    {"following$", T(QA)},
};

/* Words of demanding work, and of light work. */
static const char *const demanding[] = {
    "prove$",      "proof$",    "derive",        "analy",          "design",       "architect",
    "optimi",      "implement", "distribut",     "concurren",      "algorithm",    "complexit",
    "theorem",     "rigor",     "evaluat",       "strateg",        "formal",       "simulat",
    "research",    "statistic", "hypothes",      "compiler",       "kernel",       "lock$",
    "asymptot",    "converg",   "equilibri",     "integral",       "differential", "eigen",
    "bayes",       "probabil",  "tradeoff",      "trade$",         "constraint",   "refactor",
    "scalab",      "securit",   "vulnerab",      "cryptograph",    "quantum",      "causal",
    "consistency", "infinite",  "justif",        "counterexample", "invarian",     "deadlock",
    "migrat",      "diagnos",   "negotiat",      "regulat",        "litigat",      "pharmac",
    "thermodynam", "genom",     "comprehensive", "detailed$",      "critically",   "step$",
    "failure",     "benchmark", "beweis",
};
static const char *const light[] = {
    "hi$",     "hello$",   "hey$",      "thanks$",  "please$", "joke$",  "short$",  "simple",
    "quick",   "one$",     "yes$",      "translat", "summar",  "rewrit", "rephras", "classif",
    "spell",   "grammar",  "name$",     "capital$", "list$",   "poem",   "haiku",   "slogan",
    "nice$",   "birthday", "favourite", "favorite", "weather", "recipe", "polite",  "positive",
    "extract", "today$",   "hallo$",    "bonjour",  "hola$",   "bitte$", "email$",  "mail$",
};

static bool matches(const char *stem, struct slice word)
{
    size_t len = strlen(stem);
    bool whole = stem[len - 1] == '$';

    len -= whole;
    return word.len >= len && memcmp(word.ptr, stem, len) == 0 && (!whole || word.len == len);
}

static unsigned count_stems(const char *const *stems, size_t count, struct slice word)
{
    for (size_t i = 0; i < count; i++)
        if (stems[i][0] == word.ptr[0] && matches(stems[i], word))
            return 1;
    return 0;
}

struct cues {
    float *tasks;
    unsigned demanding, light;
};

static void add_cues(struct slice word, float value, struct cues *c)
{
    float *ret = c->tasks;

    c->demanding += count_stems(demanding, sizeof demanding / sizeof *demanding, word);
    c->light += count_stems(light, sizeof light / sizeof *light, word);
    for (size_t i = 0; i < sizeof cues / sizeof *cues; i++)
        if (cues[i].stem[0] == word.ptr[0] && matches(cues[i].stem, word) &&
            ret[cues[i].task] < value)
            ret[cues[i].task] = value;
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
