"""``bsam analyze_flatness``."""

from bsam_suite.commands import analyze_flatness as command

if __name__ == "__main__":
    command()
