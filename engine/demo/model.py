"""The llama architecture in PyTorch, as GGUF's `llama` means it: RMS norm, rope on pairs (2i, 2i+1),
grouped keys and values, SwiGLU, output tied to the embedding. Weights are written as they are."""
import math

import torch
import torch.nn.functional as F
from torch import nn

EPS = 1e-5
ROPE_BASE = 10000.0


class Shape:
    """Sizes of a model; all that GGUF needs to know."""

    def __init__(self, vocab, dim=192, layers=6, heads=6, kv_heads=2, ffn=512):
        self.vocab, self.dim, self.layers = vocab, dim, layers
        self.heads, self.kv_heads, self.ffn = heads, kv_heads, ffn
        self.head_dim = dim // heads


def rope_tables(length, head_dim):
    angle = torch.arange(length).float()[:, None] * ROPE_BASE ** (-torch.arange(0, head_dim, 2).float() / head_dim)
    return angle.cos(), angle.sin()


def rope(x, cos, sin):
    """x: [batch, heads, time, head_dim]; turns the pairs (2i, 2i+1)."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Norm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * self.weight


class Block(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        self.attn_norm, self.ffn_norm = Norm(s.dim), Norm(s.dim)
        self.attn_q = nn.Linear(s.dim, s.dim, bias=False)
        self.attn_k = nn.Linear(s.dim, s.kv_heads * s.head_dim, bias=False)
        self.attn_v = nn.Linear(s.dim, s.kv_heads * s.head_dim, bias=False)
        self.attn_output = nn.Linear(s.dim, s.dim, bias=False)
        self.ffn_gate = nn.Linear(s.dim, s.ffn, bias=False)
        self.ffn_up = nn.Linear(s.dim, s.ffn, bias=False)
        self.ffn_down = nn.Linear(s.ffn, s.dim, bias=False)

    def forward(self, x, cos, sin, mask):
        s, (b, t, _) = self.s, x.shape
        h = self.attn_norm(x)
        q = rope(self.attn_q(h).view(b, t, s.heads, s.head_dim).transpose(1, 2), cos, sin)
        k = rope(self.attn_k(h).view(b, t, s.kv_heads, s.head_dim).transpose(1, 2), cos, sin)
        v = self.attn_v(h).view(b, t, s.kv_heads, s.head_dim).transpose(1, 2)
        group = s.heads // s.kv_heads
        k, v = (y.repeat_interleave(group, 1) for y in (k, v))
        score = (q / math.sqrt(s.head_dim)) @ k.transpose(-1, -2)
        y = ((score + mask.to(score.dtype)).softmax(-1) @ v).transpose(1, 2).reshape(b, t, s.dim)
        x = x + self.attn_output(y).float()
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h)).float()


class Llama(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocab, shape.dim)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = Norm(shape.dim)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                scale = math.sqrt(p.shape[1]) if "embd" in name else 1.0
                if name.endswith(("attn_output.weight", "ffn_down.weight")):
                    scale /= math.sqrt(2 * shape.layers)
                nn.init.normal_(p, std=scale / math.sqrt(p.shape[1]))
        nn.init.constant_(self.output_norm.weight, shape.dim ** -0.5)

    def forward(self, ids, positions, picks, apart):
        """Logits [picks, vocab] of one row of ids [1, time] at the places `picks`; `apart` is added to the
        attention scores. `positions` [1, time] may leave gaps: distances in a longer text."""
        t = ids.shape[1]
        cos, sin = (y.to(ids.device)[positions][:, None] for y in rope_tables(int(positions.max()) + 1, self.shape.head_dim))
        mask = apart + torch.full((t, t), float("-inf"), device=ids.device).triu(1)
        x = self.token_embd(ids)
        for block in self.blk:
            x = block(x, cos, sin, mask)
        x = self.output_norm(x[0, picks])
        return F.linear(x, self.token_embd.weight)
