"""Programs that run in the sandbox. They import helpers and libraries, nothing else of `instructor`."""
