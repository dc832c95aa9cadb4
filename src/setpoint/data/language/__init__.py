"""The language of expressions: what each operator and function means, for arrays and for one value."""
