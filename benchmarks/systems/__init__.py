"""One file per measured system. Each is run as a process of its own, by its interpreter."""
