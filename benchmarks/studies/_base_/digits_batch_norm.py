"""1,000 digits at 8x8 pixels; a narrow ResNet-18, which has batch norm."""

_base_ = "digits.py"
model = dict(net=dict(_delete_=True, type="CIFARResNet18", width=8))
train_dataloader = dict(batch_size=100)
