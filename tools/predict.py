"""``bsam predict``."""

from tasks.pose.commands import predict as command

if __name__ == "__main__":
    command()
