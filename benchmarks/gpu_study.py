"""The study of gpu_study.sh, which says in the environment on what and for how long."""

epochs = int("{{$EPOCHS:1}}")
options = {
    "data_root": "{{$CIFAR10:data/cifar10}}",
    "train_cfg.max_epochs": epochs,
    "train_cfg.val_interval": epochs,
}
if "{{$TINY:}}":
    sgd = dict(type="SGD", lr=0.1, momentum=0.9, weight_decay=5e-4)
    options["optim_wrapper"] = dict(_delete_=True, optimizer=sgd)  # AmpOptimWrapper needs a GPU
    options.update({"model.compile": False, "model.net.width": 4})
cells = [dict(config="benchmarks/studies/_base_/gpu.py")]
methods = dict(
    SGD=dict(),
    SAM=dict(rule="SAM", settings=dict(rho=0.1)),
    BSAM=dict(rule="BSAM", settings=dict(rho=0.1, rho_min=0.1)),
    cheap=dict(rule="BSAM", settings=dict(rho=0.1, rho_min=0.1, k=5)),
)
metric = "accuracy"
seeds = 1
hooks = [dict(type="FitHook")]
