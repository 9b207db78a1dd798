"""Fine-tune a network that knows the digits 0 to 4 to the digits 5 to 9 with five labels each."""

_base_ = "./digits.py"
replaced_by = [dict(option="data_root", config="./folder-transfer.py")]

preflight = [
    dict(type="check_images"),
    dict(type="check_transfer", pretrain="configs/classification/pretrain_digits-0-4.py"),
]
model = dict(num_classes=5, transfer_from="work_dirs/pretrain_digits-0-4/epoch_10.pth")
train_dataloader = dict(
    batch_size=10,
    dataset=dict(
        dataset=dict(
            _delete_=True,
            type="FewShotSubset",
            per_class=5,
            dataset=dict(
                type="Digits", split="train", digits=[5, 6, 7, 8, 9], size=_base_.image_size
            ),
        ),
    ),
)
val_dataloader = test_dataloader = dict(dataset=dict(digits=[5, 6, 7, 8, 9]))

train_cfg = dict(max_epochs=40, val_interval=10)
optim_wrapper = dict(optimizer=dict(lr=0.01))
