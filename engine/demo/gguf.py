"""Writes and reads the GGUF files of the demo model (version 3; F32, F16, Q8_0)."""
import struct

import numpy as np

from bpe import SPECIAL, Tokenizer

F32, F16, Q8_0 = 0, 1, 8
U32, F32_KV, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5
ALIGN = 32
CHAT_TEMPLATE = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
                 "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def _string(s):
    data = s.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _value(kind, v):
    if kind == STRING:
        return _string(v)
    if kind == ARRAY:
        item, values = v
        return struct.pack("<IQ", item, len(values)) + b"".join(_value(item, x) for x in values)
    return struct.pack({U32: "<I", F32_KV: "<f", BOOL: "<?", I32: "<i"}[kind], v)


def _q8_0(a):
    blocks = a.astype(np.float32).reshape(-1, 32)
    d = np.abs(blocks).max(1, keepdims=True) / 127
    d16 = d.astype(np.float16)
    q = np.round(np.divide(blocks, d, out=np.zeros_like(blocks), where=d > 0)).astype(np.int8)
    return np.concatenate([d16.view(np.int8).reshape(-1, 2), q], 1).tobytes()


def _encode(a, kind):
    if kind == Q8_0:
        return _q8_0(a)
    return a.astype(np.float16 if kind == F16 else np.float32).tobytes()


def metadata(shape, tokenizer, name, description, context, rope_base, eps, file_type):
    """The key-value part, in order: [(key, kind, value)]."""
    count = len(tokenizer.tokens)
    kinds = [1] * (count - len(SPECIAL)) + [3] * len(SPECIAL)
    return [
        ("general.architecture", STRING, "llama"),
        ("general.type", STRING, "model"),
        ("general.name", STRING, name),
        ("general.description", STRING, description),
        ("general.license", STRING, "Apache-2.0"),
        ("general.languages", ARRAY, (STRING, ["en"])),
        ("general.alignment", U32, ALIGN),
        ("general.file_type", U32, file_type),
        ("general.quantization_version", U32, 2),
        ("llama.context_length", U32, context),
        ("llama.embedding_length", U32, shape.dim),
        ("llama.block_count", U32, shape.layers),
        ("llama.feed_forward_length", U32, shape.ffn),
        ("llama.attention.head_count", U32, shape.heads),
        ("llama.attention.head_count_kv", U32, shape.kv_heads),
        ("llama.attention.layer_norm_rms_epsilon", F32_KV, eps),
        ("llama.rope.dimension_count", U32, shape.head_dim),
        ("llama.rope.freq_base", F32_KV, rope_base),
        ("llama.vocab_size", U32, count),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "gpt-2"),
        ("tokenizer.ggml.tokens", ARRAY, (STRING, tokenizer.tokens)),
        ("tokenizer.ggml.token_type", ARRAY, (I32, kinds)),
        ("tokenizer.ggml.merges", ARRAY, (STRING, [" ".join(m) for m in tokenizer.merges])),
        ("tokenizer.ggml.bos_token_id", U32, tokenizer.end_of_text),
        ("tokenizer.ggml.eos_token_id", U32, tokenizer.im_end),
        ("tokenizer.ggml.eot_token_id", U32, tokenizer.im_end),
        ("tokenizer.ggml.padding_token_id", U32, tokenizer.end_of_text),
        ("tokenizer.ggml.add_bos_token", BOOL, False),
        ("tokenizer.ggml.add_eos_token", BOOL, False),
        ("tokenizer.ggml.add_space_prefix", BOOL, False),
        ("tokenizer.chat_template", STRING, CHAT_TEMPLATE),
    ]


def write(path, keys, tensors, matrix_kind=Q8_0):
    """`tensors`: {name: array}; matrices become `matrix_kind`, vectors stay F32."""
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys))
    for key, kind, value in keys:
        head += _string(key) + struct.pack("<I", kind) + _value(kind, value)
    data, offset = [], 0
    for name, a in tensors.items():
        kind = matrix_kind if a.ndim == 2 else F32
        dims = a.shape[::-1]
        head += _string(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
        head += struct.pack("<IQ", kind, offset)
        raw = _encode(a, kind)
        raw += b"\0" * (-len(raw) % ALIGN)
        data.append(raw)
        offset += len(raw)
    with open(path, "wb") as f:
        f.write(head + b"\0" * (-len(head) % ALIGN) + b"".join(data))


class Reader:
    """A GGUF file read back: keys (dict), tensors (dict of float32 arrays)."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.raw = f.read()
        self.at = 0
        magic, version, n_tensors, n_keys = self._take("<4sIQQ")
        if magic != b"GGUF" or version != 3:
            raise ValueError(f"{path}: not a GGUF file of version 3")
        self.keys = {}
        for _ in range(n_keys):
            key = self._string()
            self.keys[key] = self._read(self._take("<I")[0])
        infos = []
        for _ in range(n_tensors):
            name = self._string()
            dims = self._take(f"<{self._take('<I')[0]}Q")
            infos.append((name, dims[::-1], *self._take("<IQ")))
        start = (self.at + ALIGN - 1) // ALIGN * ALIGN
        self.tensors = {name: self._tensor(shape, kind, start + offset) for name, shape, kind, offset in infos}

    def _take(self, form):
        values = struct.unpack_from(form, self.raw, self.at)
        self.at += struct.calcsize(form)
        return values

    def _string(self):
        n = self._take("<Q")[0]
        self.at += n
        return self.raw[self.at - n:self.at].decode("utf-8")

    def _read(self, kind):
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            item, n = self._take("<IQ")
            return [self._read(item) for _ in range(n)]
        return self._take({U32: "<I", F32_KV: "<f", BOOL: "<?", I32: "<i"}[kind])[0]

    def _tensor(self, shape, kind, at):
        count = int(np.prod(shape))
        if kind == Q8_0:
            b = np.frombuffer(self.raw, np.int8, count // 32 * 34, at).reshape(-1, 34)
            d = b[:, :2].copy().view(np.float16).astype(np.float32)
            return (b[:, 2:].astype(np.float32) * d).reshape(shape)
        a = np.frombuffer(self.raw, np.float16 if kind == F16 else np.float32, count, at)
        return a.astype(np.float32).reshape(shape)

    def tokenizer(self):
        return Tokenizer([m.split(" ") for m in self.keys["tokenizer.ggml.merges"]])
