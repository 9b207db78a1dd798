"""``bsam test``."""

from bsam_suite.commands import test as command

if __name__ == "__main__":
    command()
