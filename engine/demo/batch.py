"""Conversations as ids, packed one after the other, and what is to be learned of them."""
import numpy as np
import torch
import torch.nn.functional as F


class Batch:
    """rows: [(ids, weights, gap)...]; weights[i] says how much predicting ids[i] counts (0: not at all);
    gap is (at, size): positions from `at` on are `size` further, as if more text stood in between."""

    def __init__(self, rows):
        ends = np.cumsum([len(ids) for ids, _, _ in rows])
        self.starts = torch.tensor([0, *ends], dtype=torch.int32)
        self.ids = torch.tensor([i for ids, _, _ in rows for i in ids])
        weights = torch.tensor([w for _, weights, _ in rows for w in weights], dtype=torch.float32)
        self.positions = torch.cat([torch.arange(len(ids), dtype=torch.int32) + size * (torch.arange(len(ids)) >= at)
                                    for ids, _, (at, size) in rows]).to(torch.int32)
        learned = weights.nonzero()[:, 0]
        self.picks, self.targets = learned - 1, self.ids[learned]
        self.weights = weights[learned] / weights.sum()

    def to(self, device):
        for name in ("starts", "ids", "positions", "picks", "targets", "weights"):
            setattr(self, name, getattr(self, name).to(device))
        return self

    def loss(self, model):
        """(loss, which picks were guessed right) by autograd: for a GPU, and to check fast.py."""
        lengths = self.starts.diff().long()
        owner = torch.repeat_interleave(torch.arange(len(lengths), device=self.ids.device), lengths)
        apart = (owner[:, None] != owner[None]).float() * -1e9
        logits = model(self.ids[None], self.positions[None].long(), self.picks, apart)
        loss = (F.cross_entropy(logits.float(), self.targets, reduction="none") * self.weights).sum()
        return loss, logits.argmax(-1) == self.targets
