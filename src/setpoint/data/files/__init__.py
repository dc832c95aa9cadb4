"""Files of a source: read as they are, row by row, whatever they are written in."""
