#include "gateway/cli/cli.h"

#include "base/doc/doc.h"
#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>

static const struct cli_command commands[] = {
    {"serve", "", "run the gateway", "hearth serve --config hearth.yaml", cli_serve},
    {"status", "", "what a running Hearth is doing", "hearth status", cli_status},
    {"chat", "[\"PROMPT\"]", "talk to it, or ask one thing",
     "hearth chat \"Is this positive or negative: great coffee!\"", cli_chat},
    {"route", "[TEXT]", "where a request would go, and why; sends nothing",
     "hearth route --config deploy/examples/hybrid.yaml \"Prove that there are infinitely many "
     "primes\"",
     cli_route},
    {"explain", "ID", "why a past request went where it went", "hearth explain req_019a --verify",
     cli_explain},
    {"audit", "[verify | REQUEST]", "what was allowed to leave, and proof of what was not",
     "hearth audit verify", cli_audit},
    {"report", "", "cost, latency and where requests went", "hearth report --by target --since 7d",
     cli_report},
    {"check", "FILE", "check a configuration without running it",
     "hearth check hearth.yaml --matrix", cli_check},
    {"schema", "", "the configuration's JSON Schema, for editors",
     "hearth schema > hearth.schema.json", cli_schema},
    {"reload", "", "make a running Hearth read its configuration again", "hearth reload",
     cli_reload},
    {"keys", "add TENANT | list | revoke ID", "keys of those who may ask",
     "hearth keys add interns --label laptop", cli_keys},
    {"scan", "[TEXT]", "what is private in a text", "hearth scan --jsonl texts.jsonl", cli_scan},
    {"score", "[TEXT]", "how complex a request is",
     "hearth score \"Translate this into French: good morning\"", cli_score},
    {"tokenize", "MODEL [TEXT]", "text to token ids", "hearth tokenize deploy/demo.gguf \"Hello\"",
     cli_tokenize},
    {"logits", "MODEL", "logits of every position, for comparisons",
     "hearth logits deploy/demo.gguf --tokens ids.json --out logits.f32", cli_logits},
    {"embed", "MODEL [TEXT...]", "texts to vectors, by a model for embeddings",
     "hearth embed nomic-embed.gguf \"search_query: what is a ledger?\"", cli_embed},
    {"perplexity", "MODEL FILE", "how well a model foresees a text",
     "hearth perplexity deploy/demo.gguf README.md -c 256", cli_perplexity},
    {"bench", "MODEL", "how fast a model runs here",
     "hearth bench deploy/demo.gguf -p 128 -n 64 -t 2", cli_bench},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *to)
{
    (void)fprintf(to,
                  "Hearth %s: one OpenAI-compatible endpoint, served from this machine, from the "
                  "premises or from the\n"
                  "cloud: from the cheapest that is able, and never from one that may not see the "
                  "request.\n\n"
                  "usage: hearth COMMAND [OPTIONS]\n\n",
                  HEARTH_VERSION);
    for (size_t i = 0; i < COMMANDS; i++)
        (void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    (void)fprintf(
        to,
        "\n`hearth COMMAND --help` shows options and an example. Start here:\n\n  hearth serve\n"
        "  curl -s http://127.0.0.1:8080/v1/chat/completions -d '{\"model\":\"auto\",\"messages\":"
        "[{\"role\":\"user\",\"content\":\"Hello\"}]}'\n"
        "\nenvironment:\n"
        "  HEARTH_STATE     the state folder, unless --state names one\n"
        "  HEARTH_API_KEY   the key that `hearth chat` sends\n"
        "  HEARTH_CPU       the engine's kernels: auto, portable, avx2, avx512, avx512_bf16, neon\n"
        "\nexit codes: 0 done; 1 it failed; 2 wrong arguments or a bad configuration; 3 the answer "
        "is no\n(route: refused; explain --verify, audit: not as recorded)\n");
}

static const struct cli_command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    struct slice names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = slice_from_str(commands[i].name);
    struct slice nearest = doc_nearest(slice_from_str(name), names, COMMANDS);
    if (nearest.len > 0)
        (void)fprintf(stderr, "hearth: unknown command `%.64s`; did you mean `%.*s`?\n", name,
                      SLICE_ARG(nearest));
    else
        (void)fprintf(stderr, "hearth: unknown command `%.64s`; `hearth --help` lists them\n",
                      name);
    return CLI_USAGE;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    bool is_help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                   strcmp(argv[1], "help") == 0;
    if (is_help && argc == 2) {
        print_help(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("hearth %s%s\n", HEARTH_VERSION,
                     policy_permit_check_enabled() ? "" : " (TEST BUILD WITHOUT EGRESS PERMITS)");
        return CLI_OK;
    }
    const struct cli_command *command = command_find(argv[is_help ? 2 : 1]);
    if (!command)
        return unknown_command(argv[is_help ? 2 : 1]);
    char help[] = "--help", *help_only[] = {help};
    return is_help ? command->run(command, 1, help_only)
                   : command->run(command, argc - 2, argv + 2);
}

int main(int argc, char **argv)
{
    engine_catch_lost_pages();
    int exit_code = run(argc, argv);
    /* On a full disk a report that is not there must not look like a good one. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && exit_code == CLI_OK)
        exit_code = cli_failf("the output cannot be written: %s", strerror(errno));
    return exit_code;
}
