"""Plants a copying circuit, an induction head in two layers, which training a model this small would
need very many ids to find by itself:

- one group of heads looks at the token before, by position alone, and notes its identity (a projection of
  its embedding) in directions that are hardly used;
- one group in a later layer looks for a place whose noted token is the current one, and adds that place's
  own token to the stream, so that it becomes likely as the next one.

plant(model) does it in a fresh model. Training goes on from there and changes all of it.
"""
import torch
import torch.nn.functional as F


LOW = 16      # of a head's 32 dimensions the last 16 turn slowly: these compare content
SHARP = 60.0  # how clearly the one before is preferred
MATCH = 30.0  # how clearly the same token is


def _orthonormal(rows, dim, away, generator):
    """`rows` orthonormal rows of length dim, orthogonal to the rows of `away`."""
    a = torch.randn(rows, dim, generator=generator)
    a -= a @ away.t() @ away
    return torch.linalg.qr(a.t())[0].t()


def _heads(s, group):
    each = s.heads // s.kv_heads
    return range(group * each, (group + 1) * each)


def _clear(block, group):
    s = block.s
    own = slice(group * s.head_dim, (group + 1) * s.head_dim)
    block.attn_k.weight[own] = 0
    block.attn_v.weight[own] = 0
    for head in _heads(s, group):
        block.attn_q.weight[head * s.head_dim:(head + 1) * s.head_dim] = 0
        block.attn_output.weight[:, head * s.head_dim:(head + 1) * s.head_dim] = 0


def _look_back(block, group, constant, sharp):
    """Queries and keys of the group depend on position only, largest for the place one before. `constant`
    is a row that gives about 1 for every token."""
    s = block.s
    for pair, part in ((0, 1.0), (1, 0.8), (2, 0.6), (3, 0.4), (4, 0.4)):
        angle = torch.tensor(10000.0 ** (-2 * pair / s.head_dim))
        amount = (sharp * part * s.head_dim ** 0.5 / 3.2) ** 0.5
        query = torch.stack((angle.cos(), -angle.sin()))  # turned back by one place
        rows = slice(2 * pair, 2 * pair + 2)
        block.attn_k.weight[group * s.head_dim:][rows] = amount * torch.tensor([[1.0], [0.0]]) * constant
        for head in _heads(s, group):
            block.attn_q.weight[head * s.head_dim:][rows] = amount * query[:, None] * constant


def _write(block, group, rows, to):
    """The group's values are `rows` of the normed stream, and go to the directions `to` of the stream."""
    s, n = block.s, len(rows)
    block.attn_v.weight[group * s.head_dim:][:n] = rows
    heads = list(_heads(s, group))
    for head in heads:
        block.attn_output.weight[:, head * s.head_dim:head * s.head_dim + n] = to.t() / len(heads)


def _match(block, group, keys, queries, amount):
    s, tail = block.s, slice(block.s.head_dim - LOW, block.s.head_dim)
    block.attn_k.weight[group * s.head_dim:(group + 1) * s.head_dim][tail] = amount * keys
    for head in _heads(s, group):
        block.attn_q.weight[head * s.head_dim:(head + 1) * s.head_dim][tail] = amount * queries


@torch.no_grad()
def plant(model, group=3, strength=4.0, seed=1):
    """In a fresh model, layers 0 and 1."""
    s, generator, embd = model.shape, torch.Generator().manual_seed(seed), model.token_embd.weight
    embd += 0.5 * embd.norm(dim=1).mean() * F.normalize(torch.ones(s.dim), dim=0)  # something that all tokens share
    mean, rms = embd.mean(0), embd.pow(2).mean(1).sqrt().mean()
    shared = F.normalize(mean, dim=0)[None]
    note = _orthonormal(LOW, s.dim, shared, generator)
    identity = _orthonormal(LOW, s.dim, torch.cat((shared, note)), generator)
    copied = _orthonormal(s.head_dim, s.dim, torch.cat((shared, note)), generator)
    for block in model.blk[:2]:
        _clear(block, group)
    _look_back(model.blk[0], group, shared * rms / mean.norm(), SHARP)
    _write(model.blk[0], group, identity, note * rms * 2)
    size = (identity @ (embd - mean).t()).pow(2).sum(0).mean().sqrt() / rms
    _match(model.blk[1], group, note, identity, (MATCH * s.head_dim ** 0.5) ** 0.5 / size)
    _write(model.blk[1], group, copied, copied * rms * strength)
