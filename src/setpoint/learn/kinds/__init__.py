"""How each kind of goal beside two classes is learned and judged: one file for each."""
