"""The configs: what they choose, the published recipe, and what is checked before long work."""

from pathlib import Path

import pytest
import torch
from mmengine.registry import DATASETS, MODELS, PARAM_SCHEDULERS
from mmengine.runner import Runner
from PIL import Image

from bsam_suite.engine.check_optim import check_optim_wrapper
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.errors import InputError

CONFIGS = Path(__file__).parents[3] / "configs/classification"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.py"))


def load(name, **options):
    return load_config(str(CONFIGS / f"{name}.py"), options)


def write_images(root, *classes):
    for split in ("train", "test"):
        for name in classes:
            (root / split / name).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(root / split / name / "0.png")
    return str(root)


@pytest.fixture
def root(tmp_path):
    return write_images(tmp_path / "insects", "ant", "bee", "fly")


@pytest.fixture
def imagenet(tmp_path):
    """Named as folders of ImageNet are, by WordNet."""
    return write_images(tmp_path / "imagenet", "n01440764", "n02102040", "n02979186")


@pytest.mark.parametrize("name", NAMES)
def test_every_config_builds(name, root, imagenet):
    for options in ({}, dict(data_root=root), dict(data_root=imagenet)):
        if "pretrain" in name and options:
            continue
        cfg = load(name, **options)
        check_optim_wrapper(cfg)
        if options:
            assert cfg.model.num_classes == 3  # also for tools that build it before the data
            cfg.preflight = [entry for entry in cfg.preflight if entry.type == "check_images"]
            preflight(cfg)
            assert cfg.val_dataloader.dataset.data_root == options["data_root"]
        with torch.device("meta"):
            model = MODELS.build({**cfg.model, "data_preprocessor": None})
        head = [m for m in model.net.modules() if isinstance(m, torch.nn.Linear)][-1]
        assert model.num_classes == head.out_features
        rule = cfg.optim_wrapper.get("type", "OptimWrapper")
        expected = dict(sgd="OptimWrapper", sam="SharpnessOptimWrapper", bsam="BSAMOptimWrapper")
        assert rule == expected.get(name.split("_")[-1], "OptimWrapper")


@pytest.mark.parametrize("net", ["resnet18", "mobilenetv2", "wrn28-10", "pyramidnet110"])
@pytest.mark.parametrize(
    "classes, unpacked", [(10, "cifar-10-batches-py"), (100, "cifar-100-python")]
)
def test_the_recipe_is_the_papers(net, classes, unpacked, tmp_path):
    (tmp_path / unpacked).mkdir()
    cfg = load(f"{net}_bsam", data_root=str(tmp_path))
    assert cfg.train_dataloader.batch_size == 128 and cfg.train_cfg.max_epochs == 200
    wanted = dict(type="SGD", lr=0.05, momentum=0.9, weight_decay=1e-3)
    assert cfg.optim_wrapper.to_dict() == dict(
        type="BSAMOptimWrapper", rho=0.05, rho_min=0.05, optimizer=wanted
    )
    assert [s.to_dict() for s in cfg.param_scheduler] == [
        dict(type="CosineAnnealingLR", convert_to_iter_based=True)
    ]
    assert cfg.model.label_smoothing == 0.1 and cfg.model.num_classes == classes
    augment = cfg.model.data_preprocessor
    assert (augment.crop_padding, augment.flip, augment.cutout) == (4, True, 16)
    train, test = cfg.train_dataloader.dataset, cfg.test_dataloader.dataset
    assert train.rate == 0 and train.dataset.root == test.root == str(tmp_path)
    assert (train.dataset.train, test.train) == (True, False)
    assert train.dataset.name == f"CIFAR{classes}"
    larger = load(f"{net}_bsam", data_root=str(tmp_path), image_size=40)
    assert larger.train_dataloader.dataset.dataset.size == larger.val_dataloader.dataset.size == 40


def test_imagenets_recipe_is_that_of_torchvisions_references(imagenet):
    for net, epochs, sgd, last_rate in (
        ("resnet18", 90, dict(lr=0.1, weight_decay=1e-4), 1e-3),
        ("mobilenetv2", 300, dict(lr=0.045, weight_decay=4e-5), 0.045 * 0.98**299),
    ):
        cfg = load(f"{net}_bsam", data_root=imagenet)
        assert cfg.train_dataloader.batch_size == 256 and cfg.train_cfg.max_epochs == epochs
        assert cfg.optim_wrapper.optimizer.to_dict() == dict(type="SGD", momentum=0.9, **sgd)
        assert rates(cfg)[-1] == pytest.approx(last_rate)
        assert cfg.model.label_smoothing == 0
        augment = cfg.model.data_preprocessor
        assert (augment.crop_padding, augment.flip, augment.cutout) == (0, False, 0)
        # The same fall over fewer epochs.
        short = load(f"{net}_bsam", **{"data_root": imagenet, "train_cfg.max_epochs": 30})
        assert rates(short)[0] == sgd["lr"] and 0.8 < rates(short)[-1] / last_rate < 1.3
        data = cfg.train_dataloader.dataset.dataset
        assert (data.type, data.augment, data.size) == ("LazyImageFolder", True, 224)
        smaller = load(f"{net}_bsam", data_root=imagenet, image_size=64)
        for loader in (smaller.val_dataloader, smaller.test_dataloader):
            assert loader.dataset.size == 64 and "augment" not in loader.dataset


def rates(cfg):
    """The learning rate of each epoch."""
    weight = torch.nn.Parameter(torch.zeros(1))
    sgd = torch.optim.SGD([weight], cfg.optim_wrapper.optimizer.lr)
    (settings,) = cfg.param_scheduler
    # As MMEngine's Runner does where a schedule has no end.
    given = dict(optimizer=sgd, end=cfg.train_cfg.max_epochs)
    scheduler = PARAM_SCHEDULERS.build({**given, **settings})
    found = []
    for _ in range(cfg.train_cfg.max_epochs):
        found.append(sgd.param_groups[0]["lr"])
        sgd.step()
        scheduler.step()
    return found


def test_networks_for_small_images_get_small_images(imagenet):
    for net in ("wrn28-10", "pyramidnet110"):
        cfg = load(f"{net}_sgd", data_root=imagenet, image_size=32)
        assert cfg.train_dataloader.dataset.dataset.type == "InMemoryImageFolder"
        assert cfg.val_dataloader.dataset.size == 32


def test_the_schedule_ends_with_the_training(tmp_path):
    for epochs in (7, 90):
        cfg = load("resnet18_sgd", **{"train_cfg.max_epochs": epochs})
        assert "epochs" not in cfg  # which would be set without an effect
        cfg.work_dir, cfg.experiment_name = str(tmp_path), f"end{epochs}"
        runner = Runner.from_cfg(cfg)
        runner._train_loop = runner.build_train_loop(runner._train_loop)
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        (cosine,) = runner.build_param_scheduler(runner.param_schedulers)
        assert cosine.T_max == cosine.end == epochs * len(runner.train_dataloader)


def test_folders_are_checked_first(root):
    def refused(match, **options):
        with pytest.raises(InputError, match=match):
            preflight(load("resnet18_bsam", **dict(dict(data_root=root), **options)))

    refused("no_such is not a folder", data_root="no_such")
    refused("model.num_classes=4, but .* has 3 classes", **{"model.num_classes": 4})
    (Path(root) / "test/ant").rename(Path(root) / "test/wasp")
    refused("different classes: ant, wasp")


def test_weights_to_start_from_are_asked_for(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"epoch_10.pth does not exist: make it by .*train.py"):
        preflight(load("transfer_bsam"))
    with pytest.raises(InputError, match=r"model.transfer_from is not set"):
        preflight(load("transfer_bsam", data_root=root))
    cfg = load("transfer_bsam")
    cfg.load_from = "a run to resume, or a checkpoint to test"
    preflight(cfg)
    assert cfg.model.transfer_from is None
    # The name in the config is that of what the pretraining writes.
    pretrain = load("pretrain_digits-0-4")
    assert load("transfer_bsam").model.transfer_from == (
        f"work_dirs/pretrain_digits-0-4/epoch_{pretrain.train_cfg.max_epochs}.pth"
    )
    assert pretrain.train_dataloader.dataset.dataset.digits == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["resnet18_bsam", "transfer_bsam", "pretrain_digits-0-4"])
def test_one_option_sets_the_size_of_all_digits(name):
    cfg = load(name, image_size=8)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert DATASETS.build(loader.dataset).images.shape[1:3] == (8, 8)
