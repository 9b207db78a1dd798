"""An evaluation of keypoints as an HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from bsam_suite.colours import COLOURS
from bsam_suite.html_report import HtmlReport
from tasks.pose.evaluate.keypoints import PCK_LENGTH, PCK_SHARES, Row, Scores


def page(metrics: Mapping[str, float], scores: Scores, about: Mapping) -> HtmlReport:
    """The page of an evaluation.

    Args:
        metrics: AP and AR.
        about: what the json tells beside the numbers.
    """
    made = HtmlReport(f"{about['results']}: keypoints, evaluated")
    made.text(
        "AP and AR are COCO's: precision and recall, the mean over ten thresholds of the "
        "similarity OKS from 0.50 to 0.95; (M) and (L) are medium and large persons, and -1 says "
        "that there are none. 1 is perfect.",
        f"{scores.missed} of {scores.persons} persons have no result.",
    )
    made.table(list(metrics), [[f"{value:.4f}" for value in metrics.values()]])
    made.heading("Each keypoint")
    made.text(
        "OKS falls from 1 to 0 with the distance, relative to the person's size and to how well "
        f"people agree on the keypoint. {PCK_LENGTH} Keypoints of persons without a result count "
        "as 0."
    )
    for rows in (scores.by_keypoint(), scores.by_size(), scores.by_visibility()):
        made.figure(*_bars(rows))
        made.table(
            ["", "labelled", "OKS", *(f"PCK {share}" for share in PCK_SHARES)],
            [
                [row.name, f"{row.count:,}", f"{row.oks:.4f}"]
                + [f"{row.pck[share]:.4f}" for share in PCK_SHARES]
                for row in rows
            ],
        )
    told = ("annotations", "results", "backend", "oks_nms")
    made.made_by(about["command_line"], **{name: about[name] for name in told if about.get(name)})
    made.files({"evaluation.json": "all numbers", "evaluation.png": "a picture"})
    return made


def _bars(rows: Sequence[Row]) -> tuple[list[dict], dict]:
    share = PCK_SHARES[1]
    shown = {"OKS": [row.oks for row in rows], f"PCK {share}": [row.pck[share] for row in rows]}
    names = [escape(f"{row.name} ({row.count:,})") for row in rows]
    bars = [
        dict(type="bar", orientation="h", name=name, x=values, y=names, marker=dict(color=colour))
        for (name, values), colour in zip(shown.items(), COLOURS)
    ]
    axes = dict(xaxis=dict(range=[0, 1]), yaxis=dict(autorange="reversed", automargin=True))
    above = dict(legend=dict(orientation="h", yanchor="bottom", y=1), margin=dict(t=70, b=30))
    return bars, dict(axes, height=140 + 34 * len(rows), **above)
