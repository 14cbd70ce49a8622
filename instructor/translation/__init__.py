"""The course in another language: catalogues of its texts, what is wrong with them, translated notebooks."""
