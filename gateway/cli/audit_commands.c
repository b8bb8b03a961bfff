/* audit: the chain of decisions about what may leave; listed, verified, and as a proof for one
 * request. */
#include "gateway/cli/cli.h"

#include "gateway/ledger/ledger.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

struct audit {
    /* What is shown; NULL = everything. */
    const char *kind, *level, *zone, *target, *request;
    int64_t since_ns;
    bool json, quiet;
    enum policy_level least;
    uint64_t shown;
    /* Of one request. */
    uint64_t records, permits, denials;
    int64_t bytes; /* that left; -1 = unknown */
    bool zones[POLICY_ZONE_COUNT];
    struct buffer out;
};

static bool is_shown(const struct audit *a, const struct ledger_audit_entry *e)
{
    enum policy_level level = POLICY_LEVEL_RESTRICTED; /* one that is not known counts as high */
    (void)policy_level_parse(e->level, &level);
    return (!a->kind || slice_eq_str(e->kind, a->kind)) && (!a->level || level >= a->least) &&
           (!a->zone || slice_eq_str(e->zone, a->zone)) &&
           (!a->target || slice_eq_str(e->destination, a->target)) &&
           (!a->request || slice_eq_str(e->request_id, a->request)) && e->wall_ns >= a->since_ns;
}

static struct slice or_dash(struct slice s)
{
    return s.len ? s : SLICE("-");
}

static void write_line(struct buffer *out, const struct ledger_audit_entry *e)
{
    char utc[25];
    clock_format_utc(e->wall_ns, utc);
    buffer_addf(out, "%8" PRIu64 "  %.19sZ  %-8.*s  %-26.*s  %-12.*s  %-8.*s  %-24.*s  ", e->number,
                utc, SLICE_ARG(e->kind), SLICE_ARG(or_dash(e->request_id)), SLICE_ARG(e->level),
                SLICE_ARG(e->zone), SLICE_ARG(or_dash(e->destination)));
    if (slice_eq_str(e->kind, "permit"))
        buffer_addf(out, "%8" PRId64 "  ", e->bytes);
    else
        buffer_addf(out, "%8s  ", "-");
    buffer_addf(out, "%.*s\n", SLICE_ARG(or_dash(e->findings)));
}

/* What one record says of where its request went. */
static void add_up(struct audit *a, const struct ledger_audit_entry *e)
{
    enum policy_zone zone;
    a->records++;
    a->denials += slice_eq_str(e->kind, "denial");
    if (slice_eq_str(e->kind, "local"))
        a->zones[POLICY_ZONE_DEVICE] = true;
    if (!slice_eq_str(e->kind, "permit"))
        return;
    a->permits++;
    if (e->sends == 0)
        return; /* permitted, and never sent */
    if (!policy_zone_parse(e->zone, &zone))
        zone = POLICY_ZONE_CLOUD;
    a->zones[zone] = true;
    if (e->sends < 0)
        a->bytes = -1;
    else if (a->bytes >= 0)
        a->bytes += e->bytes * e->sends;
}

static enum base_err on_record(void *user, const struct ledger_audit_entry *e,
                               struct base_error *reterr)
{
    struct audit *a = user;
    (void)reterr;
    if (a->quiet || !is_shown(a, e))
        return BASE_OK;
    a->shown++;
    if (a->request)
        add_up(a, e);
    if (a->json) {
        buffer_addf(&a->out, "%s%.*s", a->request && a->records > 1 ? "," : "",
                    SLICE_ARG(e->record));
        if (!a->request)
            buffer_add_char(&a->out, '\n');
    } else {
        write_line(&a->out, e);
    }
    if (!a->request) { /* a long list is passed on as it comes */
        cli_print(buffer_slice(&a->out));
        buffer_clear(&a->out);
    }
    return a->out.err;
}

/* ---- verify ---- */

static void write_summary(struct json_writer *w, const struct ledger_audit_summary *s)
{
    char hex[2 * POLICY_HASH_BYTES + 1];
    ledger_audit_hex(s->last.hash, hex);
    json_open_object(w);
    json_member_bool(w, "verified", s->faults == 0);
    json_member_i64(w, "records", (int64_t)s->records);
    json_member_i64(w, "first", (int64_t)s->first);
    json_member_i64(w, "last", (int64_t)s->last.number);
    json_member_str(w, "hash", s->records ? hex : NULL);
    json_member_i64(w, "faults", (int64_t)s->faults);
    json_key(w, SLICE("fault_at"));
    if (s->faults)
        json_put_i64(w, (int64_t)s->fault_at);
    else
        json_put_null(w);
    json_member_str(w, "fault", s->faults ? s->fault : NULL);
    json_close_object(w);
}

static void print_summary(const struct ledger_audit_summary *s)
{
    char hex[2 * POLICY_HASH_BYTES + 1];
    ledger_audit_hex(s->last.hash, hex);
    if (s->faults) {
        (void)printf("BROKEN at record %" PRIu64 ": %s\n", s->fault_at, s->fault);
        if (s->faults > 1)
            (void)printf("%" PRIu64 " more faults behind it\n", s->faults - 1);
        return;
    }
    if (s->records == 0) {
        (void)printf("there are no audit records yet\n");
        return;
    }
    (void)printf("verified: records %" PRIu64 " to %" PRIu64 ", and their attempts\n", s->first,
                 s->last.number);
    if (s->first > 1)
        (void)printf("the months before record %" PRIu64 " are not here\n", s->first);
    (void)printf("keep this elsewhere, for --expect: %" PRIu64 ":%s\n", s->last.number, hex);
}

static int print_verdict(const struct audit *a, const struct ledger_audit_summary *s)
{
    struct json_writer w;
    struct buffer out;
    if (a->json) {
        buffer_init(&out, 1 << 16);
        json_writer_init(&w, &out);
        write_summary(&w, s);
        buffer_add_char(&out, '\n');
        cli_print_buffer(&out);
    } else {
        print_summary(s);
    }
    return s->faults ? CLI_NO : CLI_OK;
}

/* ---- the proof for one request ---- */

/* How far it got, by the records. */
static const char *reached(const struct audit *a)
{
    if (a->zones[POLICY_ZONE_CLOUD])
        return "cloud";
    if (a->zones[POLICY_ZONE_PREMISES])
        return "premises";
    return a->zones[POLICY_ZONE_DEVICE] ? "device" : "nowhere";
}

static void print_proof_json(struct audit *a, const struct ledger_audit_summary *s)
{
    struct buffer out;
    struct json_writer w;
    buffer_init(&out, 64 << 20);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_member_str(&w, "request", a->request);
    json_member_bool(&w, "stayed_home", s->faults == 0 && !a->zones[POLICY_ZONE_CLOUD]);
    json_member_str(&w, "reached", reached(a));
    json_member_i64(&w, "permits", (int64_t)a->permits);
    json_member_i64(&w, "denials", (int64_t)a->denials);
    json_key(&w, SLICE("bytes_sent"));
    if (a->bytes >= 0)
        json_put_i64(&w, a->bytes);
    else
        json_put_null(&w);
    json_key(&w, SLICE("chain"));
    write_summary(&w, s);
    buffer_addf(&out, ",\"records\":[%.*s]}\n", SLICE_ARG(buffer_slice(&a->out)));
    cli_print_buffer(&out);
}

static void print_proof(const struct audit *a, const struct ledger_audit_summary *s)
{
    static const char *const names[] = {"this machine's own engine", "the premises", "the cloud"};
    cli_print(buffer_slice(&a->out));
    if (s->faults) {
        (void)printf("NOT PROVEN: the chain is broken at record %" PRIu64 ": %s\n", s->fault_at,
                     s->fault);
        return;
    }
    if (a->permits == 0)
        (void)printf("stayed here: no permit was given, so no byte of it left this process\n");
    for (size_t i = 1; i < POLICY_ZONE_COUNT; i++)
        if (a->zones[i])
            (void)printf("was sent to %s\n", names[i]);
    if (a->permits > 0 && a->bytes >= 0)
        (void)printf("%" PRId64 " bytes were sent, with %" PRIu64 " permits\n", a->bytes,
                     a->permits);
    else if (a->permits > 0)
        (void)printf("how much was sent is not known: the process ended while it was under way\n");
    if (a->permits > 0 && !a->zones[POLICY_ZONE_CLOUD])
        (void)printf("nothing of it was sent to the cloud\n");
    (void)printf("the chain is whole: %" PRIu64 " records\n", s->records);
}

/* One without records is still known to the ledger, or is none. */
static enum base_err check_known(struct ledger_reader *reader, const struct audit *a,
                                 struct base_error *reterr)
{
    struct buffer out;
    if (a->records > 0)
        return BASE_OK;
    buffer_init(&out, 64 << 20);
    enum base_err err = ledger_show(reader, slice_from_str(a->request), &out, reterr);
    buffer_done(&out);
    return err;
}

/* ---- the command ---- */

static bool read_filters(const struct cli_command *command, struct audit *a, const char *since,
                         int *ret_exit)
{
    static const char *const kinds[] = {"permit", "local", "denial", "declassify", "policy"};
    enum policy_zone zone;
    bool known = !a->kind;
    for (size_t i = 0; a->kind && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        known |= strcmp(a->kind, kinds[i]) == 0;
    int64_t ago = since ? cli_ago_ns(since) : 1;
    if (!known)
        *ret_exit =
            cli_usage(command, "--kind: expected permit, local, denial, declassify or policy");
    else if (a->level && !policy_level_parse(slice_from_str(a->level), &a->least))
        *ret_exit =
            cli_usage(command, "--level: expected public, internal, confidential or restricted");
    else if (a->zone && !policy_zone_parse(slice_from_str(a->zone), &zone))
        *ret_exit = cli_usage(command, "--zone: expected device, premises or cloud");
    else if (ago == 0)
        *ret_exit = cli_usage(command, "--since: expected a time like 30m, 12h or 7d");
    else
        a->since_ns = since ? clock_wall_ns(clock_system()) - ago : 0;
    return known && *ret_exit == CLI_OK;
}

static int run(struct ledger_reader *reader, struct audit *a,
               const struct ledger_audit_mark *expected, struct base_error *detail)
{
    struct ledger_audit_summary summary;
    struct ledger_audit_options options = {.expected = expected, .on_record = on_record, .user = a};
    enum base_err err = ledger_audit_read(reader, &options, &summary, detail);
    if (!err && a->request)
        err = check_known(reader, a, detail);
    if (err)
        return cli_fail(detail);
    if (a->quiet)
        return print_verdict(a, &summary);
    if (!a->request && a->shown == 0 && !a->json)
        (void)printf("no record fits, of %" PRIu64 "\n", summary.records);
    if (a->request && a->json)
        print_proof_json(a, &summary);
    else if (a->request)
        print_proof(a, &summary);
    else if (summary.faults)
        (void)fprintf(stderr, "hearth: the chain is broken at record %" PRIu64 ": %s\n",
                      summary.fault_at, summary.fault);
    return summary.faults ? CLI_NO : CLI_OK;
}

int cli_audit(const struct cli_command *command, int argc, char **argv)
{
    struct audit a = {0};
    const char *state = NULL, *config = NULL, *json = NULL, *since = NULL, *expect = NULL;
    const struct cli_option table[] = {
        {"--kind", "KIND", "only permit, local, denial, declassify or policy", &a.kind},
        {"--level", "LEVEL", "only what is at least so sensitive", &a.level},
        {"--zone", "ZONE", "only what went to device, premises or cloud", &a.zone},
        {"--target", "NAME", "only what went to this target", &a.target},
        {"--since", "TIME", "how long ago: 30m, 12h, 7d (everything)", &since},
        {"--expect", "N:HASH", "record N must be there and have this hash, kept elsewhere",
         &expect},
        {"--state", "FOLDER", "state folder with the ledger", &state},
        {"--config", "FILE", "the configuration that names it", &config},
        {"--json", NULL, "records as they are hashed, one a line; results as JSON", &json},
        {0},
    };
    const char *rest[1];
    int count, exit_code = CLI_OK;
    char folder[PATH_MAX];
    if (!cli_parse(command, table, argc, argv, rest, 1, &count, &exit_code))
        return exit_code;
    exit_code = CLI_OK;
    a.json = json != NULL;
    a.quiet = count == 1 && strcmp(rest[0], "verify") == 0;
    a.request = count == 1 && !a.quiet ? rest[0] : NULL;
    struct ledger_audit_mark expected = {0};
    if (expect && !ledger_audit_mark_parse(slice_from_str(expect), &expected))
        return cli_usage(command,
                         "--expect: expected what `hearth audit verify` prints, NUMBER:HASH");
    if (!read_filters(command, &a, since, &exit_code))
        return exit_code;
    struct base_error detail;
    struct ledger_reader *reader = NULL;
    buffer_init(&a.out, 64 << 20);
    if (ledger_reader_open(cli_state(state, config, folder, sizeof(folder)), &reader, &detail))
        exit_code = cli_fail(&detail);
    else
        exit_code = run(reader, &a, expect ? &expected : NULL, &detail);
    ledger_reader_close(reader);
    buffer_done(&a.out);
    return exit_code;
}
