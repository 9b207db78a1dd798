"""Human pose estimation in the COCO format, on MMPose.

Configs import ``tasks.pose.register_all``, which imports MMPose and registers this task's modules.
"""
