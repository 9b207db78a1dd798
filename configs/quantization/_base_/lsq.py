"""What networks share that are quantized by LSQ (arXiv 1902.08153): 8-bit weights and activations.

MMEngine lets no two bases set the same field: each network takes ``lsq`` from here.
"""

lsq = dict(
    model=dict(
        type="Quantized",
        quantization=dict(
            weight=dict(type="LSQ", bit_width=8, per_channel=True),
            activation=dict(type="LSQ", bit_width=8),
            first_last_bit_width=8,
        ),
        checkpoint=None,
    ),
    param_scheduler=[dict(type="CosineAnnealingLR", convert_to_iter_based=True)],
    # Step sizes are learned without weight decay, and sharpness-aware rules leave them in place.
    custom_keys={"_quantizer": dict(decay_mult=0.0, rho=0.0, rho_min=0.0)},
)
