"""Public test kits, one per port: a backend is done when its kit passes."""
