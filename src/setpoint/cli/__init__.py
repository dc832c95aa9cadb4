"""The command line: parse, call one story, render."""
