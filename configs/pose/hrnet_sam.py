"""HRNet with SAM: W32 on COCO where it is found, else a small one on the built-in people."""

_base_ = "./hrnet-tiny_sam_people-128x96.py"
replaced_by = [
    dict(option="data_root", found="data/coco", config="./hrnet-w32_sam_coco-256x192.py")
]
