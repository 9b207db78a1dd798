"""Few images with right labels, learned by heart: digits and CIFAR-10."""

_base_ = "_base_/methods.py"
DIGITS, CIFAR = "benchmarks/studies/_base_/digits.py", "benchmarks/studies/_base_/cifar.py"


def few(per_class):
    return {
        "train_dataloader.dataset.dataset": dict(
            _delete_=True,
            type="FewShotSubset",
            per_class=per_class,
            dataset=dict(type="Digits", split="train", size=8, test_size=797),
        ),
        "train_dataloader.batch_size": 25,
    }


cells = [
    dict(name="CIFAR-10, 4,000 images", config=CIFAR),
    dict(
        name="CIFAR-10, 4,000 images, augmented",
        config=CIFAR,
        options={
            "model.data_preprocessor.crop_padding": 2,
            "model.data_preprocessor.flip": True,
            "train_cfg.max_epochs": 100,
        },
    ),
    dict(name="digits, 300 images", config=DIGITS, options=few(30)),
    dict(
        name="digits, 100 images", config=DIGITS, options=few(10), choices_of="digits, 300 images"
    ),
    dict(name="digits, 1,000 images", config=DIGITS, choices_of="digits, 300 images"),
]
