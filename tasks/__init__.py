"""Task folders: each registers its parts with MMEngine and imports only bsam_suite."""
