/* Model files that change under a model that is in use. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "engine/gguf/watch.h"
#include "tests/unit/engine/tiny_gguf.h"

/* float32 weights are read where they are mapped, on many pages. */
static const struct tiny_model shape = {.arch = "llama",
                                        .n_vocab = 200,
                                        .n_embd = 64,
                                        .n_layer = 4,
                                        .n_head = 4,
                                        .n_head_kv = 2,
                                        .head_dim = 16,
                                        .n_ff = 96,
                                        .seed = 5};

struct open_model {
    char path[64];
    size_t bytes;
    struct engine_model *model;
    struct engine_session *session;
};

static void write_file(struct open_model *m)
{
    struct tiny_file f;
    struct slice bytes = tiny_model_write(&shape, &f);
    (void)snprintf(m->path, sizeof(m->path), "/tmp/hearth-watch-XXXXXX");
    int fd = mkstemp(m->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
    close(fd);
    m->bytes = bytes.len;
    tiny_done(&f);
}

static void open_file(struct open_model *m)
{
    engine_catch_lost_pages(); /* instead of cmocka */
    struct base_error detail = {0};
    const struct engine_session_options options = {.context = 64, .sequences = 1, .threads = 2};
    write_file(m);
    if (engine_model_open(m->path, NULL, &m->model, &detail) ||
        engine_session_new(m->model, &options, &m->session, &detail))
        fail_msg("%s", detail.message);
}

static void close_file(struct open_model *m)
{
    engine_session_free(m->session);
    engine_model_unref(m->model);
    unlink(m->path);
}

static enum base_err step(struct open_model *m, struct base_error *detail)
{
    const struct engine_batch_item item = {.token = 150, .want_logits = true};
    return engine_session_step(m->session, &item, 1, NULL, detail);
}

static void test_cut_short(void **state)
{
    (void)state;
    struct open_model cut, whole;
    struct base_error detail = {0};
    open_file(&cut);
    open_file(&whole);
    assert_int_equal(step(&cut, &detail), BASE_OK);
    assert_false(engine_model_is_changed(cut.model));
    assert_int_equal(truncate(cut.path, 8192), 0);
    assert_true(engine_model_is_changed(cut.model));
    for (int i = 0; i < 2; i++) { /* and it stays so */
        assert_int_equal(step(&cut, &detail), BASE_ERR_BAD_FILE);
        assert_non_null(strstr(detail.message, cut.path));
        assert_non_null(strstr(detail.message, "cut short"));
        assert_null(engine_session_logits(cut.session, 0));
        assert_int_equal(engine_session_length(cut.session, 0), 1);
    }
    assert_int_equal(step(&whole, &detail), BASE_OK);
    assert_false(engine_model_is_changed(whole.model));
    close_file(&cut);
    close_file(&whole);
}

/* What is there already is gone when the file is opened, or before its weights are laid out. */
static void test_cut_before_use(void **state)
{
    (void)state;
    struct open_model m = {0};
    struct base_error detail = {0};
    engine_catch_lost_pages();
    write_file(&m);
    assert_int_equal(engine_model_open(m.path, NULL, &m.model, &detail), BASE_OK);
    assert_int_equal(truncate(m.path, 8192), 0);
    const struct engine_session_options options = {.context = 64, .sequences = 1};
    enum base_err err = engine_session_new(m.model, &options, &m.session, &detail);
    if (!err)
        err = step(&m, &detail);
    assert_int_equal(err, BASE_ERR_BAD_FILE);
    close_file(&m);
}

static void test_written_to(void **state)
{
    (void)state;
    struct open_model m;
    struct base_error detail = {0};
    open_file(&m);
    FILE *file = fopen(m.path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, -4, SEEK_END), 0);
    assert_int_equal(fwrite("\0\0\0\0", 1, 4, file), 4);
    assert_int_equal(fclose(file), 0);
    assert_true(engine_model_is_changed(m.model));
    assert_int_equal(step(&m, &detail), BASE_OK); /* every page is there */
    close_file(&m);
}

/* A new file by that name is none of its business. */
static void test_replaced(void **state)
{
    (void)state;
    struct open_model m, other;
    struct base_error detail = {0};
    open_file(&m);
    write_file(&other);
    assert_int_equal(rename(other.path, m.path), 0);
    assert_false(engine_model_is_changed(m.model));
    assert_int_equal(step(&m, &detail), BASE_OK);
    close_file(&m);
}

/* Of other mappings, and sent by somebody: the process ends, as ever. */
static void test_other_faults(void **state)
{
    (void)state;
    for (int sent = 0; sent < 2; sent++) {
        struct open_model m;
        write_file(&m);
        pid_t child = fork();
        if (child == 0) {
            int fd = open(m.path, O_RDWR);
            volatile char *bytes = mmap(NULL, m.bytes, PROT_READ, MAP_SHARED, fd, 0);
            close(STDERR_FILENO); /* a sanitizer has something to say */
            (void)signal(SIGBUS, SIG_DFL);
            engine_catch_lost_pages();
            if (sent)
                (void)raise(SIGBUS);
            else if (ftruncate(fd, 0) == 0)
                (void)bytes[0];
            _exit(0);
        }
        int how = 0;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_false(WIFEXITED(how) && WEXITSTATUS(how) == 0);
        unlink(m.path);
    }
}

static void test_full(void **state)
{
    (void)state;
    enum { MORE_THAN_ALL = 5000 };
    static struct gguf_watch *watches[MORE_THAN_ALL];
    struct base_error detail = {0};
    static char bytes[16];
    size_t count = 0;
    enum base_err err = BASE_OK;
    while (count < MORE_THAN_ALL && !err) {
        err = gguf_watch_add(bytes, sizeof(bytes), &watches[count], &detail);
        count += err ? 0 : 1;
    }
    assert_int_equal(err, BASE_ERR_LIMIT);
    for (size_t i = 0; i < count; i++)
        gguf_watch_remove(watches[i]);
    gguf_watch_remove(NULL);
    assert_false(gguf_watch_is_lost(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_short),    cmocka_unit_test(test_cut_before_use),
        cmocka_unit_test(test_written_to),   cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_other_faults), cmocka_unit_test(test_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
