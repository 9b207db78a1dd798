"""Fine-tune ``model.transfer_from=FILE`` to the classes in a folder, with ten labels each.

With weights of torchvision or timm also ``model.net.type=TorchvisionModel model.net.name=NAME`` (or
``TimmModel``) and the ``image_size`` that they were trained with.
"""

_base_ = "./folder.py"

preflight = [dict(type="check_images"), dict(type="check_transfer")]
train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        dataset=dict(
            _delete_=True,
            type="FewShotSubset",
            per_class=10,
            dataset=dict(
                type="InMemoryImageFolder",
                data_root=_base_.data_root,
                split="train",
                size=_base_.image_size,
            ),
        ),
    ),
)

train_cfg = dict(max_epochs=50, val_interval=10)
optim_wrapper = dict(optimizer=dict(lr=0.01))
