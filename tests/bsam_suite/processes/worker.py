"""One of several processes: runs every case and saves what came out.

python worker.py RANK WORLD_SIZE FOLDER
"""

import os
import sys
import warnings
from argparse import Namespace
from pathlib import Path

import torch
import torch.distributed as dist
from mmengine.logging import MessageHub
from mmengine.model import BaseDataPreprocessor, BaseModel, MMDistributedDataParallel
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.nn.functional import all_reduce
from torch.nn.parallel import DistributedDataParallel

from bsam_suite.engine import BSAMOptimWrapper, SharpnessOptimWrapper
from bsam_suite.engine.divergence import DivergenceHook
from bsam_suite.engine.loops import check_equal_lengths
from bsam_suite.errors import InputError
from bsam_suite.flatness import Objective
from bsam_suite.flatness.hessian import top_eigenpairs
from bsam_suite.optim import BSAM, SharpnessOptimizer
from bsam_suite.sharpness import BSAM as BSAM_RULE
from bsam_suite.sharpness import GSAM, SAM, AdaptiveBSAM, AgnosticSAM, MomentumSAM

RANK, WORLD, FOLDER = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
STEPS, SHARE = 3, 4
RHO, RHO_MIN, LR = 0.3, 0.2, 0.1


class Net(BaseModel):
    """Mean squared error of a small network; forward takes x and y."""

    def __init__(self, norm=nn.Identity):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 7), norm(7), nn.Tanh(), nn.Linear(7, 1))
        self.scale = 1.0

    def forward(self, x, y, mode="tensor"):
        return dict(loss=self.scale * (self.net(x).squeeze(-1) - y).square().mean())


class SyncNorm(nn.Module):
    """Batch norm over all processes, as nn.SyncBatchNorm is on GPUs."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    def forward(self, x):
        mean = all_reduce(x.mean(0)) / WORLD
        variance = all_reduce((x - mean).square().mean(0)) / WORLD
        self.mean.lerp_(mean.detach().to(self.mean.dtype), 0.1)
        self.count += 1
        return (x - mean) / (variance + 1e-5).sqrt()


def make(norm=nn.Identity):
    torch.manual_seed(0)
    return Net(norm).double()


def batches():
    """For each step the part of this process: every process has SHARE samples of each."""
    g = torch.Generator(torch.get_default_device()).manual_seed(1)
    for _ in range(STEPS):
        x = torch.randn(WORLD * SHARE, 5, generator=g, dtype=torch.float64)
        y = torch.randn(WORLD * SHARE, generator=g, dtype=torch.float64)
        part = slice(RANK * SHARE, (RANK + 1) * SHARE)
        yield x[part], y[part]


def counted(model):
    """Record the buckets that are shared, whether each is its backward's last; share as usual."""
    calls = []

    def hook(_, bucket):
        calls.append(bucket.is_last())
        future = dist.all_reduce(bucket.buffer().div_(WORLD), async_op=True).get_future()
        return future.then(lambda done: done.value()[0])

    model.register_comm_hook(None, hook)
    return calls


def train(net, optimizer):
    for x, y in batches():

        def closure(x=x, y=y):
            optimizer.zero_grad()
            loss = net(x, y)["loss"]
            loss.backward()
            return loss

        optimizer.step(closure)


def weights(net):
    parts = [p.full_tensor() if hasattr(p, "full_tensor") else p for p in net.parameters()]
    return torch.cat([p.detach().flatten() for p in parts])


def ddp(perturbation, view=False):
    net = make()
    model = DistributedDataParallel(net, bucket_cap_mb=1e-4, gradient_as_bucket_view=view)
    calls = counted(model)
    train(model, bsam(net, model=model, perturbation=perturbation))
    return dict(weights=weights(net), shared=sum(calls), buckets=len(calls))


def bsam(net, **kwargs):
    return BSAM(
        net.parameters(), torch.optim.SGD, rho=RHO, rho_min=RHO_MIN, lr=LR, momentum=0.9, **kwargs
    )


def wrapped(perturbation, micro_batches=1, k=None):
    net = make()
    model = MMDistributedDataParallel(net, broadcast_buffers=False)
    calls = counted(model)
    wrapper = BSAMOptimWrapper(
        torch.optim.SGD(net.parameters(), lr=LR, momentum=0.9),
        rho=RHO,
        rho_min=RHO_MIN,
        k=k,
        perturbation=perturbation,
        accumulative_counts=micro_batches,
    )
    for x, y in batches():
        for xs, ys in zip(x.chunk(micro_batches), y.chunk(micro_batches)):
            model.train_step(dict(x=xs, y=ys), wrapper)
    return dict(weights=weights(net), shared=sum(calls), buckets=len(calls))


def auxiliary(perturbation, micro_batches=1):
    """The last sample of each micro-batch of this process is of its auxiliary batch."""
    net = make()
    model = MMDistributedDataParallel(net, broadcast_buffers=False)
    calls = counted(model)
    wrapper = SharpnessOptimWrapper(
        torch.optim.SGD(net.parameters(), lr=LR, momentum=0.9),
        AgnosticSAM(rho=RHO),
        perturbation=perturbation,
        accumulative_counts=micro_batches,
    )
    for x, y in batches():
        for xs, ys in zip(x.chunk(micro_batches), y.chunk(micro_batches)):
            model.train_step(dict(x=xs, y=ys), wrapper)
    return dict(weights=weights(net), shared=sum(calls))


def plain_auxiliary():
    net = make()
    model = DistributedDataParallel(net)
    kwargs = dict(model=model, lr=LR, momentum=0.9)
    optimizer = SharpnessOptimizer(
        net.parameters(), torch.optim.SGD, AgnosticSAM(rho=RHO), **kwargs
    )

    def closure_of(x, y):
        def closure():
            optimizer.zero_grad()
            loss = model(x, y)["loss"]
            loss.backward()
            return loss

        return closure

    for x, y in batches():
        optimizer.step(closure_of(x[:-1], y[:-1]), auxiliary=closure_of(x[-1:], y[-1:]))
    return dict(weights=weights(net))


def cheap(perturbation, rule=None):
    """Every second step looks around; what is shared is counted step by step."""
    net = make()
    model = DistributedDataParallel(net)
    calls, per_step = counted(model), []
    kwargs = dict(model=model, perturbation=perturbation)
    if rule is None:
        optimizer = bsam(net, k=2, **kwargs)
    else:
        kwargs.update(lr=LR, momentum=0.9)
        optimizer = SharpnessOptimizer(net.parameters(), torch.optim.SGD, rule, **kwargs)
    optimizer.register_step_post_hook(lambda *_: (per_step.append(sum(calls)), calls.clear()))
    train(model, optimizer)
    kept = [optimizer.state[p].get("bsam_orthogonal") for p in net.parameters()]
    kept = torch.cat([v.flatten() for v in kept if v is not None] or [torch.zeros(1)])
    return dict(weights=weights(net), per_step=per_step, kept=kept)


def sharded(rule):
    net = make()
    for layer in (net.net[0], net.net[3], net):
        fully_shard(layer)
    groups = [
        dict(params=[net.net[0].weight, net.net[3].weight]),
        dict(params=[net.net[0].bias, net.net[3].bias], rho=0.1),
    ]
    kwargs = dict(model=net, lr=LR, momentum=0.9)
    train(net, SharpnessOptimizer(groups, torch.optim.SGD, rule, **kwargs))
    return dict(weights=weights(net))


def synchronized_norm():
    net = make(SyncNorm)
    model = DistributedDataParallel(net, broadcast_buffers=False)
    train(model, bsam(net, model=model))
    return dict(weights=weights(net), count=net.net[1].count, mean=net.net[1].mean)


def one_bad_first_pass():
    """As below, but in SAM's first pass alone, which is not in the gradient that is shared."""
    net = make()
    model = DistributedDataParallel(net, broadcast_buffers=False)
    kwargs = dict(model=model, perturbation="local", lr=LR)
    optimizer = SharpnessOptimizer(net.parameters(), torch.optim.SGD, SAM(rho=RHO), **kwargs)
    seen = [weights(net)]
    for step, (x, y) in enumerate(batches()):
        scales = iter([float("inf") if step == 1 and RANK == WORLD - 1 else 1.0, 1.0])

        def closure(x=x, y=y, scales=scales):
            optimizer.zero_grad()
            net.scale = next(scales)
            loss = model(x, y)["loss"]
            loss.backward()
            return loss

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            optimizer.step(closure)
        seen.append(weights(net))
    return dict(seen=torch.stack(seen), skipped=optimizer.skipped)


def one_bad_process(perturbation, **kwargs):
    """The last process's loss is infinite in the second step; every process passes it by."""
    net = make() if not kwargs else make().float()
    model = MMDistributedDataParallel(net, broadcast_buffers=False)
    optimizer = torch.optim.SGD(net.parameters(), lr=LR)
    wrapper = BSAMOptimWrapper(optimizer, perturbation=perturbation, **kwargs)
    seen = [weights(net)]
    hub = MessageHub(f"{perturbation}{kwargs}")
    runner = Namespace(optim_wrapper=wrapper, model=model, message_hub=hub, hooks=[], iter=0)
    hook = DivergenceHook()
    hook.before_train(runner)
    for step, (x, y) in enumerate(batches()):
        net.scale = float("inf") if step == 1 and RANK == WORLD - 1 else 1.0
        x, y = x.to(seen[0].dtype), y.to(seen[0].dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            outputs = model.train_step(dict(x=x, y=y), wrapper)
        hook.after_train_iter(runner, step, outputs=outputs)
        seen.append(weights(net))
    return dict(seen=torch.stack(seen), skipped=hub.get_info("skipped_steps"))


def one_bad_shard():
    """NaN in the last process's part of the weights; every process stops."""
    net = make()
    fully_shard(net)
    if RANK == WORLD - 1:
        net.net[0].weight.to_local().detach().fill_(float("nan"))
    try:
        DivergenceHook().after_train_epoch(Namespace(model=net, work_dir=FOLDER))
    except InputError as error:
        return dict(error=str(error))


def local_is_refused():
    net = make()
    fully_shard(net)
    optimizer = bsam(net, model=net, perturbation="local")
    try:
        train(net, optimizer)
    except InputError as error:
        return dict(error=str(error))


def unequal_batches():
    check_equal_lengths(5)
    try:
        check_equal_lengths(5 + RANK)
    except InputError as error:
        return str(error)


def flatness():
    """Batches of unlike sizes, and none in the last process."""
    net, own = make(), list(batches())
    own = [] if RANK == WORLD - 1 else [(x[: i + 1], y[: i + 1]) for i, (x, y) in enumerate(own)]
    objective = Objective(net, lambda model, batch: model(*batch)["loss"], own)
    loss, gradient = objective.gradient()
    pairs = top_eigenpairs(objective, tolerance=1e-8)
    vector = torch.ones(objective.size).double()
    return dict(
        samples=own,
        count=objective.count,
        losses=torch.tensor([loss, objective.loss()], dtype=torch.float64),
        gradient=gradient,
        product=objective.product(vector),
        top=pairs.values,
    )


CASES = dict(
    flatness=flatness,
    ddp_global=lambda: ddp("global"),
    ddp_global_view=lambda: ddp("global", view=True),
    ddp_local=lambda: ddp("local"),
    ddp_local_view=lambda: ddp("local", view=True),
    wrapped_global=lambda: wrapped("global"),
    wrapped_local=lambda: wrapped("local"),
    accumulated_global=lambda: wrapped("global", 2),
    accumulated_local=lambda: wrapped("local", 2),
    sharded_bsam=lambda: sharded(AdaptiveBSAM(rho=RHO, rho_min=RHO_MIN)),
    cheap_global=lambda: cheap("global"),
    cheap_local=lambda: cheap("local"),
    cheap_wrapped=lambda: wrapped("global", k=2),
    cheap_accumulated=lambda: wrapped("global", 2, k=2),
    momentum_global=lambda: cheap("global", MomentumSAM(rho=RHO)),
    momentum_local=lambda: cheap("local", MomentumSAM(rho=RHO)),
    auxiliary_global=lambda: auxiliary("global"),
    auxiliary_local=lambda: auxiliary("local"),
    auxiliary_accumulated=lambda: auxiliary("global", 2),
    auxiliary_plain=plain_auxiliary,
    sharded_cheap=lambda: sharded(BSAM_RULE(rho=RHO, rho_min=RHO_MIN, k=2)),
    sharded_gsam=lambda: sharded(GSAM(rho=RHO)),
    synchronized_norm=synchronized_norm,
    bad_global=lambda: one_bad_process("global"),
    bad_local=lambda: one_bad_process("local"),
    bad_first_pass=one_bad_first_pass,
    bad_float16=lambda: one_bad_process("local", dtype="float16"),
    bad_shard=one_bad_shard,
    local_is_refused=local_is_refused,
    unequal_batches=unequal_batches,
)

if __name__ == "__main__":
    torch.set_num_threads(1)
    if os.environ.get("TEST_DEVICE"):  # of tests/conftest.py; all processes share one GPU
        torch.set_default_device(os.environ["TEST_DEVICE"])
        BaseDataPreprocessor.device = property(lambda _: torch.get_default_device())
    store = f"file://{FOLDER / 'store'}"
    dist.init_process_group("gloo", init_method=store, rank=RANK, world_size=WORLD)
    results = {name: case() for name, case in CASES.items()}
    torch.save(results, FOLDER / f"{RANK}.pt")
    dist.destroy_process_group()
