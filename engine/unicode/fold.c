/* Characters without their marks and their case, for the tokenizers of encoders. */
#include "engine/unicode/unicode.h"

#include "engine/unicode/fold_table.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool is_nonspacing_mark(uint32_t code)
{
    size_t low = 0, high = COUNT(nonspacing_marks);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (nonspacing_marks[middle][1] < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < COUNT(nonspacing_marks) && nonspacing_marks[low][0] <= code;
}

/* Unicode, section 3.12: a syllable is a leading consonant, a vowel and perhaps a trailing one. */
static size_t bare_hangul(uint32_t index, uint32_t out[3])
{
    out[0] = 0x1100 + index / 588;
    out[1] = 0x1161 + index % 588 / 28;
    out[2] = 0x11a7 + index % 28;
    return index % 28 == 0 ? 2 : 3;
}

size_t engine_unicode_bare(uint32_t code, uint32_t out[3])
{
    out[0] = code;
    if (code < 0xc0)
        return 1;
    if (code >= 0xac00 && code <= 0xd7a3)
        return bare_hangul(code - 0xac00, out);
    size_t low = 0, high = COUNT(bare_codes), count = 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (bare_codes[middle][0] < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == COUNT(bare_codes) || bare_codes[low][0] != code)
        return is_nonspacing_mark(code) ? 0 : 1;
    while (count < 3 && bare_codes[low][count + 1] != 0) {
        out[count] = bare_codes[low][count + 1];
        count++;
    }
    return count;
}

uint32_t engine_unicode_lower(uint32_t code)
{
    size_t low = 0, high = COUNT(lower_runs);
    while (low < high) { /* the first run that does not end before `code` */
        size_t middle = (low + high) / 2;
        if ((uint32_t)lower_runs[middle][1] < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == COUNT(lower_runs) || (uint32_t)lower_runs[low][0] > code ||
        (code - (uint32_t)lower_runs[low][0]) % (uint32_t)lower_runs[low][2] != 0)
        return code;
    return (uint32_t)((int32_t)code + lower_runs[low][3]);
}
