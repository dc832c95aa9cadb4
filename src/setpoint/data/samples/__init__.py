"""Samples: which rows are drawn, what each stands for, and the frame they were drawn from."""
