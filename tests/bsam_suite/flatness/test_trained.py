"""The objectives of configs: their data, their checkpoints, and what is refused."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.config import load_config
from bsam_suite.errors import InputError
from bsam_suite.flatness.batches import not_augmented, training_loader
from bsam_suite.flatness.command import describe
from bsam_suite.flatness.hessian import top_eigenpairs
from bsam_suite.flatness.trained import difference_of_halves, load_objectives
from bsam_suite.quantization import calibrate

CONFIG = "configs/classification/resnet18_sgd.py"
SMALL = {"model.net.width": 2}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Two random networks for digits, with statistics that are not the first ones."""
    patch_mmengine()
    files = []
    for seed in range(2):
        torch.manual_seed(seed)
        model = MODELS.build(load_config(CONFIG, SMALL).model).train()
        model(torch.randn(64, 3, 16, 16), None)
        files.append(str(tmp_path_factory.mktemp("checkpoint") / f"{seed}.pth"))
        torch.save(dict(state_dict=model.state_dict()), files[-1])
    return files


def test_a_classifier_and_its_checkpoints(checkpoints):
    found = load_objectives(CONFIG, checkpoints, SMALL, samples=30, batch_size=8, dtype="float64")
    other = load_objectives(CONFIG, checkpoints[:1], SMALL, samples=30, dtype="float64")
    assert list(found) == checkpoints
    first = found[checkpoints[0]]
    assert first.count == 30 and len(first.batches) == 4 and not first.train
    again, gradient = first.gradient()
    whole = other[checkpoints[0]]
    assert again == pytest.approx(whole.loss(), rel=1e-12)
    torch.testing.assert_close(gradient, whole.gradient()[1])
    assert difference_of_halves(first) < 1e-12
    # The loss that the model itself gives, of images that are cropped in training only.
    batch = {name: torch.cat([b[name] for b in first.batches]) for name in first.batches[0]}
    with torch.no_grad():
        loss = first.model.eval()(**batch, mode="loss")["loss_ce"].item()
    assert again == pytest.approx(loss, rel=1e-12)
    weights = first.weights()
    second = found[checkpoints[1]]
    assert not torch.equal(second.weights(), weights)
    assert torch.equal(found[checkpoints[0]].weights(), weights)
    notes = " ".join(describe(found))
    assert "30 samples" in notes and "running statistics" in notes and "depend" not in notes


def test_the_samples_are_of_all_classes_and_the_same_each_time():
    cfg = load_config(CONFIG)
    one, two = (next(iter(training_loader(cfg, 200, 200))) for _ in range(2))
    assert torch.equal(one["inputs"], two["inputs"])
    assert one["labels"].unique().numel() == 10


def test_heatmaps_count_by_labelled_keypoints(people, random_hrnet, monkeypatch):
    config = "configs/pose/hrnet-tiny_adam_people-128x96.py"
    options = {"data_root": str(people), "resolve": [], "preflight": []}
    found = [
        load_objectives(config, [str(random_hrnet)], options, samples=6, batch_size=size)
        for size in (6, 4)
    ]
    six, four = (one[str(random_hrnet)] for one in found)
    keypoints = sum(
        int(sample.gt_instance_labels.keypoint_weights.sum())
        for batch in four.batches
        for sample in batch["data_samples"]
    )
    assert six.count == four.count == keypoints < 6 * 17
    assert six.loss() == pytest.approx(four.loss(), rel=1e-5)
    assert difference_of_halves(six) < 1e-5
    assert "SoftmaxHeatmapHead.loss_terms" in describe(found[0])[0]
    monkeypatch.delattr(type(six.model.head), "loss_terms")
    wrong = load_objectives(config, [str(random_hrnet)], options, samples=6)
    assert "depend on the batch size" in " ".join(describe(wrong))
    # Heatmaps are drawn, and nothing is turned or mirrored.
    steps = [step["type"] for step in not_augmented(load_config(config))["pipeline"]]
    names = ["LoadImage", "GetBBoxCenterScale", "TopdownAffine", "GenerateTarget", "PackPoseInputs"]
    assert steps == names


def test_a_quantized_network(tmp_path):
    config, options = "configs/quantization/resnet18_w4a4_sgd.py", {"model.model.net.width": 2}
    patch_mmengine()
    cfg = load_config(config, options)
    model = MODELS.build(cfg.model)
    calibrate(model, list(training_loader(cfg, 16)))
    file = str(tmp_path / "a.pth")
    torch.save(dict(state_dict=model.state_dict()), file)
    found = load_objectives(config, [file], options, samples=16, dtype="float64")
    objective = found[file]
    assert any("scale" in name for name in objective.names)
    assert "straight-through" in " ".join(describe(found))
    with torch.compiler.set_stance("force_eager"):  # the same, and sooner there
        pairs = top_eigenpairs(objective)
    assert pairs.residuals[0] < 0.05 * pairs.values[0]


def test_what_validation_sets_prevails_wherever_it_stands():
    train = dict(type="Wrapper", dataset=dict(type="A", pipeline=["Load", "Flip"], augment=True))
    val = dict(type="A", pipeline=[dict(type="Load"), dict(type="Pack")])
    train["dataset"]["pipeline"] = [dict(type="Flip"), dict(type="mm.GenerateTarget")]
    cfg = Config(dict(train_dataloader=dict(dataset=train), val_dataloader=dict(dataset=val)))
    inner = not_augmented(cfg)["dataset"]
    assert [step["type"] for step in inner["pipeline"]] == ["Load", "mm.GenerateTarget", "Pack"]
    assert "augment" not in inner
    cfg.val_dataloader = None
    with pytest.warns(UserWarning, match="no val_dataloader"):
        assert not_augmented(cfg) == train


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (dict(options={"model.net.width": 4}), "is of another model"),
        (dict(options={**SMALL, "train_dataloader": None}), "no train_dataloader"),
        (dict(samples=0), "samples=0"),
        (dict(batch_size=-1), "batch_size=-1"),
        (dict(dtype="float16"), "--dtype float16"),
        (dict(device="gpu"), "--device gpu"),
    ],
)
def test_what_is_refused(checkpoints, given, said):
    with pytest.raises(InputError, match=said):
        load_objectives(CONFIG, checkpoints, **{"options": SMALL, **given})
    with pytest.raises(InputError, match="each one once"):
        load_objectives(CONFIG, checkpoints * 2, SMALL)
    with pytest.raises(InputError, match="missing.pth"):
        load_objectives(CONFIG, [*checkpoints, "missing.pth"], SMALL)
