"""``bsam browse_dataset``."""

from tasks.pose.commands import browse_dataset as command

if __name__ == "__main__":
    command()
