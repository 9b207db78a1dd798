"""Parts of a person, as the masks number them."""

PARTS = ("background", "head", "torso", "upper arm", "lower arm", "upper leg", "lower leg")
"""The classes of Pascal-Person-Part (X. Chen et al., "Detect What You Can", CVPR 2014).

The neck and a backpack belong to the torso, hands to the lower arms, feet to the lower legs.
"""

_, HEAD, TORSO, UPPER_ARM, LOWER_ARM, UPPER_LEG, LOWER_LEG = range(len(PARTS))
