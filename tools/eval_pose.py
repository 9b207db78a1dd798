"""``bsam eval_pose``."""

from tasks.pose.commands import eval_pose as command

if __name__ == "__main__":
    command()
