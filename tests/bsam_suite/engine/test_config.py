"""Configs and options: what is given wrong is named."""

from pathlib import Path

import pytest
from mmengine.config import Config

from bsam_suite.engine.check_optim import check_optim_wrapper
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.errors import InputError


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(
        "data_root = 'data/x/'\n"
        "train_dataloader = dict(dataset=dict(data_root=data_root, files=[data_root + 'f.json']))\n"
        "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))\n"
    )
    return str(path)


def test_data_root_moves_every_path_in_it(config):
    cfg = load_config(config, {"data_root": "/else/where", "optim_wrapper.optimizer.lr": 0.2})
    assert cfg.data_root == "/else/where"
    assert cfg.train_dataloader.dataset.data_root == "/else/where"
    assert cfg.train_dataloader.dataset.files == ["/else/where/f.json"]
    assert cfg.optim_wrapper.optimizer.lr == 0.2


def test_unknown_config_option_and_preflight(config):
    with pytest.raises(InputError, match=r"b\.py.*did you mean.*a\.py"):
        load_config(config.replace("a.py", "b.py"))
    with pytest.raises(InputError, match="optim_wraper.*did you mean 'optim_wrapper'"):
        load_config(config, {"optim_wraper.rho": 1})
    broken = Path(config).with_name("broken.py")
    broken.write_text("x = 1 / 0")
    with pytest.raises(InputError, match="broken.py.*cannot be read"):
        load_config(str(broken))
    with pytest.raises(InputError, match="no_such_check"):
        preflight(Config(dict(preflight=[dict(type="no_such_check")])))


def test_a_sharpness_aware_wrapper_among_several_is_refused():
    plain = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.1))
    sharp = dict(type="BSAMOptimWrapper", optimizer=dict(type="SGD", lr=0.1))
    several = dict(constructor="MyConstructor", generator=plain, discriminator=plain)
    check_optim_wrapper(Config(dict(optim_wrapper=several)))
    several["discriminator"] = sharp
    with pytest.raises(InputError, match="discriminator.type='BSAMOptimWrapper'.*OptimWrapperDict"):
        check_optim_wrapper(Config(dict(optim_wrapper=several)))
