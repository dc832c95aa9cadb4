"""What was trained, from what, and what was live when."""
