"""Colours of lines and bars."""

COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]
"""Of Okabe and Ito, which colour-blind readers tell apart; without their yellow, pale on white."""
