"""What was found, as text, as a picture and as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from bsam_suite.rho_finder.find import TRAINS, WINDOW, Found
from bsam_suite.rho_finder.line import Look


def table(found: Found) -> str:
    """Both looks and the short runs, as Markdown."""
    lines = []
    for one in found.looks:
        lines += [
            f"Look at step {one.step}: loss {one.loss:.4g}, |g| {one.norm:.3g}; bottom of the line "
            f"at {_radius(one.bottom)}, steps turn at {_radius(one.turn)}",
            "",
            "| radius | rise / first order | fall / first order | agreement |",
            "| ---: | ---: | ---: | ---: |",
        ]
        agreement = one.agreement or [None] * len(one.radii)
        for r, rise, fall, agree in zip(one.radii, one.rise, one.fall, agreement):
            slope = r * one.norm
            shown = "unclear" if agree is None else f"{agree:.2f}"
            lines.append(f"| {r:g} | {rise / slope:.2f} | {fall / slope:.2f} | {shown} |")
        lines.append("")
    lines += [
        f"Short runs of {len(found.losses[None])} steps:",
        "",
        "| run | loss at its end | fall over plain training's |",
        "| --- | ---: | ---: |",
    ]
    for rho in sorted(found.losses, key=lambda rho: rho or 0):
        name = "plain" if rho is None else f"rho={rho:g}"
        last = found.looks[0].loss - found.fall(rho)
        lines.append(f"| {name} | {last:.4g} | {found.share(rho):.2f} |")
    return "\n".join(lines)


def verdict(found: Found, rule: str, radius_names: list[str]) -> str:
    """The radius to take, from where on training is stuck, and what to type.

    Args:
        found: see :class:`Found`.
        rule: with its hyperparameters, as typed.
        radius_names: of the rule.
    """
    steps = len(found.losses[None])
    if found.rho is None:
        tried = min(rho for rho in found.losses if rho is not None)
        return f"No radius trains: even with {tried:g} the loss falls {_less(steps)}."
    stuck = (
        f"From {found.stuck:g} on the loss falls {_less(steps)}."
        if found.stuck
        else f"No radius was stuck, up to {found.trains:g}."
    )
    share = found.share(found.rho if found.rho in found.losses else found.trains)
    warmup = max(found.looks[-1].step, WINDOW)
    return (
        f"{stuck}\nTake: --rule {with_radii(found, rule, radius_names)}\n"
        f"The loss of its short run fell {share:.2f} times as far as plain training's: take less "
        "where the whole training is short.\n"
        f"A rise of the radius at the start is an insurance: --cfg-options "
        f"optim_wrapper.rho_warmup={warmup}"
    )


def _less(steps: int) -> str:
    return f"less than {TRAINS} times as far as in plain training, in {steps} steps"


def with_radii(found: Found, rule: str, radius_names: list[str]) -> str:
    """The rule with the radius that was found, as typed."""
    return " ".join([rule, *(f"{name}={found.rho:g}" for name in radius_names)])


def as_dict(found: Found) -> dict:
    """For JSON; the plain run is named ``plain``, and what is not finite is null."""
    content = dict(
        rho=found.rho,
        trains=found.trains,
        stuck=found.stuck,
        looks=[asdict(one) | dict(bottom=one.bottom, turn=one.turn) for one in found.looks],
        runs={
            "plain" if rho is None else f"{rho:g}": dict(share=found.share(rho), losses=losses)
            for rho, losses in found.losses.items()
        },
    )
    return _finite(content)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def draw(found: Found, title: str, path: Path) -> None:
    """The line and the agreement at both looks, and the losses of the short runs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.2), layout="constrained")
    grid = figure.add_gridspec(2, 2)
    figure.suptitle(title)
    lines = [figure.add_subplot(grid[0, i]) for i in range(2)]
    agreement, runs = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
    for axes, look in zip(lines, found.looks):
        _draw_line(axes, look)
    lines[0].set_ylabel("loss")
    lines[0].legend(fontsize="small", loc="upper left")
    for color, look in zip(("C7", "C0"), found.looks):
        if look.agreement:
            label = f"step {look.step}"
            agreement.plot(look.radii, look.agreement, "o-", ms=3, color=color, label=label)
    agreement.set(title="agreement: 1 is plain training, below 0 turns back", yscale="symlog")
    agreement.axhline(0, color="black", linewidth=0.8)
    agreement.axhline(1, color="black", linewidth=0.8, linestyle=":")
    agreement.legend(fontsize="small")
    for axes in (*lines, agreement):
        axes.set_xscale("log")
        axes.set_xticks(found.looks[0].radii, [f"{r:g}" for r in found.looks[0].radii], minor=False)
        axes.set_xticks([], minor=True)
        axes.set_xlabel("radius r")
        axes.grid(alpha=0.3)
        if found.rho:
            axes.axvline(found.rho, color="C2", linewidth=1.5)
        if found.stuck:
            axes.axvline(found.stuck, color="C3", linewidth=1.5, linestyle="--")
    for rho in sorted(found.losses, key=lambda rho: rho or 0):
        losses = found.losses[rho]
        smooth = [fmean(losses[max(0, i - WINDOW) : i + 1]) for i in range(len(losses))]
        runs.plot(smooth, label="plain" if rho is None else f"{rho:g}", linewidth=1.2)
    runs.set(title="short runs, by radius", xlabel="step")
    runs.set_ylabel("loss")
    runs.legend(fontsize="small")
    runs.grid(alpha=0.3)
    handles = [line for line in agreement.lines if line.get_color() in ("C2", "C3")]
    names = {"C2": f"take {found.rho or 0:g}", "C3": f"stuck from {found.stuck or 0:g}"}
    labels = [names[str(line.get_color())] for line in handles]
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="small")
    figure.savefig(path, dpi=110)


def _draw_line(axes, look: Look) -> None:
    up = [look.loss + rise for rise in look.rise]
    down = [look.loss - fall for fall in look.fall]
    slope = [r * look.norm for r in look.radii]
    axes.plot(look.radii, up, "o-", ms=3, color="C3", label="up, w + r g/|g|")
    axes.plot(look.radii, down, "o-", ms=3, color="C0", label="down, w - r g/|g|")
    axes.axhline(look.loss, color="black", linewidth=0.8)
    low, high = min(down), max(up[: max(2, sum(u <= 3 * look.loss for u in up))])
    margin = 0.1 * (high - low)
    for sign in (1, -1):
        straight = [look.loss + sign * s for s in slope]
        axes.plot(look.radii, straight, ":", color="C7", label="to first order" if sign > 0 else "")
    axes.set_ylim(low - margin, high + margin)
    axes.set_title(f"loss along g at step {look.step}")


def _radius(value: float | None) -> str:
    return "none of these radii" if value is None else f"{value:.2g}"
