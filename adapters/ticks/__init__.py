"""The way of a tick: inspected (`quarantine`), a payload per mode, to its outlet (`flow`)."""
