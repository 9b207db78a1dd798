"""HRNet with BSAM: W32 on COCO where it is found, else a small one on the built-in people."""

_base_ = __import__("tasks.pose.choose", fromlist=["recipe"]).recipe(
    coco="./hrnet-w32_bsam_coco-256x192.py", built_in="./hrnet-tiny_bsam_people-128x96.py"
)
