"""Programs that run inside the sandbox. They import helpers and libraries, nothing else of `instructor`."""
