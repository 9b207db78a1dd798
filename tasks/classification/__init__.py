"""Image classification: CIFAR networks, and any model of torchvision or timm, on any images.

Configs import ``tasks.classification.register_all``, which registers this task's modules.
"""
