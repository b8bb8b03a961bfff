/*
 * GGUF: the file format of models, versions 2 and 3, little-endian.
 *
 *     struct gguf *file;
 *     err = gguf_open(path, false, &file, &detail);
 *     uint32_t layers;
 *     err = gguf_u32(file, "llama.block_count", GGUF_NEEDED, &layers, &detail);
 *     const struct gguf_tensor *t = gguf_tensor(file, "token_embd.weight");
 *     gguf_close(file);
 *
 * Everything is checked when a file is opened: magic, version, counts, lengths, types, nesting,
 * duplicate names, alignment, every tensor's shape, type, place and size, that none overlap and all
 * lie inside. A file that breaks a rule is BAD_FILE with one sentence that names the field; a
 * tensor type that the engine does not compute is UNSUPPORTED. Afterwards all slices and pointers
 * handed out lie inside the file; they are valid until gguf_close(). Immutable once open: any
 * thread.
 *
 * A model split over several files is opened by its first part, <prefix>-00001-of-00003.gguf; its
 * keys are those of the first, its tensors those of all. A part that is missing or of another model
 * is an error that names it; a later part is refused with the name of the first.
 *
 * The files must not change while they are mapped: weights would, and a file that becomes shorter,
 * or a disk that fails, raises SIGBUS where the lost page is read, long after every check here.
 * gguf_watch_catch() makes zeros of that, gguf_is_lost() and gguf_is_changed() tell. Replace a
 * model by renaming a new file over it.
 *
 * Layout: magic "GGUF", u32 version, u64 tensor count, u64 key count, the keys, the tensor infos,
 * padding to `general.alignment`, the data (github.com/ggml-org/ggml, docs/gguf.md).
 */
#ifndef ENGINE_GGUF_GGUF_H
#define ENGINE_GGUF_GGUF_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "engine/gguf/format.h"

enum gguf_type { /* numbers as in the file */
                 GGUF_U8,
                 GGUF_I8,
                 GGUF_U16,
                 GGUF_I16,
                 GGUF_U32,
                 GGUF_I32,
                 GGUF_F32,
                 GGUF_BOOL,
                 GGUF_STRING,
                 GGUF_ARRAY,
                 GGUF_U64,
                 GGUF_I64,
                 GGUF_F64,
                 GGUF_TYPE_COUNT
};

#define GGUF_MAX_DIMS 4

struct gguf_kv {
    struct slice key;
    enum gguf_type type;
    enum gguf_type item; /* type of the items when `type` is ARRAY, else `type` */
    uint64_t count;      /* items; 1 unless ARRAY */
    const uint8_t *data; /* first item as it lies in the file; not aligned */
};

struct gguf_tensor {
    struct slice name;
    const struct engine_format *format;
    uint32_t n_dims;
    uint64_t dims[GGUF_MAX_DIMS]; /* fastest first; 1 past n_dims */
    uint64_t offset;              /* from the start of the data */
    uint64_t bytes;
    const void *data; /* aligned to at least 8 bytes */
};

struct gguf;

/* Maps the file and the other parts of a split one (or reads them whole when `copy`). IO, BAD_FILE,
 * UNSUPPORTED, NO_MEMORY. */
enum base_err gguf_open(const char *path, bool copy, struct gguf **ret_file,
                        struct base_error *reterr);

/* The same on bytes that stay where they are and are aligned to 8; whole models only. `name` stands
 * in messages. */
enum base_err gguf_parse(struct slice bytes, const char *name, struct gguf **ret_file,
                         struct base_error *reterr);
void gguf_close(struct gguf *file); /* NULL allowed */

/* Whether a page could not be read since it was opened (watch.h): what was read since then may
 * be zeros. A few loads. */
bool gguf_is_lost(const struct gguf *file);
/* Whether the files are no longer what was opened: lost, or of another size or time. A system call
 * for each part. A path that leads to another file by now changes nothing. */
bool gguf_is_changed(const struct gguf *file);

/* Gives the memory behind a part of the data back to the system, as far as it is whole pages of
 * the file's own: it is not read again. */
void gguf_release(const struct gguf *file, const void *data, size_t bytes);

const char *gguf_name(const struct gguf *file); /* path or name, for messages */
uint32_t gguf_version(const struct gguf *file);
uint64_t gguf_data_bytes(const struct gguf *file); /* sum of the tensors' sizes */

size_t gguf_kv_count(const struct gguf *file);
const struct gguf_kv *gguf_kv_at(const struct gguf *file, size_t index);
size_t gguf_tensor_count(const struct gguf *file);
const struct gguf_tensor *gguf_tensor_at(const struct gguf *file, size_t index);

/* NULL when there is none. */
const struct gguf_kv *gguf_find(const struct gguf *file, const char *key);
const struct gguf_tensor *gguf_tensor(const struct gguf *file, const char *name);

/*
 * Typed reading. A key that is absent gives BASE_OK and leaves *ret alone, or with GGUF_NEEDED
 * BAD_FILE; one of another type or out of range is BAD_FILE. Integers of every width are taken
 * for each other where the value fits; both float types likewise.
 */
enum gguf_need { GGUF_OPTIONAL, GGUF_NEEDED };
enum base_err gguf_u32(const struct gguf *file, const char *key, enum gguf_need need, uint32_t *ret,
                       struct base_error *reterr);
enum base_err gguf_f32(const struct gguf *file, const char *key, enum gguf_need need, float *ret,
                       struct base_error *reterr);
enum base_err gguf_bool(const struct gguf *file, const char *key, enum gguf_need need, bool *ret,
                        struct base_error *reterr);
enum base_err gguf_string(const struct gguf *file, const char *key, enum gguf_need need,
                          struct slice *ret, struct base_error *reterr);

/* An integer item of a value (scalar: index 0) as i64; false when it is not an integer or too big.
 */
bool gguf_item_i64(const struct gguf_kv *kv, uint64_t index, int64_t *ret);
bool gguf_item_f32(const struct gguf_kv *kv, uint64_t index, float *ret);

/* For the two files of this reader: bytes of one item (0 for STRING and ARRAY), and a little-endian
 * number of 1 to 8 bytes. */
extern const uint8_t gguf_type_bytes[GGUF_TYPE_COUNT];
uint64_t gguf_load_le(const uint8_t *at, size_t bytes);

/* Walks the strings of a value: start with *at = kv->data; each call gives the next one. Call at
 * most kv->count times; only for items of type STRING. */
struct slice gguf_next_string(const uint8_t **at);

#endif
