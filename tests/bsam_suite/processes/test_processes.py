"""Two and three processes train as one: every case of worker.py against formulas on flat vectors.

The references know nothing of processes, wrappers or the walk: formula, float64 autograd, SGD.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from torch import nn
from torch.func import functional_call

WORKER = Path(__file__).with_name("worker.py")
STEPS, SHARE, RHO, RHO_MIN, LR, MOMENTUM = 3, 4, 0.3, 0.2, 0.1, 0.9


@pytest.fixture(scope="module", params=[2, 3])
def results(request, tmp_path_factory):
    """What each process saved; workers of pytest that come later take what the first one made."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / f"{request.param} processes"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            folder.mkdir()
            train(request.param, folder)
    return [torch.load(folder / f"{rank}.pt") for rank in range(request.param)]


def train(processes, folder):
    env = dict(os.environ, OMP_NUM_THREADS="1")
    commands = [
        [sys.executable, str(WORKER), str(rank), str(processes), str(folder)]
        for rank in range(processes)
    ]
    running = [subprocess.Popen(c, env=env, stderr=subprocess.PIPE, text=True) for c in commands]
    errors = [process.communicate(timeout=240)[1] for process in running]
    codes = [process.returncode for process in running]
    assert not any(codes), f"exit statuses {codes}\n" + "\n".join(errors)


class Reference:
    """The network of worker.py as a function of one flat vector."""

    def __init__(self, norm=nn.Identity):
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(5, 7), norm(7), nn.Tanh(), nn.Linear(7, 1)).double()
        named = dict(self.net.named_parameters())
        self.names, self.shapes = list(named), [p.shape for p in named.values()]
        self.start = nn.utils.parameters_to_vector(named.values()).detach()

    def grad(self, w, x, y):
        w = w.clone().requires_grad_()
        parts = w.split([shape.numel() for shape in self.shapes])
        named = {n: p.view(s) for n, p, s in zip(self.names, parts, self.shapes)}
        loss = (functional_call(self.net, named, (x,)).squeeze(-1) - y).square().mean()
        return torch.autograd.grad(loss, w)[0]

    def train(self, world, gradient, shares=1):
        """SGD along the mean of ``gradient`` over equal shares of every batch."""

        def mean(grads, w):
            return sum(gradient(grad, w) for grad in grads) / shares

        return self.train_jointly(world, mean, shares)

    def train_jointly(self, world, gradient, shares=1):
        """SGD along ``gradient``, a function of all the shares' gradients and w."""
        g = torch.Generator(torch.get_default_device()).manual_seed(1)
        w, velocity = self.start, torch.zeros_like(self.start)
        for _ in range(STEPS):
            x = torch.randn(world * SHARE, 5, generator=g, dtype=torch.float64)
            y = torch.randn(world * SHARE, generator=g, dtype=torch.float64)
            parts = zip(x.chunk(shares), y.chunk(shares))
            grads = [
                lambda at, which=slice(None), x=x, y=y: self.grad(at, x[which], y[which])
                for x, y in parts
            ]
            velocity = MOMENTUM * velocity + gradient(grads, w)
            w = w - LR * velocity
        return w


def bsam(grad, w):
    g = grad(w)
    g_max, g_min = grad(w + RHO * g / g.norm()), grad(w - RHO_MIN * g / g.norm())
    return g_max + g - g_max.norm() / g_min.norm() * g_min


def same(results, case, wanted):
    for result in results:
        assert (result[case]["weights"] - wanted).abs().max() < 1e-12


@pytest.mark.parametrize("face", ["ddp_{}", "ddp_{}_view", "wrapped_{}", "accumulated_{}"])
def test_global_is_one_process_on_the_joint_batch(results, face):
    wanted = Reference().train(len(results), bsam)
    same(results, face.format("global"), wanted)


@pytest.mark.parametrize("face", ["ddp_{}", "ddp_{}_view", "wrapped_{}", "accumulated_{}"])
def test_local_is_the_mean_of_each_process_on_its_own(results, face):
    wanted = Reference().train(len(results), bsam, shares=len(results))
    same(results, face.format("local"), wanted)
    assert (wanted - Reference().train(len(results), bsam)).abs().max() > 1e-3


@pytest.mark.parametrize("face", ["ddp_{}", "ddp_{}_view", "wrapped_{}", "accumulated_{}"])
def test_gradients_are_shared_three_times_globally_and_once_locally(results, face):
    found = {kind: results[0][face.format(kind)] for kind in ("global", "local")}
    assert found["global"]["shared"] == 3 * STEPS and found["local"]["shared"] == STEPS
    if face.startswith("ddp"):  # several buckets
        assert all(f["buckets"] > f["shared"] for f in found.values())


def cheap_bsam(up=RHO, ratio=RHO_MIN / RHO):
    """BSAM with k=2; what is reused is averaged over the shares."""
    found = []

    def step_of(grads, w):
        if found:
            length, norm, v = found.pop()
            steps = []
            for grad in grads:
                g = grad(w)
                steps.append((1 + length / norm) * g + min(g.norm() / norm, 1.0) * v)
            return sum(steps) / len(steps)
        steps, kept = [], []
        for grad in grads:
            g = grad(w)
            g_max = grad(w + up * g / g.norm())
            g_min = g - ratio * (g_max - g)
            step = g_max + g - g_max.norm() / g_min.norm() * g_min
            length = (step - g) @ g / g.norm()
            steps.append(step)
            kept.append((length, g.norm(), step - g - length * g / g.norm()))
        found.append([sum(parts) / len(parts) for parts in zip(*kept)])
        return sum(steps) / len(steps)

    return step_of


@pytest.mark.parametrize("face", ["cheap_{}", "momentum_{}"])
def test_a_step_without_a_further_pass_shares_once(results, face):
    for kind, refresh in (("global", 2), ("local", 2)):  # locally the step, and what is kept
        wanted = [refresh, 1, refresh] if face == "cheap_{}" else [1, 1, 1]
        assert all(result[face.format(kind)]["per_step"] == wanted for result in results)


def test_cheap_bsam(results):
    reference, world = Reference(), len(results)
    joint = reference.train_jointly(world, cheap_bsam())
    for case in ("cheap_global", "cheap_wrapped", "cheap_accumulated"):
        same(results, case, joint)
    same(results, "cheap_local", reference.train_jointly(world, cheap_bsam(), world))
    for result in results:  # so that the checkpoint of one is that of all
        assert torch.equal(result["cheap_local"]["kept"], results[0]["cheap_local"]["kept"])
        assert result["cheap_local"]["kept"].norm() > 0
    assert results[0]["cheap_accumulated"]["shared"] == 2 + 1 + 2


def agnostic_sam(samples, size):
    """Of each ``size`` samples in turn the last one is of the auxiliary batch."""
    batch, other = [i for i in range(samples) if i % size < size - 1], slice(size - 1, None, size)

    def step_of(grad, w):
        g, g_a = grad(w, batch), grad(w, other)
        return grad(w + RHO * (2 * g / g.norm() - g_a / g_a.norm()), batch)

    return step_of


def test_an_auxiliary_batch_is_that_of_all_processes_or_of_each(results):
    reference, world = Reference(), len(results)
    joint = reference.train(world, agnostic_sam(world * SHARE, SHARE))
    for case in ("auxiliary_global", "auxiliary_plain"):
        same(results, case, joint)
    halves = reference.train(world, agnostic_sam(world * SHARE, SHARE // 2))
    same(results, "auxiliary_accumulated", halves)
    own = reference.train(world, agnostic_sam(SHARE, SHARE), shares=world)
    same(results, "auxiliary_local", own)
    assert all((joint - other).abs().max() > 1e-3 for other in (halves, own))
    shared = [results[0][f"auxiliary_{kind}"]["shared"] for kind in ("global", "accumulated")]
    assert shared == [3 * STEPS] * 2 and results[0]["auxiliary_local"]["shared"] == STEPS


def test_shards_by_fully_shard(results):
    reference = Reference()
    bias = torch.cat(
        [
            torch.full((s.numel(),), name.endswith("bias"))
            for name, s in zip(reference.names, reference.shapes)
        ]
    )

    def adaptive_bsam(grad, w):
        g, t = grad(w), w.abs() + 0.01
        e = t**2 * g / (t * g).norm()
        up = torch.where(bias, 0.1, RHO * torch.ones_like(w))
        g_max, g_min = grad(w + up * e), grad(w - RHO_MIN * e)
        return g_max + g - g_max.norm() / g_min.norm() * g_min

    def gsam(grad, w):
        g = grad(w)
        up = torch.where(bias, 0.1, RHO * torch.ones_like(w))
        g_max = grad(w + up * g / g.norm())
        unit = g_max / g_max.norm()
        return g_max - 0.4 * (g - (g @ unit) * unit)

    same(results, "sharded_bsam", reference.train(len(results), adaptive_bsam))
    same(results, "sharded_gsam", reference.train(len(results), gsam))
    up = torch.where(bias, 0.1, RHO * torch.ones_like(reference.start))
    ratio = 2 * RHO_MIN / (RHO + 0.1)  # over both groups
    cheap = reference.train_jointly(len(results), cheap_bsam(up, ratio))
    same(results, "sharded_cheap", cheap)


def test_batch_norm_over_all_processes(results):
    class Norm(nn.Module):
        def __init__(self, channels):
            super().__init__()

        def forward(self, x):
            return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()

    same(results, "synchronized_norm", Reference(Norm).train(len(results), bsam))
    first = results[0]["synchronized_norm"]
    assert first["count"] == STEPS and first["mean"].abs().max() > 0
    for result in results:
        assert torch.equal(result["synchronized_norm"]["mean"], first["mean"])


@pytest.mark.parametrize("case", ["bad_global", "bad_local", "bad_first_pass", "bad_float16"])
def test_one_bad_process_makes_all_pass_the_step_by(results, case):
    seen = results[0][case]["seen"]
    assert all(torch.equal(result[case]["seen"], seen) for result in results)
    moved = (seen[1:] != seen[:-1]).any(1).tolist()
    assert moved[1] is False and seen.isfinite().all()
    # The first step of float16 may overflow at the scaler's initial scale.
    assert moved[2] is True
    assert all(result[case]["skipped"] == moved.count(False) for result in results)


def test_weights_that_are_not_finite_in_one_process_stop_all(results):
    assert all("net.0.weight of the model" in result["bad_shard"]["error"] for result in results)


def test_local_perturbation_of_shards_is_refused(results):
    assert all("perturbation='local'" in result["local_is_refused"]["error"] for result in results)


def test_flatness_is_that_of_the_samples_of_all(results):
    reference = Reference()
    samples = [batch for result in results for batch in result["flatness"]["samples"]]
    x, y = (torch.cat(parts) for parts in zip(*samples))
    gradient = reference.grad(reference.start, x, y)

    def loss(w):
        parts = w.split([shape.numel() for shape in reference.shapes])
        named = {n: p.view(s) for n, p, s in zip(reference.names, parts, reference.shapes)}
        return (functional_call(reference.net, named, (x,)).squeeze(-1) - y).square().mean()

    hessian = torch.func.hessian(loss)(reference.start)
    for result in results:
        found = result["flatness"]
        assert found["count"] == len(x) < len(results) * STEPS * SHARE
        torch.testing.assert_close(found["losses"], loss(reference.start).expand(2))
        torch.testing.assert_close(found["gradient"], gradient)
        torch.testing.assert_close(found["product"], hessian.sum(1))
        torch.testing.assert_close(found["top"], torch.linalg.eigvalsh(hessian)[-1:])


def test_unequal_numbers_of_batches_are_refused_in_all_processes(results):
    numbers = ", ".join(str(5 + rank) for rank in range(len(results)))
    assert all(f"has {numbers} batches" in found["unequal_batches"] for found in results)
