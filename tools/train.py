"""``bsam train``."""

from bsam_suite.commands import train as command

if __name__ == "__main__":
    command()
