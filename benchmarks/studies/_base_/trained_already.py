"""The methods for networks that begin with trained weights.

A tenth of the learning rates and a quarter of the radii of methods.py.
"""

_base_ = "methods.py"
parts = {_base_.lr: 10, "rho": 4, "rho_min": 4}
methods = {
    name: dict(
        tune=dict(
            lines=[
                {setting: value / parts.get(setting, 1) for setting, value in one.items()}
                for one in method["tune"]["lines"]
            ]
        )
    )
    for name, method in _base_.methods.items()
    if "tune" in method
}
