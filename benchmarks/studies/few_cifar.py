"""4,000 images of CIFAR-10 with right labels, learned by heart; with augmentation around it.

With CIFAR-10 as image files in CIFAR10/train/CLASS and CIFAR10/test/CLASS::

    for class in $(ls CIFAR10/train); do
        mkdir -p data/cifar10-4000/{train,val}/$class
        cp $(ls -d CIFAR10/train/$class/* | head -400) data/cifar10-4000/train/$class
        cp $(ls -d CIFAR10/test/$class/* | head -200) data/cifar10-4000/val/$class
    done
"""

_base_ = "_base_/methods.py"
CIFAR = "benchmarks/studies/_base_/cifar.py"
middle = "4,000 images"
augmented = {
    "model.data_preprocessor.crop_padding": 2,
    "model.data_preprocessor.flip": True,
    "train_cfg.max_epochs": 100,
}
methods = dict(found=dict(rule="BSAM", settings=dict(rho=0.14, rho_min=0.14, **_base_.warmup)))
others = dict(config=CIFAR, choices_of=middle, seeds=3, methods=_base_.around)
cells = [
    dict(name=middle, config=CIFAR),
    dict(name="augmented", options=augmented, **others),
]
