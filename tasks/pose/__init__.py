"""Human pose estimation in the COCO format, on MMPose.

Configs import ``tasks.pose.parts``, which mends and imports MMPose and registers this task's parts.
"""
