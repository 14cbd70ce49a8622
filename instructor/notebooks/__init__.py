"""The notebooks: run, exported, checked, student editions, publishing."""
