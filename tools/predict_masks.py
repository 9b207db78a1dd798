"""``bsam predict_masks``."""

from tasks.segmentation.commands import predict_masks as command

if __name__ == "__main__":
    command()
