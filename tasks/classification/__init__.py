"""Image classification: CIFAR networks, and any model of torchvision or timm, on any images.

Configs import ``tasks.classification.parts``, which registers this task's parts.
"""
