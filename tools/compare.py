"""``bsam compare``."""

from bsam_suite.commands import compare as command

if __name__ == "__main__":
    command()
