/*
 * Writes a model that says what it was told to, for the tests of reasoning and tool calls:
 *
 *     script_model FAMILY FILE.gguf
 *
 * Each family has its own form of template, tokens and calls; the word that the last message of the
 * user holds ("call", "two", ...) chooses what is said.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/engine/script_gguf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What launches a line: the last token of the prompt. */
#define LAUNCH                                                                                     \
    "{% set last = messages[-1] %}"                                                                \
    "{% if last.role == 'tool' %}<go-result>{% elif 'two' in last.content %}<go-two>"              \
    "{% elif 'call' in last.content %}<go-call>{% elif 'code' in last.content %}<go-code>"         \
    "{% elif enable_thinking is defined and not enable_thinking %}<go-brief>"                      \
    "{% else %}<go-plain>{% endif %}"

/* --- Qwen3: <think>, and Hermes' calls --- */

static const char qwen_template[] =
    "{% if tools %}<|im_start|>system\nTools:{% for t in tools %}\n{{ t | tojson }}{% endfor %}\n"
    "Answer with <tool_call>{\"name\": ..., \"arguments\": ...}</tool_call>.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}"
    "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif "
    "%}" LAUNCH "{% endif %}";
static const struct script_line qwen_lines[] = {
    {"<go-plain>", {"<think>", "\nA gree", "ting.\n", "</think>", "\n\n", "Hello", " there."}},
    {"<go-brief>", {"Hi", "."}},
    {"<go-call>",
     {"<think>", "\nI look", " it up.\n", "</think>", "\n\n", "<tool_call>",
      "\n{\"name\": \"get_wea", "ther\", \"arguments\": {\"city\": \"Par", "is\"}}",
      "\n</tool_call>"}},
    {"<go-two>",
     {"Two.", "\n<tool_", "call>\n{\"name\": \"get_weather\", \"arg",
      "uments\": {\"city\": \"Rome, but the one in Georgia\"}}", "\n</tool", "_call>",
      "\n<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": 2}}", "</tool_call>"}},
    {"<go-code>", {"1 <", " 2 <tool", "s> </", "think>"}},
    {"<go-result>", {"It is", " sunny", "."}},
};

/* --- DeepSeek-R1: the template opens the reasoning --- */

static const char r1_template[] =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{{ m.content.split('</think>')[-1] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>{% endif %}";
static const char *const r1_controls[] = {"<think>", "</think>", NULL};
static const struct script_line r1_lines[] = {
    {"<think>", {"\nHm <", "/thi", "ng>.\n", "</think>", "\n\n", "Yes", "."}},
};

/* --- Llama 3 --- */

static const char llama_template[] =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.tool_calls %}{% if m.tool_calls|length != 1 %}"
    "{{ raise_exception('only one tool call at a time') }}{% endif %}"
    "{\"name\": \"{{ m.tool_calls[0].function.name }}\", "
    "\"parameters\": {{ m.tool_calls[0].function.arguments | tojson }}}"
    "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}{# <|python_tag|> #}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n" LAUNCH "{% endif %}";
static const char *const llama_controls[] = {"<|python_tag|>", NULL};
static const struct script_line llama_lines[] = {
    {"<go-plain>", {"Hello", " there."}},
    {"<go-call>", {"{\"na", "me\": \"get_weather\", \"parameters\"", ": {\"city\": \"Paris\"}}"}},
    {"<go-code>",
     {"<|python_tag|>", "{\"name\": \"get_weather\", ", "\"parameters\": {\"city\": \"Rome\"}}"}},
    {"<go-result>", {"It is", " sunny", "."}},
};

/* --- Mistral: a list of calls; ids of nine characters --- */

static const char mistral_template[] =
    "{% for m in messages %}{% if m.role == 'user' %}[INST]{{ m.content }}[/INST]"
    "{% elif m.tool_calls %}[TOOL_CALLS][{% for c in m.tool_calls %}"
    "{% if c.id|length != 9 %}{{ raise_exception('Tool call IDs should be alphanumeric strings "
    "with length 9!') }}{% endif %}{{ c.function | tojson }}{% endfor %}]"
    "{% elif m.role == 'tool' %}{% if m.tool_call_id|length != 9 %}{{ raise_exception('id') }}"
    "{% endif %}[TOOL_RESULTS]{{ m.content }}[/TOOL_RESULTS]{% else %}{{ m.content }}{% endif %}"
    "{% endfor %}{{ tools | tojson }}" LAUNCH;
static const char *const mistral_controls[] = {"[TOOL_CALLS]", "[INST]", "[/INST]", NULL};
static const struct script_line mistral_lines[] = {
    {"<go-plain>", {"Hello", " [there]", "."}},
    {"<go-call>",
     {"[TOOL_CALLS]", "[{\"name\": \"get_weather\", \"argu", "ments\": {\"city\": \"Paris\"}}]"}},
    {"<go-two>",
     {"[TOOL_CALLS]", "[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}, {\"na",
      "me\": \"add\", \"arguments\": {\"a\": 1, \"b\": 2}}", "]"}},
    {"<go-result>", {"It is", " sunny", "."}},
};

/* --- Mistral, later: name[ARGS]{...}, [THINK] --- */

static const char mistral_args_template[] =
    "{% for m in messages %}{% if m.tool_calls %}{% for c in m.tool_calls %}[TOOL_CALLS]"
    "{{ c.function.name }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}"
    "{% else %}[INST]{{ m.content }}[/INST]{% endif %}{% endfor %}{{ tools | tojson }}{# [THINK] "
    "#}" LAUNCH;
static const char *const mistral_args_controls[] = {
    "[TOOL_CALLS]", "[ARGS]", "[THINK]", "[/THINK]", "[INST]", "[/INST]", NULL};
static const struct script_line mistral_args_lines[] = {
    {"<go-plain>", {"[THINK]", "A gree", "ting.", "[/THINK]", "Hello", " there."}},
    {"<go-call>", {"[TOOL_CALLS]", "get_weather", "[ARGS]", "{\"city\": \"Par", "is\"}"}},
    {"<go-two>",
     {"[TOOL_CALLS]", "get_weather", "[ARGS]", "{\"city\": \"Rome\"}", "[TOOL_CALLS]", "add",
      "[ARGS]", "{\"a\": 1, \"b\": 2}"}},
    {"<go-result>", {"It is", " sunny", "."}},
};

/* --- Qwen3-Coder: tags --- */

static const char coder_template[] =
    "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}{% for m in messages %}<|im_start|>"
    "{{ m.role }}\n{{ m.content or '' }}{% for c in m.tool_calls or [] %}<tool_call>\n<function="
    "{{ c.function.name }}>\n{% for k, v in c.function.arguments | items %}<parameter={{ k }}>\n"
    "{{ v if v is string else v | tojson }}\n</parameter>\n{% endfor %}</function>\n</tool_call>"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n" LAUNCH "{% endif %}";
static const char *const coder_controls[] = {"<tool_call>", "</tool_call>", NULL};
static const struct script_line coder_lines[] = {
    {"<go-plain>", {"Hello", " there."}},
    {"<go-call>",
     {"<tool_call>", "\n<function=get_wea", "ther>\n<parameter=city>\nPar", "is\n</para",
      "meter>\n</function>\n", "</tool_call>"}},
    {"<go-two>",
     {"<tool_call>", "\n<function=get_weather>\n<parameter=city>\nRome\n</parameter>\n</function>",
      "\n</tool_call>", "\n<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n",
      "<parameter=b>\n2\n</parameter>\n</function>\n</tool", "_call>"}},
    {"<go-result>", {"It is", " sunny", "."}},
};

/* --- DeepSeek --- */

static const char deepseek_template[] =
    "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}{% for m in messages %}<|im_start|>"
    "{{ m.role }}\n{{ m.content or '' }}{% if m.tool_calls %}<｜tool▁calls▁begin｜>{% for c in "
    "m.tool_calls %}<｜tool▁call▁begin｜>{{ c.function.name }}<｜tool▁sep｜>"
    "{{ c.function.arguments | tojson }}<｜tool▁call▁end｜>{% endfor %}<｜tool▁calls▁end｜>"
    "{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n" LAUNCH "{% endif %}";
static const char *const deepseek_controls[] = {"<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>",
                                                "<｜tool▁sep｜>",         "<｜tool▁call▁end｜>",
                                                "<｜tool▁calls▁end｜>",   NULL};
static const struct script_line deepseek_lines[] = {
    {"<go-plain>", {"Hello", " there."}},
    {"<go-call>",
     {"<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "get_weather", "<｜tool▁sep｜>",
      "{\"city\": \"Par", "is\"}", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"}},
    {"<go-two>",
     {"<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "get_weather", "<｜tool▁sep｜>",
      "{\"city\": \"Rome\"}", "<｜tool▁call▁end｜>", "<｜tool▁call▁begin｜>", "add",
      "<｜tool▁sep｜>", "{\"a\": 1, \"b\": 2}", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"}},
    {"<go-result>", {"It is", " sunny", "."}},
};

/* --- gpt-oss --- */

static const char harmony_template[] =
    "<|start|>system<|message|>Reasoning: {{ reasoning_effort or 'medium' }}<|end|>"
    "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}"
    "{% for m in messages %}{% if m.tool_calls %}<|start|>assistant to=functions."
    "{{ m.tool_calls[0].function.name }}<|channel|>commentary json<|message|>"
    "{{ m.tool_calls[0].function.arguments | tojson }}<|call|>"
    "{% else %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant"
    "{% if reasoning_effort == 'high' %}<go-code>{% else %}" LAUNCH "{% endif %}{% endif %}";
static const char *const harmony_controls[] = {
    "<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|call|>", NULL};
static const struct script_line harmony_lines[] = {
    {"<go-plain>",
     {"<|channel|>", "analysis", "<|message|>", "A gree", "ting.", "<|end|>", "<|start|>",
      "assistant", "<|channel|>", "final", "<|message|>", "Hello", " there."}},
    {"<go-call>", {"<|channel|>",   "analysis",  "<|message|>", "I look",           " it up.",
                   "<|end|>",       "<|start|>", "assistant",   "<|channel|>",      "commentary",
                   " to=",          "functions", ".get_",       "weather",          " ",
                   "<|constrain|>", "json",      "<|message|>", "{\"city\": \"Par", "is\"}",
                   "<|call|>"}},
    {"<go-code>", {"<|channel|>", "final", "<|message|>", "Thought", " hard."}},
    {"<go-result>", {"<|channel|>", "final", "<|message|>", "It is", " sunny", "."}},
};

/* --- For /v1/completions: it goes on after '!', and fills in --- */

static const char plain_template[] = "{% for m in messages %}{{ m.content }}{% endfor %}";
static const char *const plain_controls[] = {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>",
                                             NULL};
static const struct script_line plain_lines[] = {
    {"!", {" And", " so", " on", "."}},
    {"?", {" N\xc3\xb6", " <think>", "."}},
    {"<|fim_middle|>", {"filled", " in."}},
};

static const struct family {
    const char *name;
    struct script_model model;
} families[] = {
    {"qwen", {qwen_template, qwen_lines, COUNT(qwen_lines), NULL, NULL}},
    {"r1", {r1_template, r1_lines, COUNT(r1_lines), r1_controls, NULL}},
    {"llama", {llama_template, llama_lines, COUNT(llama_lines), llama_controls, NULL}},
    {"mistral", {mistral_template, mistral_lines, COUNT(mistral_lines), mistral_controls, NULL}},
    {"mistral_args",
     {mistral_args_template, mistral_args_lines, COUNT(mistral_args_lines), mistral_args_controls,
      NULL}},
    {"coder", {coder_template, coder_lines, COUNT(coder_lines), coder_controls, NULL}},
    {"deepseek",
     {deepseek_template, deepseek_lines, COUNT(deepseek_lines), deepseek_controls, NULL}},
    {"plain", {plain_template, plain_lines, COUNT(plain_lines), plain_controls, NULL}},
    {"harmony",
     {harmony_template, harmony_lines, COUNT(harmony_lines), harmony_controls, "<|return|>"}},
};

/* Not one that says something: random weights, for embeddings. Its tokens are bytes. */
static struct slice encoder_write(struct tiny_file *file)
{
    const struct tiny_model m = {.arch = "bert",
                                 .n_vocab = 260,
                                 .n_embd = 32,
                                 .n_layer = 2,
                                 .n_head = 2,
                                 .n_head_kv = 2,
                                 .head_dim = 16,
                                 .n_ff = 64,
                                 .context = 64,
                                 .seed = 3,
                                 .bytes = true,
                                 .encoder = true,
                                 .positions = true,
                                 .token_types = 1,
                                 .layer_norm = true,
                                 .plain_mlp = true,
                                 .mlp_biases = true,
                                 .biases = true,
                                 .pooling = 1};
    return tiny_model_write(&m, file);
}

static int write_file(struct slice bytes, const char *path)
{
    FILE *out = fopen(path, "wb");
    bool written = out && fwrite(bytes.ptr, 1, bytes.len, out) == bytes.len;
    written = out && fclose(out) == 0 && written;
    return written ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "encoder") == 0) {
        struct tiny_file file;
        int ret = write_file(encoder_write(&file), argv[2]);
        tiny_done(&file);
        return ret;
    }
    for (size_t i = 0; argc == 3 && i < COUNT(families); i++) {
        if (strcmp(argv[1], families[i].name) != 0)
            continue;
        struct tiny_file file;
        int ret = write_file(script_model_write(&families[i].model, &file), argv[2]);
        tiny_done(&file);
        return ret;
    }
    (void)fprintf(stderr, "usage: script_model FAMILY FILE.gguf\n");
    return 2;
}
