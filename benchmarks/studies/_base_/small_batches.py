"""The methods for batches of 25: 0.4 times the learning rates, half the radii of methods.py.

Rules are tried at one learning rate more, since their best is higher up on this line.
"""

_base_ = "methods.py"
parts = {_base_.lr: 2.5, "rho": 2, "rho_min": 2}
methods = {
    name: dict(
        tune=dict(
            lines=[
                {setting: value / parts.get(setting, 1) for setting, value in one.items()}
                for one in lines + [{**lines[2], _base_.lr: 0.2}] * ("rho" in lines[2])
            ]
        )
    )
    for name, lines in [
        (name, method["tune"]["lines"])
        for name, method in _base_.methods.items()
        if "tune" in method
    ]
}
