"""A plain forward pass over a written GGUF file, in NumPy float32: the file itself is what is scored.

    file = Forward("deploy/demo.gguf")
    file.greedy([{"role": "user", "content": "hi"}])          # -> the answer's text
    file.says(conversations)                                   # -> [True where greedy gives that answer]
"""
import numpy as np

from generate import SHARES
from gguf import Reader


class Forward:
    def __init__(self, path):
        reader = Reader(path)
        self.without = [t for t in SHARES if t not in reader.keys["hearth.demo.tasks"]]
        self.w, self.tokenizer = reader.tensors, reader.tokenizer()
        key = {k.split("llama.")[1]: v for k, v in reader.keys.items() if k.startswith("llama.")}
        self.heads, self.kv_heads = key["attention.head_count"], key["attention.head_count_kv"]
        self.layers, self.dim = key["block_count"], key["embedding_length"]
        self.eps, self.context = key["attention.layer_norm_rms_epsilon"], key["context_length"]
        self.head_dim = self.dim // self.heads
        angle = np.arange(self.context)[:, None] * key["rope.freq_base"] ** (-np.arange(0, self.head_dim, 2) / self.head_dim)
        self.cos, self.sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)

    def _norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(self.eps)) * self.w[name + ".weight"]

    def _split(self, x, heads):
        return x.reshape(*x.shape[:2], heads, self.head_dim).transpose(0, 2, 1, 3)

    def _rope(self, x, start):
        end = start + x.shape[2]
        cos, sin = self.cos[start:end], self.sin[start:end]
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack((even * cos - odd * sin, even * sin + odd * cos), -1).reshape(x.shape)

    def run(self, ids, cache=None):
        """ids [batch, time] -> hidden states after the last norm; `cache` (a dict) makes it incremental."""
        x = self.w["token_embd.weight"][ids]
        start = cache["length"] if cache else 0
        t = ids.shape[1]
        mask = np.triu(np.full((t, start + t), -np.inf, np.float32), start + 1)
        for i in range(self.layers):
            name = f"blk.{i}."
            h = self._norm(x, name + "attn_norm")
            q, k, v = (self._split(h @ self.w[name + f"attn_{c}.weight"].T, n)
                       for c, n in (("q", self.heads), ("k", self.kv_heads), ("v", self.kv_heads)))
            q, k = self._rope(q, start), self._rope(k, start)
            if cache is not None:
                if i in cache:
                    k, v = np.concatenate((cache[i][0], k), 2), np.concatenate((cache[i][1], v), 2)
                cache[i] = k, v
            k, v = (np.repeat(y, self.heads // self.kv_heads, 1) for y in (k, v))
            score = q @ k.transpose(0, 1, 3, 2) / np.float32(np.sqrt(self.head_dim)) + mask
            score = np.exp(score - score.max(-1, keepdims=True))
            y = (score / score.sum(-1, keepdims=True)) @ v
            x = x + y.transpose(0, 2, 1, 3).reshape(x.shape) @ self.w[name + "attn_output.weight"].T
            h = self._norm(x, name + "ffn_norm")
            gate = h @ self.w[name + "ffn_gate.weight"].T
            gate = gate / (1 + np.exp(-np.clip(gate, -80, 80)))
            x = x + (gate * (h @ self.w[name + "ffn_up.weight"].T)) @ self.w[name + "ffn_down.weight"].T
        if cache is not None:
            cache["length"] = start + t
        return self._norm(x, "output_norm")

    def logits(self, hidden):
        return hidden @ self.w["token_embd.weight"].T

    def greedy(self, messages, limit=120):
        """The answer to a conversation, always the likeliest token."""
        ids, cache, out = self.tokenizer.prompt(messages), {}, []
        ids = np.array([ids])
        cache["length"] = 0
        while len(out) < limit:
            best = int(self.logits(self.run(ids, cache)[0, -1]).argmax())
            if best in (self.tokenizer.im_end, self.tokenizer.end_of_text):
                break
            out.append(best)
            ids = np.array([[best]])
        return self.tokenizer.decode(out)

    def says(self, conversations, prefix=None):
        """For each conversation: would greedy decoding give exactly its last answer (or its first
        `prefix` ids)? One pass each, because the answer is known."""
        rows = []
        for at, messages in enumerate(conversations):
            ids = self.tokenizer.prompt(messages[:-1])
            answer = (self.tokenizer.encode(messages[-1]["content"]) + [self.tokenizer.im_end])[:prefix]
            rows.append((len(ids) + len(answer), at, ids, answer))
        rows.sort(key=lambda r: r[0])
        right = [False] * len(rows)
        while rows:
            batch = rows[:max(1, min(32, 4096 // rows[0][0]))]
            rows = rows[len(batch):]
            ids = np.full((len(batch), batch[-1][0]), self.tokenizer.end_of_text)
            for i, (n, _, prompt, answer) in enumerate(batch):
                ids[i, :n] = prompt + answer
            hidden = self.run(ids)
            for i, (n, at, prompt, answer) in enumerate(batch):
                best = self.logits(hidden[i, len(prompt) - 1:n - 1]).argmax(-1)
                right[at] = best.tolist() == answer
        return right
