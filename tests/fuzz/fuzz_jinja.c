/* A template from outside, rendered with values of every kind, within tight bounds. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/template/jinja.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char vars_json[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": \"user\","
    " \"content\": \" h\\u00e9llo <|x|>\\n\"}, {\"role\": \"assistant\", \"content\": null,"
    " \"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5, "
    "true]}}}]}],"
    " \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {}}}],"
    " \"add_generation_prompt\": true, \"s\": \"h\\u00e9llo\", \"l\": [3, 1, 2], \"d\": {\"a\": 1},"
    " \"n\": null, \"i\": 7, \"f\": 0.5}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct engine_jinja_limits limits = {
        .output_max = 1 << 20, .memory_max = 8 << 20, .step_max = 200000, .now_ns = 1};
    struct engine_jinja *jinja;
    struct engine_value vars;
    struct base_error detail;
    if (engine_jinja_new(slice_of((const char *)data, size), &jinja, &detail) != BASE_OK)
        return 0;
    struct arena *arena = arena_new(1 << 20);
    struct buffer out;
    struct engine_runs runs = {0};
    buffer_init(&out, 1 << 20);
    if (engine_value_from_json(arena, slice_from_str(vars_json), &vars, &detail) != BASE_OK)
        abort();
    if (engine_jinja_render(jinja, &vars, &limits, &out, &runs, &detail) == BASE_OK) {
        size_t end = 0; /* runs rise, alternate and cover the text */
        for (size_t i = 0; i < runs.count; i++) {
            if (runs.items[i].end <= end ||
                (i > 0 && runs.items[i].literal == runs.items[i - 1].literal))
                abort();
            end = runs.items[i].end;
        }
        if (end != buffer_len(&out))
            abort();
    }
    engine_runs_done(&runs);
    buffer_done(&out);
    arena_free(arena);
    engine_jinja_free(jinja);
    return 0;
}
