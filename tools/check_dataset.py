"""``bsam check_dataset``."""

from tasks.pose.commands import check_dataset as command

if __name__ == "__main__":
    command()
