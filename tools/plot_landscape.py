"""``bsam plot_landscape``."""

from bsam_suite.commands import plot_landscape as command

if __name__ == "__main__":
    command()
