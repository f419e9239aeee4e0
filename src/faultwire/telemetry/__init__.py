"""What the product tells about itself: clock, metrics, logs, loop lag and the probe."""
