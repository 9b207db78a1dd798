"""Images that are read, drawn on and laid out. Needs OpenCV."""
