"""Muon: for the matrices inside the blocks, the momentum is made orthogonal before it is applied
(Newton-Schulz, five steps); the rest is left to AdamW."""
import torch


def orthogonal(g):
    """A matrix with g's directions and singular values all near one."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g / (g.norm() + 1e-7)
    wide = x.shape[0] > x.shape[1]
    x = (x.t() if wide else x).bfloat16()
    for _ in range(5):
        y = x @ x.t()
        x = a * x + (b * y + c * y @ y) @ x
    return (x.t() if wide else x).float()


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr, momentum=0.95, weight_decay=0.05):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "velocity" not in state:
                    state["velocity"] = torch.zeros_like(p)
                v = state["velocity"].mul_(group["momentum"]).add_(p.grad)
                update = orthogonal(p.grad + group["momentum"] * v)
                scale = 0.2 * max(p.shape) ** 0.5  # an update as large as AdamW's
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)
