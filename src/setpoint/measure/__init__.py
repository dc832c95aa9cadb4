"""Statistics as pure functions on arrays, shared by the gate, the monitors and the releases."""
