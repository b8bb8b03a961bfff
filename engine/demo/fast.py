"""A training step on a CPU, several times faster than through autograd: gradients written out by hand,
matrix products in bfloat16 by PyTorch, the rest in fast.c, which is compiled here (cc is needed).

    step = Fast(model)
    loss = step.gradients(batch)        # fills p.grad of the model's parameters; batch: see train.py

`check(model, batch)` compares it with autograd.
"""
import ctypes
import os
import subprocess

import torch

from model import rope_tables

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fast.c")
MAX_POSITION = 4096


def _library(folder):
    path = os.path.join(folder, "fast.so")
    subprocess.run([os.environ.get("CC", "cc"), "-O3", "-march=native", "-ffast-math", "-fPIC", "-shared", SOURCE, "-o", path, "-lm"],
                   check=True)
    return ctypes.CDLL(path)


def _at(x):
    return ctypes.c_void_p(None if x is None else x.data_ptr())


class Fast:
    """Works on the parameters of a Llama (model.py) whose heads have the size 32."""

    def __init__(self, model, folder):
        s = model.shape
        if s.head_dim != 32 or s.dim > 1024:
            raise ValueError("fast.c is written for heads of size 32 and at most 1024 dimensions")
        self.model, self.shape, self.lib = model, s, _library(folder)
        cos, sin = rope_tables(MAX_POSITION, s.head_dim)
        self.table = torch.stack((cos, sin), -1).reshape(MAX_POSITION, s.head_dim).contiguous()

    def _call(self, name, *args):
        wrapped = [ctypes.c_long(a) if isinstance(a, int) else _at(a) for a in args]
        if getattr(self.lib, name)(*wrapped) not in (0, None) and name == "attention":
            raise MemoryError(name)

    def _attention(self, b, qkv, out, dout=None, dqkv=None):
        self._call("attention", len(b.starts) - 1, b.starts, self.shape.heads, self.shape.kv_heads, b.positions, self.table, qkv, out, dout, dqkv)

    def _norm(self, x, add, weight):
        h, rstd = torch.empty(x.shape, dtype=torch.bfloat16), torch.empty(len(x))
        self._call("norm", *x.shape, x, add, weight, h, rstd)
        return h, rstd

    @torch.no_grad()
    def gradients(self, b):
        """(loss, which picks were guessed right); gradients go to p.grad. The loss is the weighted mean over b.picks."""
        m, s = self.model, self.shape
        x, add, kept = m.token_embd.weight[b.ids], None, []
        for block in m.blk:
            w = [torch.cat(ws).bfloat16() for ws in (
                (block.attn_q.weight, block.attn_k.weight, block.attn_v.weight), (block.attn_output.weight,),
                (block.ffn_gate.weight, block.ffn_up.weight), (block.ffn_down.weight,))]
            h1, r1 = self._norm(x, add, block.attn_norm.weight)
            qkv = h1 @ w[0].t()
            y = torch.empty_like(h1)
            self._attention(b, qkv, y)
            last = y
            if block is m.blk[-1]:  # from here on, only the places that are learned matter
                x, last = x[b.picks], y[b.picks]
            h2, r2 = self._norm(x, last @ w[1].t(), block.ffn_norm.weight)
            gu = h2 @ w[2].t()
            a = torch.empty(len(x), s.ffn, dtype=gu.dtype)
            self._call("gated", len(x), s.ffn, gu, a)
            add = a @ w[3].t()
            kept.append((w, h1, r1, qkv, y, last, h2, r2, gu, a))
        h, r = self._norm(x, add, m.output_norm.weight)
        loss, right, dh, d_embd = self._head(b, h)
        self._back(b, kept, h, r, dh, d_embd)
        return loss, right

    def _head(self, b, h):
        """Loss, what was right, the loss's gradient by the last norm's output and by the embedding (as output matrix)."""
        w = self.model.token_embd.weight.to(h.dtype)
        p = (h @ w.t()).float().log_softmax(-1)
        rows = torch.arange(len(h))
        loss = -(p[rows, b.targets] * b.weights).sum().item()
        right = p.argmax(-1) == b.targets
        p = p.exp_()
        p[rows, b.targets] -= 1
        p = (p * b.weights[:, None]).to(h.dtype)
        return loss, right, p @ w, (p.t() @ h).float()

    def _back(self, b, kept, h, r, dh, d_embd):
        m, s = self.model, self.shape
        dx, dxh = torch.zeros(h.shape), torch.empty_like(h)

        def norm_back(dh, h, rstd, layer):
            layer.weight.grad = torch.zeros(s.dim)
            self._call("norm_back", *h.shape, dh, h, rstd, layer.weight, dx, dxh, layer.weight.grad)

        norm_back(dh, h, r, m.output_norm)
        for block, (w, h1, r1, qkv, y, last, h2, r2, gu, a) in zip(reversed(m.blk), reversed(kept)):
            block.ffn_down.weight.grad = (dxh.t() @ a).float()
            self._call("gated_back", len(gu), s.ffn, gu, dxh @ w[3])
            dw = (gu.t() @ h2).float()
            block.ffn_gate.weight.grad, block.ffn_up.weight.grad = dw.split(s.ffn)
            norm_back(gu @ w[2], h2, r2, block.ffn_norm)
            block.attn_output.weight.grad = (dxh.t() @ last).float()
            dy = dxh @ w[1]
            if last is not y:
                dy = torch.zeros_like(y).index_copy_(0, b.picks, dy)
                dx = torch.zeros(y.shape).index_copy_(0, b.picks, dx)
                dxh = torch.empty_like(y)
            dqkv = torch.empty_like(qkv)
            self._attention(b, qkv, y, dy, dqkv)
            dw = (dqkv.t() @ h1).float()
            side = s.kv_heads * s.head_dim
            block.attn_q.weight.grad, block.attn_k.weight.grad, block.attn_v.weight.grad = dw.split([s.dim, side, side])
            norm_back(dqkv @ w[0], h1, r1, block.attn_norm)
        m.token_embd.weight.grad = d_embd.index_add_(0, b.ids, dx)


def check(model, batch, folder):
    """The largest relative difference between these gradients and autograd's, over the parameters."""
    Fast(model, folder).gradients(batch)
    mine = [p.grad.clone() for p in model.parameters()]
    model.zero_grad(set_to_none=True)
    batch.loss(model)[0].backward()
    return max(((g - p.grad).norm() / p.grad.norm()).item() for g, p in zip(mine, model.parameters()))
