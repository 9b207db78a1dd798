"""From rules' names to optimizer wrappers."""

import pytest
from mmengine.config import Config

from bsam_suite.compare.methods import count_passes, list_methods
from bsam_suite.errors import InputError


def config(**wrapper):
    return Config(dict(optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1), **wrapper)))


@pytest.mark.parametrize(
    "rule, passes",
    [
        ("MomentumSAM", 1),
        *((name, 1.2) for name in ("LookSAM", "VSAM")),
        ("AgnosticSAM", 1.8),
        *((name, 2) for name in ("SAM", "ASAM", "GSAM", "FriendlySAM", "GCSAM")),
        *((name, 3) for name in ("BSAM", "AdaptiveBSAM")),
    ],
)
def test_passes(rule, passes):
    assert count_passes(dict(type=rule)) == passes


def test_passes_of_cheap_forms():
    found = list_methods(config(), ["none", "bsam"], dict(k=[1, 4, 10], rho=[0.1]), True)
    assert [(v.name, v.epochs) for v in found[4:]] == [
        ("sgd x1.1", 1.1),
        ("sgd x1.25", 1.25),
        ("sgd x2", 2),
    ]
    assert count_passes(dict(type="BSAM", rho=0.0, rho_min=0.0)) == 1


def test_rules_by_name_and_grid():
    found = list_methods(
        config(), ["none", "SAM", "bsam"], dict(rho=[0.1, 0.2], rho_min=[0.3]), False
    )
    names = ["sgd", "sam rho=0.1", "sam rho=0.2"]
    names += ["bsam rho=0.1 rho_min=0.3", "bsam rho=0.2 rho_min=0.3"]
    assert [v.name for v in found] == names
    assert (found[4].rule, found[4].settings) == ("bsam", dict(rho=0.2, rho_min=0.3))


def test_equal_compute_adds_the_optimizer_alone():
    found = list_methods(config(), ["none", "sam", "bsam"], {}, True)
    assert [(v.name, v.epochs) for v in found[3:]] == [("sgd x2", 2), ("sgd x3", 3)]
    assert found[4].rule == "none"


def test_unusable_values_are_named():
    with pytest.raises(InputError, match="--rules adam: "):
        list_methods(config(), ["adam"], {}, False)
    with pytest.raises(InputError, match="--grid rho_min: none, sam"):
        list_methods(config(), ["none", "sam"], dict(rho_min=[0.1]), False)
    several = Config(dict(optim_wrapper=dict(a=dict(optimizer=dict(type="SGD")))))
    with pytest.raises(InputError, match="optim_wrapper.optimizer is None: .*one optimizer"):
        list_methods(several, ["sam"], {}, False)
    with pytest.raises(InputError, match="rho=-1"):
        list_methods(config(), ["sam"], dict(rho=[-1]), False)
