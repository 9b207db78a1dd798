"""30 of each digit, in batches of 25, with a learning rate in proportion.

A twofold one does not train: the loss stays that of chance.
"""

_base_ = "digits.py"
digits = _base_.train_dataloader.dataset.dataset
few = dict(_delete_=True, type="FewShotSubset", per_class=30, dataset=digits)
train_dataloader = dict(batch_size=25, dataset=dict(dataset=few))
optim_wrapper = dict(optimizer=dict(lr=0.04))
