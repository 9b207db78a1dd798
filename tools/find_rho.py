"""``bsam find_rho``."""

from bsam_suite.commands import find_rho as command

if __name__ == "__main__":
    command()
