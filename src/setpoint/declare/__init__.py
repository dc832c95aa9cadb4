"""What the user states, as frozen data: the standard library only, no input or output."""
